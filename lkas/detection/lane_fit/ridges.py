"""Marking-like ridges in a rectified road view.

A marking is a strip of known width that is brighter, or yellower, than the road on both of its sides. The response
of that box filter is divided by the local noise, so that one threshold is valid by day and at night.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.kernel_structs import PeakShape, RidgeShape
from lkas.detection.lane_fit.rectify import COLUMNS_PER_MARKING, RoadView

NOISE_FLOOR_LEVELS = 1.2  # grey levels: quantisation and JPEG noise on a flat road
YELLOW_WEIGHT = 0.9  # yellowness has the same contrast as brightness but more noise
YELLOW_RATIO = 0.4  # of the brightness ridge, in grey levels: with more yellowness a marking is yellow
BESIDE_COLUMNS = round(1.4 * COLUMNS_PER_MARKING)  # from the strip's middle to the road beside it
STRONG_RATIO = 3.0  # of the threshold; a higher peak has no more weight
PEAK_REACH = COLUMNS_PER_MARKING  # columns from a peak to the end of its bump
BUMP_FOOT_RATIO = 0.25  # of the peak's height; lower cells are road


@dataclass(frozen=True, slots=True)
class Peaks:
    """Ridge peaks, all arrays (N,). x_m ahead of the camera, y_m left of it."""

    row: np.ndarray  # int32, row of the view
    x_m: np.ndarray
    y_m: np.ndarray
    weight: np.ndarray  # [1, STRONG_RATIO], response in thresholds
    yellow: np.ndarray  # bool, yellow rather than white
    painted: np.ndarray  # bool, the ridge alone is above the threshold; else the point rests on other evidence too

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Ridges:
    """How much the patch looks like a marking, all arrays (rows, columns) float32.

    Owned by the view, valid until its next image.
    """

    response: np.ndarray  # in units of the noise, 0 outside the image
    bright_levels: np.ndarray
    yellow_levels: np.ndarray


def find_ridges(patch: np.ndarray, view: RoadView) -> Ridges:
    """(rows, columns, 3) uint8 view of the road -> box ridges on brightness and on yellowness, relative to the noise.

    A box ridge is the mean of a strip as wide as a marking minus the brighter one of its two sides. The noise is the
    median magnitude of the row, or the local mean of magnitudes where that is smaller.
    """
    ridges = Ridges(*view.planes[:3])
    shape = RidgeShape(COLUMNS_PER_MARKING, BESIDE_COLUMNS, view.smooth_from, NOISE_FLOOR_LEVELS, YELLOW_WEIGHT)
    _kernels.find_ridges(
        patch, view.spans, shape, ridges.response, ridges.bright_levels, ridges.yellow_levels, view.planes[3:]
    )
    return ridges


def find_peaks(ridges: Ridges, view: RoadView, threshold: float, fused: np.ndarray | None = None) -> Peaks:
    """Peaks above `threshold` noises, with sub-column precision.

    `fused`: (rows, columns) float32 response to search instead of the ridges' own, in the same unit; the ridges
    combined with other evidence.
    """
    response = ridges.response if fused is None else np.ascontiguousarray(fused)
    max_peaks = response.size // 3  # two peaks are at least three columns apart
    places, columns = np.empty(max_peaks, np.int32), np.empty(max_peaks)
    count = _kernels.find_peaks(response, PeakShape(PEAK_REACH, threshold, BUMP_FOOT_RATIO), places, columns)
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


def without_roll(peaks: Peaks, roll_rad: float, height_m: float) -> Peaks:
    """Peaks seen from a car with this roll (positive lowers the right side), as an upright car would see them.

    Ground on the raised side looks nearer than it is, which distorts a bend far ahead, where the road is on one side.
    """
    if roll_rad == 0.0:
        return peaks
    scale = 1 / (1 - roll_rad / height_m * peaks.y_m)
    return dataclasses.replace(peaks, x_m=scale * peaks.x_m, y_m=scale * peaks.y_m)
