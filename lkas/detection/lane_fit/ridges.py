"""Marking-like ridges in a rectified road view.

A marking is a strip of known width that is brighter, or yellower, than the road on both of its sides. The response
of that box filter is divided by the row's own noise, so that one threshold holds at noon and at night.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.rectify import COLUMNS_PER_MARKING, RoadView

NOISE_FLOOR_LEVELS = 1.2  # grey levels: what quantisation and JPEG leave on a flat road
YELLOW_WEIGHT = 0.9  # yellowness is as contrasted as brightness but noisier
YELLOW_RATIO = 0.4  # of the brightness ridge in grey levels: with so much yellowness a marking is yellow
BESIDE_COLUMNS = round(1.4 * COLUMNS_PER_MARKING)  # from the strip's middle to the road beside it
STRONG_RATIO = 3.0  # a peak this many times above the threshold counts no more than that
PEAK_REACH = COLUMNS_PER_MARKING  # columns from a top to the end of its bump
BUMP_FOOT_RATIO = 0.25  # of the top: what is lower is road


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
    """Where the patch looks like a marking, all arrays (rows, columns) float32.

    The view's own, until its next image.
    """

    response: np.ndarray  # in noises, 0 where the image shows nothing
    bright_levels: np.ndarray
    yellow_levels: np.ndarray


def find_ridges(patch: np.ndarray, view: RoadView) -> Ridges:
    """(rows, columns, 3) uint8 view of the road -> box ridge on brightness and on yellowness, over the noise around it.

    A box ridge is the mean of a strip as wide as a marking less the brighter one of its two sides. The noise is the
    median magnitude of the row, or the local mean of magnitudes where that is smaller.
    """
    ridges = ridges_of(view)
    shape = (COLUMNS_PER_MARKING, BESIDE_COLUMNS, view.smooth_from, NOISE_FLOOR_LEVELS, YELLOW_WEIGHT)
    _kernels.ridges(
        patch,
        view.spans,
        (*ridges.response.shape, *shape),
        ridges.response,
        ridges.bright_levels,
        ridges.yellow_levels,
        view.planes[3:],
    )
    return ridges


def ridges_of(view: RoadView) -> Ridges:
    """What find_ridges found last in this view."""
    return Ridges(*view.planes[:3])


def find_peaks(ridges: Ridges, view: RoadView, threshold: float, fused: np.ndarray | None = None) -> Peaks:
    """Tops above `threshold` noises, to parts of a column.

    `fused`: (rows, columns) float32 to look for tops in instead of the ridge response, in the same unit; it is
    what another feature made of the response.
    """
    response = ridges.response if fused is None else np.ascontiguousarray(fused)
    most = response.size // 3  # two tops are at least three columns apart
    places, columns = np.empty(most, np.int32), np.empty(most)
    count = _kernels.tops(response, response.shape, PEAK_REACH, threshold, BUMP_FOOT_RATIO, most, places, columns)
    at, column = places[:count], columns[:count]
    row = at // response.shape[1]
    return Peaks(
        row=row,
        x_m=view.x_m[row],
        y_m=view.y_m[0] + view.shift_m[row] - view.step_m * column,
        weight=np.minimum(response.ravel()[at].astype(float) / threshold, STRONG_RATIO),
        yellow=ridges.yellow_levels.ravel()[at] > YELLOW_RATIO * ridges.bright_levels.ravel()[at],
        painted=ridges.response.ravel()[at] > threshold,
    )


def without_lean(peaks: Peaks, lean_rad: float, height_m: float) -> Peaks:
    """Tops seen from a car that leans by this (positive lowers the right side), as an upright one would see them.

    The side that is up looks nearer than it is: far ahead in a bend, where the road lies to one side, that bends it.
    """
    if lean_rad == 0.0:
        return peaks
    scale = 1 / (1 - lean_rad / height_m * peaks.y_m)
    return dataclasses.replace(peaks, x_m=scale * peaks.x_m, y_m=scale * peaks.y_m)
