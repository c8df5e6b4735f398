"""How often a line like this one is right, in [0, 1]: a logistic of what supports it."""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.rectify import RoadView
from lkas.detection.ridge import Peaks
from lkas.detection.road_fit import INLIER_SIGMAS, PIXEL_SIGMA, SURFACE_SIGMA_M, FittedLine

BIAS = -1.5
COVERAGE_GAIN = 16.0
CONTRAST_GAIN = 0.4
RESIDUAL_GAIN = 3.5
WIDTH_GAIN = 0.5
ALONE_LOSS = 0.5  # a line without a partner is more often none
SOLID_COVERAGE = 0.72
NEAR_VIEW_ROWS = 0.5  # share of the rows, nearest first, in which gaps tell dashed from solid


@dataclass(frozen=True, slots=True)
class Support:
    """What a frame shows of one line."""

    coverage: float  # share of the line's visible rows with a ridge top on it, less what chance would give
    near_coverage: float  # share of painted rows in the near half of the view, chance included
    contrast: float  # mean ridge response of those tops, in thresholds [1, 3]
    residual_sigmas: float
    span_ratio: float  # visible rows between the first and the last top
    yellow_ratio: float
    nearest_m: float
    farthest_m: float


def support_of(line: FittedLine, peaks: Peaks, view: RoadView) -> Support:
    """Measure the support of one fitted line."""
    seen = np.zeros(len(view.x_m), bool)
    seen[peaks.row[line.inliers]] = True
    rows = np.flatnonzero(seen)
    c0, c1, c2, c3 = line.coefficients
    lateral_m = c0 + view.x_m * (c1 + view.x_m * (c2 / 2 + view.x_m * c3 / 6))
    column = np.rint((view.y_m[0] - lateral_m) / view.step_m).astype(int)
    inside = np.flatnonzero((column >= 0) & (column < len(view.y_m)))
    visible = np.zeros(len(column), bool)
    visible[inside] = view.visible[inside, column[inside]]
    visible |= seen
    chance = _chance(peaks, view, visible)
    chance += math.sqrt(chance * (1 - chance) / np.count_nonzero(visible))
    share = seen.sum() / visible.sum()
    painted = np.zeros(len(view.x_m), bool)
    painted[peaks.row[line.inliers[peaks.painted[line.inliers]]]] = True
    near = visible.copy()
    near[: int(len(near) * (1 - NEAR_VIEW_ROWS))] = False
    return Support(
        coverage=max(0.0, (share - chance) / (1 - chance)),
        near_coverage=float(painted[near].sum() / near.sum()) if near.any() else 0.0,
        contrast=float(peaks.weight[line.inliers].mean()),
        residual_sigmas=line.residual_sigmas,
        span_ratio=float((rows[-1] - rows[0] + 1) / len(visible)),
        yellow_ratio=float(peaks.yellow[line.inliers].mean()),
        nearest_m=float(view.x_m[rows[-1]]),
        farthest_m=float(view.x_m[rows[0]]),
    )


def confidence_of(support: Support, width_off_sigmas: float | None) -> float:
    """[0, 1]. `width_off_sigmas`: the lane's width against the expected one; None for a single line."""
    z = BIAS + COVERAGE_GAIN * min(support.coverage, 0.5) + CONTRAST_GAIN * (support.contrast - 2.0)
    z -= RESIDUAL_GAIN * (support.residual_sigmas - 0.6)
    z -= ALONE_LOSS if width_off_sigmas is None else WIDTH_GAIN * width_off_sigmas**2
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def _chance(peaks: Peaks, view: RoadView, visible: np.ndarray) -> float:
    """How often a curve drawn anywhere would meet a ridge top in a row, from how many tops there are."""
    gate_m = INLIER_SIGMAS * np.hypot(SURFACE_SIGMA_M, PIXEL_SIGMA * view.pixel_m)
    tops = np.bincount(peaks.row, minlength=len(visible))
    by_row = 1 - np.exp(-2 * gate_m * tops / np.maximum(view.seen_m, 1.0))
    return float(min(0.9, by_row[visible].mean()))
