"""How often a line like this one is right, in [0, 1]: a logistic of what supports it.

Its weights are fitted by training/fit_confidence.py, so that of the lines with confidence 0.8 four in five are right.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.rectify import RoadView
from lkas.detection.ridge import Peaks
from lkas.detection.road_fit import INLIER_SIGMAS, PIXEL_SIGMA, SURFACE_SIGMA_M, FittedLine

# Of 1, coverage, its square, chance, contrast, residual, span, sigmas of place and heading, being alone, width, fan,
# being new, step.
WEIGHTS = (1.98, 3.85, -2.32, 0.70, 1.67, -3.95, -1.00, -0.92, -0.51, -2.25, -0.58, -0.43, -0.26, -0.08)
MOST_COVERAGE = 0.6  # more is as good
MOST_SQUARE = 6.0  # of sigmas; more is as bad
PLACE_SIGMA_M, HEADING_SIGMA_RAD = 0.1, 0.01  # units
MOST_SIGMAS = 3.0
STEP_SIGMA_M = 0.1  # of a line from frame to frame
SOLID_COVERAGE = 0.72
NEAR_VIEW_ROWS = 0.5  # share of the rows, nearest first, in which gaps tell dashed from solid


@dataclass(frozen=True, slots=True)
class Support:
    """What a frame shows of one line."""

    coverage: float  # share of the line's visible rows with a ridge top on it, less what chance would give
    near_coverage: float  # share of painted rows in the near half of the view, chance included
    chance: float  # that share where no line is, as the view is full of tops
    contrast: float  # mean ridge response of those tops, in thresholds [1, 3]
    residual_sigmas: float
    span_ratio: float  # visible rows between the first and the last top
    place_sigma_m: float  # of the fit, below the camera
    heading_sigma_rad: float
    yellow_ratio: float
    nearest_m: float
    farthest_m: float


def support_of(line: FittedLine, peaks: Peaks, view: RoadView) -> Support:
    """Measure the support of one fitted line."""
    seen = np.zeros(len(view.x_m), bool)
    seen[peaks.row[line.inliers]] = True
    rows = np.flatnonzero(seen)
    column = np.rint((view.y_m[0] - line.lateral_m) / view.step_m).astype(int)
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
        chance=chance,
        contrast=float(peaks.weight[line.inliers].mean()),
        residual_sigmas=line.residual_sigmas,
        span_ratio=float((rows[-1] - rows[0] + 1) / len(visible)),
        place_sigma_m=math.sqrt(max(0.0, float(line.covariance[0, 0]))),
        heading_sigma_rad=math.sqrt(max(0.0, float(line.covariance[1, 1]))),
        yellow_ratio=float(peaks.yellow[line.inliers].mean()),
        nearest_m=float(view.x_m[rows[-1]]),
        farthest_m=float(view.x_m[rows[0]]),
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a line goes with its partner and with the frame before; None where there is none."""

    width_off_sigmas: float | None = None  # the lane's width against the expected one
    fan_sigmas: float | None = None  # by how much pitch the two lines are out of parallel
    step_m: float | None = None  # from where the line was one frame ago


def features_of(support: Support, agreement: Agreement) -> tuple[float, ...]:
    """What the logistic weighs, in the order of WEIGHTS."""
    coverage = min(support.coverage, MOST_COVERAGE)
    width, fan, step = agreement.width_off_sigmas, agreement.fan_sigmas, agreement.step_m
    return (
        1.0,
        coverage,
        coverage * coverage,
        support.chance,
        support.contrast - 2.0,
        support.residual_sigmas - 0.8,
        support.span_ratio,
        min(support.place_sigma_m / PLACE_SIGMA_M, MOST_SIGMAS),
        min(support.heading_sigma_rad / HEADING_SIGMA_RAD, MOST_SIGMAS),
        float(width is None),
        0.0 if width is None else min(width * width, MOST_SQUARE),
        0.0 if fan is None else min(fan * fan, MOST_SQUARE),
        float(step is None),
        0.0 if step is None else min((step / STEP_SIGMA_M) ** 2, MOST_SQUARE),
    )


def confidence_of(support: Support, agreement: Agreement) -> float:
    """[0, 1]."""
    z = sum(weight * value for weight, value in zip(WEIGHTS, features_of(support, agreement), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def _chance(peaks: Peaks, view: RoadView, visible: np.ndarray) -> float:
    """How often a curve drawn anywhere would meet a ridge top in a row, from how many tops there are."""
    gate_m = INLIER_SIGMAS * np.hypot(SURFACE_SIGMA_M, PIXEL_SIGMA * view.pixel_m)
    tops = np.bincount(peaks.row, minlength=len(visible))
    by_row = 1 - np.exp(-2 * gate_m * tops / np.maximum(view.seen_m, 1.0))
    return float(min(0.9, by_row[visible].mean()))
