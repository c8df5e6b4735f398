"""Where the ego lane is, roughly: a vote of all ridge tops over heading and curvature, then the two nearest lines.

All lines of a road share heading and curvature. For the right ones, the lateral positions that remain when the
course is taken away pile up at the lines; the vote maximises the squared height of those piles. It goes from
coarse to fine: first on the near part of the view, where the steps may be wide, then ever farther. Where the course
was known one frame ago, only the finest steps around it are asked.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection import _kernels
from lkas.detection.rectify import HALF_WIDTH_LANES, RoadView
from lkas.detection.ridge import Peaks

MAX_HEADING_RAD = 0.16
MAX_CURVATURE_RADPM = 1 / 60
STAGES = (0.4, 0.63, 1.0)  # share of the view that each stage looks at
STEP_M = 0.4  # lateral step of the grid at the stage's far end
SURVIVORS = 3  # courses carried from stage to stage
BIN_M = 0.2
STRAIGHT_BONUS = 0.15  # how much more a winding course has to explain; decides between equals only
FIRST_STAGE_PEAKS = 320
MAX_PEAKS = 700
MIN_PEAKS = 12

FINE_BIN_M = 0.05
SMOOTHING = np.array([0.5, 1.0, 1.5, 1.0, 0.5])
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
    half_width_m = -float(view.y_m[-1])
    order = np.argsort(-peaks.weight, kind="stable")[:MAX_PEAKS]
    x_m, y_m, weight = peaks.x_m[order], peaks.y_m[order], peaks.weight[order]
    heading = curvature = score = np.zeros(1)
    if around is not None:
        heading, curvature = np.array([around.heading_rad]), np.array([around.curvature_radpm])
    best = np.zeros(1, int)
    for stage, share in enumerate(STAGES):
        if around is not None and share < 1:
            continue
        reach_m = share * view.far_m
        near = np.flatnonzero(x_m <= reach_m)
        if stage == 0:
            near = near[:FIRST_STAGE_PEAKS]
        heading_step, curvature_step = STEP_M / reach_m, 2 * STEP_M / reach_m**2
        if stage == 0:
            heading_ticks = _ticks(MAX_HEADING_RAD, heading_step)
            curvature_ticks = _ticks(MAX_CURVATURE_RADPM, curvature_step)
        else:
            heading_ticks = heading_step * np.arange(-1, 2)
            curvature_ticks = curvature_step * np.arange(-2, 3)
        heading, curvature = _spread(heading, curvature, heading_ticks, curvature_ticks)
        score = _agreement(x_m[near], y_m[near], weight[near], heading, curvature, half_width_m)
        score = score * (1 - STRAIGHT_BONUS * np.sqrt(np.abs(curvature) / MAX_CURVATURE_RADPM))
        best = np.argsort(-score, kind="stable")[: SURVIVORS if share < 1 else 1]
        heading, curvature = heading[best], curvature[best]
    return Course(float(heading[0]), float(curvature[0]), float(score[best[0]]))


def choose_lane(
    peaks: Peaks, view: RoadView, course: Course, lane_width_m: float, width_spread: float, previous: LaneGuess | None
) -> LaneGuess | None:
    """The pair of piles that is most like the ego lane; without one, the pile nearest to where a line should be.

    `width_spread`: how far real widths stray from `lane_width_m`, as a share of it (wider for a camera of unknown
    height). `previous` is last frame's guess; lines near its positions win between equals.
    """
    half_width_m = HALF_WIDTH_LANES * lane_width_m
    lateral_m = peaks.y_m - peaks.x_m * (course.heading_rad + course.curvature_radpm * peaks.x_m / 2)
    bins = 2 * round(half_width_m / FINE_BIN_M)
    place = ((lateral_m + half_width_m) / FINE_BIN_M).astype(np.intp)
    inside = (lateral_m >= -half_width_m) & (place < bins)
    piles = np.bincount(place[inside], peaks.weight[inside], minlength=bins)
    piles = np.convolve(piles, SMOOTHING, "same")
    inner = piles[2:-2]
    is_top = (inner >= MIN_PILE) & (inner >= piles[1:-3]) & (inner > piles[3:-1])
    is_top &= (inner >= piles[:-4]) & (inner > piles[4:])
    index = np.flatnonzero(is_top) + 2
    position_m = (index + 0.5) * FINE_BIN_M - half_width_m
    height = piles[index]
    if previous is not None:
        height = height * _nearness(position_m, previous)
    pair = _best_pair(position_m, height, lane_width_m, width_spread)
    if pair is not None:
        left, right = _inner(position_m, height, pair, lane_width_m)
        return LaneGuess(course, float(position_m[left]), float(position_m[right]))
    return _best_single(position_m, height, course, lane_width_m)


def _best_pair(
    position_m: np.ndarray, height: np.ndarray, lane_width_m: float, width_spread: float
) -> tuple[int, int] | None:
    """Indices (left, right) of the most lane-like pair."""
    best_score, best = 0.0, None
    across_m, margin_m = ACROSS * lane_width_m, 0.18 * lane_width_m
    piles = list(enumerate(zip(position_m.tolist(), height.tolist(), strict=True)))
    for left, (left_m, left_height) in piles:
        for right, (right_m, right_height) in piles:
            if left_m <= -across_m or right_m >= across_m:
                continue
            width_ratio = (left_m - right_m) / lane_width_m
            if not LANE_WIDTH_RANGE[0] < width_ratio < LANE_WIDTH_RANGE[1]:
                continue
            middle_ratio = (left_m + right_m) / 2 / lane_width_m
            score = math.sqrt(left_height * right_height) + 0.35 * (left_height + right_height)
            score *= math.exp(-0.5 * ((width_ratio - 1) / width_spread) ** 2)
            score *= math.exp(-0.5 * (middle_ratio / MIDDLE_SPREAD) ** 2)
            between = [tall for _, (at_m, tall) in piles if right_m + margin_m < at_m < left_m - margin_m]
            if between:
                score *= 1 - INSIDE_PENALTY * min(1.0, max(between) / min(left_height, right_height))
            if score > best_score:
                best_score, best = score, (left, right)
    return best


def _inner(position_m: np.ndarray, height: np.ndarray, pair: tuple[int, int], lane_width_m: float) -> tuple[int, int]:
    """The pair, moved to the inner line where one of its two is a double line."""
    left, right = pair
    near = (height > INNER_RATIO * height[left]) & (np.abs(position_m - position_m[left]) < DOUBLE * lane_width_m)
    left = int(np.flatnonzero(near | (position_m == position_m[left]))[0])
    near = (height > INNER_RATIO * height[right]) & (np.abs(position_m - position_m[right]) < DOUBLE * lane_width_m)
    right = int(np.flatnonzero(near | (position_m == position_m[right]))[-1])
    return left, right


def _best_single(position_m: np.ndarray, height: np.ndarray, course: Course, lane_width_m: float) -> LaneGuess | None:
    """The strongest pile at about half a lane's width to one side."""
    off_ratio = (np.abs(position_m) - lane_width_m / 2) / lane_width_m
    score = height * np.exp(-0.5 * (off_ratio / MIDDLE_SPREAD) ** 2)
    if len(score) == 0:
        return None
    place_m = float(position_m[int(score.argmax())])
    return LaneGuess(course, place_m, None) if place_m > 0 else LaneGuess(course, None, place_m)


