"""The confidence of a line: the probability in [0, 1] that it is right, a logistic function of its support.

The weights are fitted by training/fit_confidence.py, so that four in five lines of confidence 0.8 are right.
"""

import math
from dataclasses import dataclass

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.kernel_structs import SupportView
from lkas.detection.lane_fit.problem import INLIER_SIGMAS
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.road_model import FittedLine

# All except the last one also choose among views and lines.
WEIGHTS = (
    1.98,  # constant
    3.85,  # coverage
    -2.32,  # coverage squared
    0.70,  # chance
    1.67,  # contrast
    -3.95,  # residual
    -1.00,  # span
    -0.92,  # sigma of the place
    -0.51,  # sigma of the heading
    -2.25,  # alone, without a partner
    -0.86,  # alone in a chosen view
    -0.58,  # width
    -0.43,  # fan
    -0.26,  # new
    -0.08,  # step
    -0.97,  # place
)
MAX_COVERAGE = 0.6  # more does not count
FULL_PARTNER = 0.15  # coverage of the other line from which it counts as a full partner: that of a few dashes
MAX_SQUARE = 6.0  # of sigmas; more does not count
PLACE_SIGMA_M, HEADING_SIGMA_RAD = 0.1, 0.01  # units
MAX_SIGMAS = 3.0
STEP_SIGMA_M = 0.1  # of a line from frame to frame
PLACE_OFF = 0.2  # lane widths
MAX_PLACE_SQUARE = 2.0  # of those: a line one metre off loses confidence, but is not excluded
SOLID_COVERAGE = 0.72
MAX_CHANCE = 0.9  # in a view full of peaks
NEAR_VIEW_ROWS = 0.5  # share of the rows, nearest first, in which gaps distinguish dashed from solid


@dataclass(frozen=True, slots=True)
class Support:
    """The evidence for one line in one frame."""

    coverage: float  # share of the line's visible rows with a peak on it, minus what chance would give
    near_coverage: float  # share of painted rows in the near half of the view, chance included
    chance: float  # the same share for a curve without a line, from the density of peaks
    contrast: float  # mean response of those peaks, in thresholds [1, 3]
    residual_sigmas: float
    span_ratio: float  # rows between the first and the last peak, as a share of the view
    place_sigma_m: float  # of the fit, below the camera
    heading_sigma_rad: float
    yellow_ratio: float
    nearest_m: float
    farthest_m: float


def support_of(line: FittedLine, peaks: Peaks, view: RoadView) -> Support:
    """Measure the support of one fitted line, which has inliers."""
    rows = len(view.x_m)
    support_view = SupportView(
        near_from=int(rows * (1 - NEAR_VIEW_ROWS)),
        leftmost_m=float(view.y_m[0]),
        step_m=view.step_m,
        spans=view.spans,
        gate_m=INLIER_SIGMAS * view.point_sigma_m,
        seen_m=view.seen_m,
    )
    visible, seen, first, last, chance, near_visible, near_painted, contrast, yellow_ratio = _kernels.measure_support(
        support_view, peaks, line.inliers, line.lateral_m
    )
    # How often a random curve would meet a peak in a row, from the density of peaks, plus one standard deviation.
    chance = min(MAX_CHANCE, chance)
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
    """How well a line agrees with its partner and with the frame before; None where there is none."""

    in_chosen_view: bool = False  # the view was chosen for what it shows, so chance had several tries
    partner_coverage: float = 0.0  # of the other line
    width_off_sigmas: float | None = None  # the lane's width against the expected one
    fan_sigmas: float | None = None  # pitch error that would make the two lines parallel
    step_m: float | None = None  # from where the line was one frame ago
    # Distance in lane widths from where the lines of a car in the middle of its lane are; for a followed line the
    # smallest so far, as a car may leave its lane. Not used while lines are chosen.
    place_off: float = 0.0


def features_of(support: Support, agreement: Agreement) -> tuple[float, ...]:
    """The inputs of the logistic function, in the order of WEIGHTS."""
    coverage = min(support.coverage, MAX_COVERAGE)
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
        min(support.place_sigma_m / PLACE_SIGMA_M, MAX_SIGMAS),
        min(support.heading_sigma_rad / HEADING_SIGMA_RAD, MAX_SIGMAS),
        alone,
        alone * agreement.in_chosen_view,
        0.0 if width is None else min(width * width, MAX_SQUARE),
        0.0 if fan is None else min(fan * fan, MAX_SQUARE),
        float(step is None),
        0.0 if step is None else min((step / STEP_SIGMA_M) ** 2, MAX_SQUARE),
        min((agreement.place_off / PLACE_OFF) ** 2, MAX_PLACE_SQUARE),
    )


def confidence_of(support: Support, agreement: Agreement) -> float:
    """The probability in [0, 1] that a line is right."""
    z = sum(weight * value for weight, value in zip(WEIGHTS, features_of(support, agreement), strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))
