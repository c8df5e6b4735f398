"""Where the ego lane is, roughly: a vote of all ridge tops over heading and curvature, then the two nearest lines.

All lines of a road share heading and curvature. For the right ones, the lateral positions that remain when the
course is taken away pile up at the lines; the vote maximises the squared height of those piles. It goes from
coarse to fine: first on the near part of the view, where the steps may be wide, then ever farther. Where the course
was known one frame ago, only the finest steps around it are asked.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.rectify import HALF_WIDTH_LANES, RoadView
from lkas.detection.lane_fit.ridges import Peaks

MAX_HEADING_RAD = 0.16
MAX_CURVATURE_RADPM = 1 / 60
STAGES = (0.4, 0.63, 1.0)  # share of the view that each stage looks at
STEP_M = 0.4  # lateral step of the grid at the stage's far end
BIN_M = 0.2
STRAIGHT_BONUS = 0.15  # how much more a winding course has to explain; decides between equals only
FIRST_STAGE_PEAKS = 320
MAX_PEAKS = 700
MIN_PEAKS = 12

FINE_BIN_M = 0.05
LEAST_BINS = 5  # as wide as the smoothing of the piles
MIN_PILE = 6.0  # summed weight; less is scatter
LANE_WIDTH_RANGE = (0.55, 1.5)  # of the expected width
MIDDLE_SPREAD = 0.35  # of the expected width: how far the car strays from the middle
ACROSS = 0.14  # of the expected width: a line this far beyond the camera's middle still counts as on its side
DOUBLE = 0.14  # of the expected width: largest distance between the two of a double line
INNER_RATIO = 0.6  # its inner one is at least so strong
INSIDE_PENALTY = 0.3  # for a pair with a line of like strength between its two


@dataclass(frozen=True, slots=True)
class Course:
    """What all lines share: slope (rad) at the camera and curvature (1/m)."""

    heading_rad: float
    curvature_radpm: float
    agreement: float  # how strongly the ridge tops agree on it; comparable within one image


@dataclass(frozen=True, slots=True)
class LaneGuess:
    """Lateral positions (m, beside the camera) of the two ego lines on a course; None where none was found."""

    course: Course
    left_m: float | None
    right_m: float | None


def find_course(peaks: Peaks, view: RoadView, around: Course | None = None) -> Course | None:
    """The course that most ridge tops agree on, anywhere or close `around` one; None when there are too few of them."""
    if len(peaks) < MIN_PEAKS:
        return None
    x_m, y_m, weight = peaks.x_m, peaks.y_m, peaks.weight
    if around is None or len(peaks) > MAX_PEAKS:
        strongest = np.argsort(-weight, kind="stable")[:MAX_PEAKS]
        x_m, y_m, weight = x_m[strongest], y_m[strongest], weight[strongest]
    half_width_m = -float(view.y_m[-1])
    search = (
        view.far_m,
        half_width_m,
        STAGES,
        STEP_M,
        MAX_HEADING_RAD,
        MAX_CURVATURE_RADPM,
        STRAIGHT_BONUS,
        BIN_M,
        math.ceil(2 * half_width_m / BIN_M) + 2,
        FIRST_STAGE_PEAKS,
        around is not None,
    )
    begin = (0.0, 0.0) if around is None else (around.heading_rad, around.curvature_radpm)
    return Course(*_kernels.course(x_m, y_m, weight, len(x_m), search, begin, np.empty(3 * len(x_m))))


def choose_lane(
    peaks: Peaks, view: RoadView, course: Course, lane_width_m: float, width_spread: float, previous: LaneGuess | None
) -> LaneGuess | None:
    """The pair of piles that is most like the ego lane; without one, the pile nearest to where a line should be.

    `width_spread`: how far real widths stray from `lane_width_m`, as a share of it (wider for a camera of unknown
    height). `previous` is last frame's guess; lines near its positions win between equals.
    """
    half_width_m = HALF_WIDTH_LANES * lane_width_m
    position_m, height = _piles(peaks, course, half_width_m)
    if previous is not None:
        height = [tall * _nearness(at_m, previous) for at_m, tall in zip(position_m, height, strict=True)]
    pair = _best_pair(position_m, height, lane_width_m, width_spread)
    if pair is not None:
        left, right = _inner(position_m, height, pair, lane_width_m)
        return LaneGuess(course, position_m[left], position_m[right])
    return _best_single(position_m, height, course, lane_width_m)


def _piles(peaks: Peaks, course: Course, half_width_m: float) -> tuple[list[float], list[float]]:
    """Where tops pile up once the course is taken away, rightmost first, and how high."""
    bins = max(LEAST_BINS, 2 * round(half_width_m / FINE_BIN_M))
    position_m, height = np.empty(bins), np.empty(bins)
    count = _kernels.piles(
        peaks.x_m,
        peaks.y_m,
        peaks.weight,
        len(peaks),
        (course.heading_rad, course.curvature_radpm),
        half_width_m,
        FINE_BIN_M,
        bins,
        MIN_PILE,
        position_m,
        height,
        bins,
    )
    return position_m[:count].tolist(), height[:count].tolist()


def _best_pair(
    position_m: list[float], height: list[float], lane_width_m: float, width_spread: float
) -> tuple[int, int] | None:
    """Indices (left, right) of the most lane-like pair."""
    best_score, best = 0.0, None
    across_m, margin_m = ACROSS * lane_width_m, 0.18 * lane_width_m
    piles = list(enumerate(zip(position_m, height, strict=True)))
    lefts = [pile for pile in piles if pile[1][0] > -across_m]
    rights = [pile for pile in piles if pile[1][0] < across_m]
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
                continue  # what stands between them can only take from it
            between = [tall for _, (at_m, tall) in piles if right_m + margin_m < at_m < left_m - margin_m]
            if between:
                score *= 1 - INSIDE_PENALTY * min(1.0, max(between) / min(left_height, right_height))
            if score > best_score:
                best_score, best = score, (left, right)
    return best


def _inner(position_m: list[float], height: list[float], pair: tuple[int, int], lane_width_m: float) -> tuple[int, int]:
    """The pair, moved to the inner line where one of its two is a double line."""

    def doubles(of: int) -> list[int]:
        return [
            index
            for index, (at_m, tall) in enumerate(zip(position_m, height, strict=True))
            if index == of or (tall > INNER_RATIO * height[of] and abs(at_m - position_m[of]) < DOUBLE * lane_width_m)
        ]

    return doubles(pair[0])[0], doubles(pair[1])[-1]


def _best_single(position_m: list[float], height: list[float], course: Course, lane_width_m: float) -> LaneGuess | None:
    """The strongest pile at about half a lane's width to one side."""
    best_score, best_m = -math.inf, None
    for at_m, tall in zip(position_m, height, strict=True):
        off_ratio = (abs(at_m) - lane_width_m / 2) / lane_width_m
        score = tall * math.exp(-0.5 * (off_ratio / MIDDLE_SPREAD) ** 2)
        if score > best_score:
            best_score, best_m = score, at_m
    if best_m is None:
        return None
    return LaneGuess(course, best_m, None) if best_m > 0 else LaneGuess(course, None, best_m)


def _nearness(position_m: float, previous: LaneGuess) -> float:
    """Bonus factor for a pile where a line was in the frame before."""
    bonus = 1.0
    for line_m in (previous.left_m, previous.right_m):
        if line_m is not None:
            bonus += 0.5 * math.exp(-0.5 * ((position_m - line_m) / 0.2) ** 2)
    return bonus
