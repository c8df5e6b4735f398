"""How often a line like this one is right, in [0, 1]: a logistic of what supports it.

Its weights are fitted by training/fit_confidence.py, so that of the lines with confidence 0.8 four in five are right.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.problem import INLIER_SIGMAS
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.road_model import FittedLine

# All but that of the place also choose among views and lines.
WEIGHTS = (
    1.98,  # of 1
    3.85,  # of coverage
    -2.32,  # of its square
    0.70,  # of chance
    1.67,  # of contrast
    -3.95,  # of residual
    -1.00,  # of span
    -0.92,  # of sigma of the place
    -0.51,  # of sigma of the heading
    -2.25,  # of being alone
    -0.86,  # of being alone in a chosen view
    -0.58,  # of width
    -0.43,  # of fan
    -0.26,  # of being new
    -0.08,  # of step
    -0.97,  # of place
)
MOST_COVERAGE = 0.6  # more is as good
FULL_PARTNER = 0.15  # coverage from which the other line counts as there: that of a few dashes
MOST_SQUARE = 6.0  # of sigmas; more is as bad
PLACE_SIGMA_M, HEADING_SIGMA_RAD = 0.1, 0.01  # units
MOST_SIGMAS = 3.0
STEP_SIGMA_M = 0.1  # of a line from frame to frame
PLACE_OFF = 0.2  # lane widths
MOST_PLACE_SQUARE = 2.0  # of those: a line a metre off is doubted, no more
SOLID_COVERAGE = 0.72
MOST_CHANCE = 0.9  # however full of tops a view is
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
    """Measure the support of one fitted line, which has inliers."""
    rows = len(view.x_m)
    visible, seen, first, last, chance, near_visible, near_painted, contrast, yellow_ratio = _kernels.support(
        np.ascontiguousarray(peaks.row, np.int32),
        peaks.weight,
        peaks.yellow,
        peaks.painted,
        len(peaks),
        line.inliers,
        len(line.inliers),
        line.lateral_m,
        view.spans,
        INLIER_SIGMAS * view.point_sigma_m,
        view.seen_m,
        (rows, int(rows * (1 - NEAR_VIEW_ROWS)), float(view.y_m[0]), view.step_m),
    )
    # How often a curve drawn anywhere would meet a ridge top in a row, from how many tops there are, and some luck.
    chance = min(MOST_CHANCE, chance)
    chance += math.sqrt(chance * (1 - chance) / visible)
    return Support(
        coverage=max(0.0, (seen / visible - chance) / (1 - chance)),
        near_coverage=near_painted / near_visible if near_visible else 0.0,
        chance=chance,
        contrast=contrast,
        residual_sigmas=line.residual_sigmas,
        span_ratio=(last - first + 1) / rows,
        place_sigma_m=math.sqrt(max(0.0, float(line.covariance[0, 0]))),
        heading_sigma_rad=math.sqrt(max(0.0, float(line.covariance[1, 1]))),
        yellow_ratio=yellow_ratio,
        nearest_m=float(view.x_m[int(last)]),
        farthest_m=float(view.x_m[int(first)]),
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a line goes with its partner and with the frame before; None where there is none."""

    in_chosen_view: bool = False  # the view was chosen for what it shows, so that chance had several tries
    partner_coverage: float = 0.0  # of the other line: one that is hardly there speaks for nothing
    width_off_sigmas: float | None = None  # the lane's width against the expected one
    fan_sigmas: float | None = None  # by how much pitch the two lines are out of parallel
    step_m: float | None = None  # from where the line was one frame ago
    # From where the lines of a car in the middle of its lane are, in lane widths; of a followed line the least so far:
    # a car may leave its lane, and its lines are still the same. Not asked while lines are chosen.
    place_off: float = 0.0


def features_of(support: Support, agreement: Agreement) -> tuple[float, ...]:
    """What the logistic weighs, in the order of WEIGHTS."""
    coverage = min(support.coverage, MOST_COVERAGE)
    alone = 1.0 - min(agreement.partner_coverage, FULL_PARTNER) / FULL_PARTNER
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
        alone,
        alone * agreement.in_chosen_view,
        0.0 if width is None else min(width * width, MOST_SQUARE),
        0.0 if fan is None else min(fan * fan, MOST_SQUARE),
        float(step is None),
        0.0 if step is None else min((step / STEP_SIGMA_M) ** 2, MOST_SQUARE),
        min((agreement.place_off / PLACE_OFF) ** 2, MOST_PLACE_SQUARE),
    )


def confidence_of(support: Support, agreement: Agreement) -> float:
    """[0, 1]."""
    z = sum(weight * value for weight, value in zip(WEIGHTS, features_of(support, agreement), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))
