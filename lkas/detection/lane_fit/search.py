"""A first guess of the ego lane: all peaks vote for heading and curvature, then the two nearest lines are chosen.

All lines of a road share heading and curvature, its course. When the right course is subtracted, the lateral positions
of the peaks concentrate at the lines; the vote maximises the sum of squares of their histogram. It proceeds from coarse
to fine: first on the near part of the view, where the steps may be wide, then farther ahead. If the course is known
from the frame before, only the finest steps around it are tried.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.kernel_structs import CourseSearch, LateralHistogram
from lkas.detection.lane_fit.rectify import HALF_WIDTH_LANES, RoadView
from lkas.detection.lane_fit.ridges import Peaks

STAGES = np.array([0.4, 0.63, 1.0])  # share of the view that each stage uses
STEP_M = 0.4  # lateral step of the grid at the stage's far end
BIN_M = 0.2
STRAIGHT_BONUS = 0.15  # how much more a curved course has to explain; decides between nearly equal courses
FIRST_STAGE_PEAKS = 320
MAX_PEAKS = 700
MIN_PEAKS = 12

FINE_BIN_M = 0.05
MIN_BINS = 5  # as wide as the smoothing of the histogram
MIN_HEIGHT = 6.0  # summed weight of a histogram peak; less is scatter
LANE_WIDTH_RANGE = (0.55, 1.5)  # of the expected width
MIDDLE_SPREAD = 0.35  # of the expected width: spread of the car's offset from the middle
ACROSS = 0.14  # of the expected width: a line may lie this far on the other side of the car
DOUBLE = 0.14  # of the expected width: largest distance between the two parts of a double line
INNER_RATIO = 0.6  # smallest strength of its inner part, relative to the stronger one
INSIDE_PENALTY = 0.3  # for a pair with a line of similar strength between its two


@dataclass(frozen=True, slots=True)
class Course:
    """What all lines of a road share: slope (rad) at the camera and curvature (1/m)."""

    heading_rad: float
    curvature_radpm: float
    agreement: float  # how strongly the peaks agree on it; comparable within one image


@dataclass(frozen=True, slots=True)
class LaneGuess:
    """Lateral positions (m, beside the camera) of the two ego lines on a course; None for a line that was not found."""

    course: Course
    left_m: float | None
    right_m: float | None


def find_course(peaks: Peaks, view: RoadView, around: Course | None = None) -> Course | None:
    """The course on which most peaks agree, anywhere or close `around` one; None with too few peaks."""
    if len(peaks) < MIN_PEAKS:
        return None
    x_m, y_m, weight = peaks.x_m, peaks.y_m, peaks.weight
    if around is None or len(peaks) > MAX_PEAKS:
        strongest = np.argsort(-weight, kind="stable")[:MAX_PEAKS]
        x_m, y_m, weight = x_m[strongest], y_m[strongest], weight[strongest]
    half_width_m = -float(view.y_m[-1])
    search = CourseSearch(
        far_m=view.far_m,
        half_width_m=half_width_m,
        stages=STAGES,
        step_m=STEP_M,
        max_heading_rad=view.bends.max_heading_rad,
        max_curvature_radpm=view.bends.searched_radpm,
        straight_bonus=STRAIGHT_BONUS,
        bin_m=BIN_M,
        bins=math.ceil(2 * half_width_m / BIN_M) + 2,
        first_points=FIRST_STAGE_PEAKS,
        is_local=around is not None,
        is_circular=view.bends.are_sharp,
    )
    start = (0.0, 0.0) if around is None else (around.heading_rad, around.curvature_radpm)
    return Course(*_kernels.search_course(x_m, y_m, weight, search, start, np.empty(3 * len(x_m))))


def choose_lane(
    peaks: Peaks, view: RoadView, course: Course, lane_width_m: float, width_spread: float, previous: LaneGuess | None
) -> LaneGuess | None:
    """The pair of histogram peaks that is most like the ego lane; without one, the peak nearest to where a line should
    be.

    `width_spread`: spread of real widths, relative to `lane_width_m` (wider for a camera of unknown height).
    `previous`: the guess of the frame before; lines near its positions are preferred.
    """
    half_width_m = HALF_WIDTH_LANES * lane_width_m
    position_m, height = _histogram_peaks(peaks, course, half_width_m, view.bends.are_sharp)
    if previous is not None:
        height = [strength * _nearness(at_m, previous) for at_m, strength in zip(position_m, height, strict=True)]
    pair = _best_pair(position_m, height, lane_width_m, width_spread)
    if pair is not None:
        left, right = _inner(position_m, height, pair, lane_width_m)
        return LaneGuess(course, position_m[left], position_m[right])
    return _best_single(position_m, height, course, lane_width_m)


def _histogram_peaks(
    peaks: Peaks, course: Course, half_width_m: float, is_circular: bool
) -> tuple[list[float], list[float]]:
    """Position and height of the peaks of the lateral histogram on a course, rightmost first."""
    bins = max(MIN_BINS, 2 * round(half_width_m / FINE_BIN_M))
    position_m, height = np.empty(bins), np.empty(bins)
    histogram = LateralHistogram(
        heading_rad=course.heading_rad,
        curvature_radpm=course.curvature_radpm,
        half_width_m=half_width_m,
        bin_m=FINE_BIN_M,
        bins=bins,
        min_height=MIN_HEIGHT,
        is_circular=is_circular,
    )
    count = _kernels.histogram_peaks(peaks.x_m, peaks.y_m, peaks.weight, histogram, position_m, height)
    return position_m[:count].tolist(), height[:count].tolist()


def _best_pair(
    position_m: list[float], height: list[float], lane_width_m: float, width_spread: float
) -> tuple[int, int] | None:
    """Indices (left, right) of the most lane-like pair."""
    best_score, best = 0.0, None
    across_m, margin_m = ACROSS * lane_width_m, 0.18 * lane_width_m
    candidates = list(enumerate(zip(position_m, height, strict=True)))
    lefts = [candidate for candidate in candidates if candidate[1][0] > -across_m]
    rights = [candidate for candidate in candidates if candidate[1][0] < across_m]
    for left, (left_m, left_height) in lefts:
        for right, (right_m, right_height) in rights:
            width_ratio = (left_m - right_m) / lane_width_m
            if not LANE_WIDTH_RANGE[0] < width_ratio < LANE_WIDTH_RANGE[1]:
                continue
            middle_ratio = (left_m + right_m) / 2 / lane_width_m
            score = math.sqrt(left_height * right_height) + 0.35 * (left_height + right_height)
            score *= math.exp(-0.5 * ((width_ratio - 1) / width_spread) ** 2)
            score *= math.exp(-0.5 * (middle_ratio / MIDDLE_SPREAD) ** 2)
            if score <= best_score:
                continue  # lines between the two can only lower the score
            between = [strength for _, (at_m, strength) in candidates if right_m + margin_m < at_m < left_m - margin_m]
            if between:
                score *= 1 - INSIDE_PENALTY * min(1.0, max(between) / min(left_height, right_height))
            if score > best_score:
                best_score, best = score, (left, right)
    return best


def _inner(position_m: list[float], height: list[float], pair: tuple[int, int], lane_width_m: float) -> tuple[int, int]:
    """The pair, moved to the inner part of each double line."""

    def doubles(of: int) -> list[int]:
        return [
            index
            for index, (at_m, strength) in enumerate(zip(position_m, height, strict=True))
            if index == of
            or (strength > INNER_RATIO * height[of] and abs(at_m - position_m[of]) < DOUBLE * lane_width_m)
        ]

    return doubles(pair[0])[0], doubles(pair[1])[-1]


def _best_single(position_m: list[float], height: list[float], course: Course, lane_width_m: float) -> LaneGuess | None:
    """The strongest peak at about half a lane's width to one side."""
    best_score, best_m = -math.inf, None
    for at_m, strength in zip(position_m, height, strict=True):
        off_ratio = (abs(at_m) - lane_width_m / 2) / lane_width_m
        score = strength * math.exp(-0.5 * (off_ratio / MIDDLE_SPREAD) ** 2)
        if score > best_score:
            best_score, best_m = score, at_m
    if best_m is None:
        return None
    return LaneGuess(course, best_m, None) if best_m > 0 else LaneGuess(course, None, best_m)


def _nearness(position_m: float, previous: LaneGuess) -> float:
    """Bonus factor for a peak where a line was in the frame before."""
    bonus = 1.0
    for line_m in (previous.left_m, previous.right_m):
        if line_m is not None:
            bonus += 0.5 * math.exp(-0.5 * ((position_m - line_m) / 0.2) ** 2)
    return bonus
