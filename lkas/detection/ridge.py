"""Marking-like ridges in a rectified road view.

A marking is a strip of known width that is brighter, or yellower, than the road on both of its sides. The response
of that box filter is divided by the row's own noise, so that one threshold holds at noon and at night.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lkas.detection.rectify import COLUMNS_PER_MARKING, RoadView

NOISE_FLOOR_LEVELS = 1.2  # grey levels: what quantisation and JPEG leave on a flat road
YELLOW_WEIGHT = 0.9  # yellowness is as contrasted as brightness but noisier
YELLOW_RATIO = 0.4  # of the brightness ridge in grey levels: with so much yellowness a marking is yellow
BESIDE_COLUMNS = round(1.4 * COLUMNS_PER_MARKING)  # from the strip's middle to the road beside it
STRONG_RATIO = 3.0  # a peak this many times above the threshold counts no more than that
LOCAL_WINDOW = (4 * COLUMNS_PER_MARKING + 1, 9)  # noise samples, rows: half a lane
STRIP = np.full(COLUMNS_PER_MARKING, 1 / COLUMNS_PER_MARKING, np.float32)
THREE_ROWS = np.full(3, 1 / 3, np.float32)
ALONE = np.ones(1, np.float32)
MAGNITUDE_CAP = 3.0  # row noises; more is a marking or an edge
PEAK_REACH = COLUMNS_PER_MARKING  # columns from a top to the end of its bump
AROUND_TOP = np.arange(-PEAK_REACH, PEAK_REACH + 1)
BUMP_FOOT_RATIO = 0.25  # of the top: what is lower is road
NOISE_STEP = 4  # neighbours within a marking's width say the same: every fourth column is enough to know the noise
MEDIAN_STEP = 2  # of these samples, every second is enough for a row's median


@dataclass(frozen=True, slots=True)
class Peaks:
    """Ridge tops, all arrays (N,). x_m ahead of the camera, y_m left of it."""

    row: np.ndarray  # int, row of the view
    x_m: np.ndarray
    y_m: np.ndarray
    weight: np.ndarray  # [1, STRONG_RATIO], response above threshold
    yellow: np.ndarray  # bool, it looks yellow rather than white
    painted: (
        np.ndarray
    )  # bool, the marking itself is there (not a faint one that only counts because of another feature)

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Ridges:
    """Where the patch looks like a marking, all arrays (rows, columns) float32."""

    response: np.ndarray  # in noises, 0 where the image shows nothing
    bright_levels: np.ndarray
    yellow_levels: np.ndarray


def find_ridges(patch: np.ndarray, view: RoadView) -> Ridges:
    """(rows, columns, 3) uint8 view of the road -> box ridge on brightness and on yellowness, over the row's noise."""
    red, green, blue = cv2.split(patch)
    bright_levels = _ridge(cv2.addWeighted(red, 0.5, green, 0.5, 0.0, dtype=cv2.CV_32F), view.smooth_from)
    yellow_levels = _ridge(cv2.subtract(cv2.min(red, green), blue, dtype=cv2.CV_32F), view.smooth_from)
    bright, yellow = _normalised(bright_levels, view.visible), _normalised(yellow_levels, view.visible)
    yellow *= YELLOW_WEIGHT
    response = cv2.max(bright, yellow)
    response *= view.visible
    return Ridges(response, bright_levels, yellow_levels)


def find_peaks(ridges: Ridges, view: RoadView, threshold: float, fused: np.ndarray | None = None) -> Peaks:
    """Sub-pixel tops above `threshold` noises.

    `fused`: (rows, columns) float32 to look for tops in instead of the ridge response, in the same unit; it is
    what another feature made of the response.
    """
    response = (ridges.response if fused is None else fused).copy()
    response[:, :PEAK_REACH] = response[:, -PEAK_REACH:] = 0.0
    at = np.flatnonzero(response > threshold)
    flat = response.ravel()
    top = flat[at]
    is_top = (top >= flat[at - 1]) & (top > flat[at + 1]) & (top >= flat[at - 2]) & (top > flat[at + 2])
    at, top = at[is_top], top[is_top].astype(float)
    row, column = np.divmod(at, response.shape[1])
    # The centre of the bump's upper part: right for pointed and for flat tops alike.
    bump = np.maximum(flat[at[:, None] + AROUND_TOP].astype(float) - BUMP_FOOT_RATIO * top[:, None], 0.0)
    offset = bump @ AROUND_TOP / bump.sum(axis=1)
    return Peaks(
        row=row,
        x_m=view.x_m[row],
        y_m=view.y_m[0] + view.shift_m[row] - view.step_m * (column + offset),
        weight=np.minimum(top / threshold, STRONG_RATIO),
        yellow=ridges.yellow_levels.ravel()[at] > YELLOW_RATIO * ridges.bright_levels.ravel()[at],
        painted=ridges.response.ravel()[at] > threshold,
    )


def _ridge(values: np.ndarray, smooth_from: int) -> np.ndarray:
    """Mean of a strip less the brighter one of its two sides; (rows, columns) float32."""
    strip = cv2.sepFilter2D(values, -1, STRIP, ALONE)  # cv2.blur takes four times as long on floats
    strip[smooth_from:] = cv2.sepFilter2D(strip[smooth_from:], -1, ALONE, THREE_ROWS)
    k = BESIDE_COLUMNS
    sides = cv2.copyMakeBorder(strip, 0, 0, k, k, cv2.BORDER_REPLICATE)
    strip -= np.maximum(sides[:, : -2 * k], sides[:, 2 * k :])
    return strip


def _normalised(response: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The response in units of the noise around it.

    That is the median magnitude of the row over what is in the image, or the local mean of magnitudes where it is
    smaller (capped, so that markings count little): a fence beside the road does not deafen the lane.
    """
    magnitude = np.abs(response[:, ::NOISE_STEP])
    seen = visible[:, :: NOISE_STEP * MEDIAN_STEP]
    ordered = np.where(seen, magnitude[:, ::MEDIAN_STEP], np.float32(np.inf))
    ordered.sort(axis=1)
    median = ordered[np.arange(len(ordered)), np.maximum(np.count_nonzero(seen, axis=1) - 1, 0) // 2]
    # 1.48 and 1.25: median and mean magnitude of Gaussian noise -> its standard deviation.
    row_noise = (1.48 * np.where(np.isfinite(median), median, np.float32(0)) + NOISE_FLOOR_LEVELS)[:, None]
    noise = cv2.blur(np.minimum(magnitude, MAGNITUDE_CAP * row_noise), LOCAL_WINDOW)
    noise *= 1.25
    noise += NOISE_FLOOR_LEVELS
    np.minimum(noise, row_noise, out=noise)
    return cv2.divide(response, cv2.resize(noise, response.shape[::-1]))