def _nearness(position_m: np.ndarray, previous: LaneGuess) -> np.ndarray:
    """Bonus factor for piles where a line was in the frame before."""
    bonus = np.ones(len(position_m))
    for line_m in (previous.left_m, previous.right_m):
        if line_m is not None:
            bonus += 0.5 * np.exp(-0.5 * ((position_m - line_m) / 0.2) ** 2)
    return bonus


def _ticks(largest: float, step: float) -> np.ndarray:
    count = math.ceil(largest / step)
    return step * np.arange(-count, count + 1)


def _spread(
    heading: np.ndarray, curvature: np.ndarray, heading_ticks: np.ndarray, curvature_ticks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Every combination of the ticks around every given course, flat."""
    h, c = np.broadcast_arrays(
        heading[:, None, None] + heading_ticks[None, :, None], curvature[:, None, None] + curvature_ticks[None, None, :]
    )
    return h.ravel(), c.ravel()


def _agreement(
    x_m: np.ndarray,
    y_m: np.ndarray,
    weight: np.ndarray,
    heading: np.ndarray,
    curvature: np.ndarray,
    half_width_m: float,
) -> np.ndarray:
    """(courses,) sum over lateral bins of the squared weight that falls there, once the course is taken away."""
    bins = math.ceil(2 * half_width_m / BIN_M) + 2
    score = np.empty(len(heading))
    _kernels.agreement(
        x_m, y_m, weight, len(x_m), heading, curvature, len(heading), half_width_m, BIN_M, np.empty(bins), bins, score
    )
    return score
