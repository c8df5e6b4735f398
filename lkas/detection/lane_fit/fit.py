"""The joint robust fit of the ego lines: one road, one or two lines on it, one pitch error.

Model and priors: problem.py. Points are included from near to far, so that the near ones decide which far ones belong
to a line, and the scale of the robust weight shrinks. Where one of the lines has a gap, near points cannot separate
pitch from heading, so beside a line with little paint the fit also starts from a cubic through the whole view; the
solution that explains the points better wins.
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_fit.motion import CurvaturePrior
from lkas.detection.lane_fit.problem import ONE_SEGMENT, RATES, SEGMENTS, Problem
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.road_model import FittedLine, Road, Solution
from lkas.detection.lane_fit.search import LaneGuess

SAG_SIGMA_RADPM = 7e-5  # of vertical curvature, that of a radius of 14 km; with more, a pitching car looks like a crest
GATE_M = 0.9  # points this close to a line may belong to it
# Share of the range, gate (m), robust scale, rate factor; see Problem.solve.
STEPS = np.array([(1, GATE_M, scale, 1) for scale in (9, 6, 4, 2.5, 2.5)])
GROWING_STEPS = np.array(
    [
        (0.4, GATE_M, 9, 10),
        (0.4, GATE_M, 4, 10),
        (0.65, GATE_M, 6, 10),
        (0.65, GATE_M, 4, 10),
        (1, GATE_M, 6, 10),
        (1, GATE_M, 4, 4.6),
        (1, GATE_M, 2.5, 2.2),
        (1, GATE_M, 2.5, 1),
    ]
)
LATE_STEPS = GROWING_STEPS[-3:]  # from a cubic through the whole view
LAST_STEPS = STEPS[-2:]
SPARSE_RATIO = 0.25  # of the view's rows: a line with fewer points may be a false one
NO_PITCH_SIGMA_RAD = 1e-6  # a single line does not determine it
NO_SAG_SIGMA_RADPM = 1e-9


@dataclass(frozen=True, slots=True)
class RoadFit:
    left: FittedLine | None
    right: FittedLine | None
    pitch_error_rad: float = 0.0  # to add to the calibration's pitch; 0 with a single line, which does not determine it
    width_m: float | None = None
    width_sigma_m: float | None = None
    road: Road | None = None  # the shape that all lines share


def fit_road(
    peaks: Peaks,
    view: RoadView,
    guess: LaneGuess,
    pitch_sigma_rad: float,
    may_change: bool = True,
    sag_sigma_radpm: float = SAG_SIGMA_RADPM,
    expected: CurvaturePrior | None = None,
) -> RoadFit | None:
    """Fit one or two lines, starting from `guess`. None if too few points support them.

    `may_change`: whether a bend may start or end in the view; False where the pitch is a guess, so that far points
    constrain near ones. `sag_sigma_radpm`: spread of the road's vertical curvature. `expected`: a measured curvature
    beside the camera.
    """
    places = [place for place in (guess.left_m, guess.right_m) if place is not None]
    lines = len(places)
    sigma_rad = pitch_sigma_rad if lines == 2 else NO_PITCH_SIGMA_RAD
    sag_sigma = max(sag_sigma_radpm if lines == 2 else 0.0, NO_SAG_SIGMA_RADPM)

    def problem(segments: np.ndarray) -> Problem:
        return Problem(peaks, view, lines, segments, sigma_rad, sag_sigma, expected)

    def changing(cubic: np.ndarray, steps: np.ndarray) -> Solution | None:
        return _solved(problem(SEGMENTS), np.concatenate([cubic, np.full(len(SEGMENTS) - 1, cubic[-1])]), steps)

    cubic = np.array([*places, guess.course.heading_rad, guess.course.curvature_radpm, 0.0, 0.0, 0.0])
    if may_change:
        solution = changing(cubic, GROWING_STEPS)
        is_doubtful = lines == 2 and (solution is None or solution.min_inliers < SPARSE_RATIO * len(view.x_m))
        if is_doubtful and problem(ONE_SEGMENT).solve(cubic, STEPS[:-2]):
            solution = _better(solution, changing(cubic, LATE_STEPS))
    else:
        solution = _solved(problem(ONE_SEGMENT), cubic, STEPS)
    if solution is None:
        return None
    road = Road(solution)
    fitted = [road.ego_line(index) for index in range(lines)]
    if lines == 1:
        left, right = (fitted[0], None) if guess.left_m is not None else (None, fitted[0])
        return RoadFit(left, right, road=road)
    state, covariance = solution.state, solution.covariance
    width_m = float(state[0] - state[1]) * math.cos(state[2])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    width_sigma_m = math.sqrt(max(0.0, float(variance)))
    return RoadFit(fitted[0], fitted[1], solution.pitch_error_rad, width_m, width_sigma_m, road)


def _better(one: Solution | None, other: Solution | None) -> Solution | None:
    if one is None or other is None:
        return one or other
    return one if one.cost <= other.cost else other


def _solved(problem: Problem, state: np.ndarray, steps: np.ndarray) -> Solution | None:
    if not problem.solve(state, steps):
        return None
    pitch_error_rad = sag_radpm = 0.0
    if problem.lines == 2:
        # Pitch and sag move the ground points: remove them and solve again, now for parallel lines.
        ground = slice(problem.lines + RATES - 2, problem.lines + RATES)
        pitch_error_rad, sag_radpm = state[ground].tolist()
        problem.level(pitch_error_rad, sag_radpm)
        state[ground] = 0.0
        if not problem.solve(state, LAST_STEPS):
            return None
    judgement = problem.judge(state, GATE_M)
    if judgement is None:
        return None
    owner, residual, covariance = judgement
    return Solution(problem, state, pitch_error_rad, sag_radpm, covariance, owner, residual)
