"""The joint robust fit of the ego lines: one road, one or two lines on it, one pitch error.

Model, in the ground frame below the camera (x ahead, y left, metres). The road's shape at lateral position 0 is

    s(x) = b x + k x²/2 + d x³/6 + k³ x⁴/8 + sum over knots j of e_j max(0, x - x_j)³/6

b heading of the road against the car, k curvature beside the camera, d its rate; the fourth term is what the cubic
lacks of a circle, and at each knot the curvature rate may change by e_j: a bend begins or ends in the middle of the
view. The line at lateral position a keeps its distance along the normal, and a pitch error delta (what the camera is
pitched down beyond its calibration, h its height) turns parallel lines into a fan:

    y(x) = a + s(x) + a (s'(x)² - b²)/2 + a delta x / h

Gauss-Newton with Geman-McClure weights whose scale shrinks (_fit.c), on points that are taken in from near to far, so
that the near ones decide which far ones belong. Priors are weak against what a real road shows (a strong curvature
prior hides bends); how much the rate may vary goes with the square of the curvature that is seen: sharp bends begin
suddenly, motorways do not, and there the model stays a cubic.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lkas.detection import _kernels
from lkas.detection.lane_search import LaneGuess
from lkas.detection.rectify import RoadView
from lkas.detection.ridge import Peaks

SIGMA_HEADING_RAD = 0.3
SIGMA_CURVATURE_RADPM = 1 / 40
SIGMA_CURVATURE_RATE = 4e-4  # 1/m²: 0.8 m/s³ at 45 km/h
RATE_PER_SQUARE = (
    3.0  # spread of the curvature rate over curvature squared: transitions as short as a third of the radius
)
KNOT_RATIOS = np.array([0.25, 0.45, 0.7])  # of the view's range
# Of the view's range: points up to here; m: as near to a line; in point sigmas: the scale of the robust weight.
STEPS = ((1.0, 0.9, 9.0), (1.0, 0.9, 6.0), (1.0, 0.9, 4.0), (1.0, 0.9, 2.5), (1.0, 0.9, 2.5))
LAST_STEPS = STEPS[-2:]
GROWING_STEPS = (
    (0.4, 0.9, 9.0),
    (0.4, 0.9, 4.0),
    (0.65, 0.9, 6.0),
    (0.65, 0.9, 4.0),
    (1.0, 0.9, 6.0),
    (1.0, 0.9, 4.0),
    (1.0, 0.9, 2.5),
)
SHARP_RADPM = 1 / 400  # from this curvature on, it is asked whether the bend begins or ends in the view
WINDING_RATIO = 0.9  # of the inliers' weight that a changing bend has to explain: the near ones, which it gets right
MOST_SLOPE = 0.8  # of a line against the car's axis; beyond it a curve over x is a poor one
CORRELATED_ROWS = 4.0  # neighbouring rows err together: so many make one independent point
INLIER_SIGMAS = 2.5
MIN_SCATTER = 0.25  # of the expected variance: a lucky frame is not that good
MIN_POINTS = 6
CURVATURE_BOUND = 1 / 25
CUBIC_OFF_M = 0.1  # as far as the published cubic may be off the fitted curve


@dataclass(frozen=True, slots=True)
class FittedLine:
    """One line in the ground frame below the camera, and what supports it."""

    coefficients: np.ndarray  # (4,) c0..c3
    covariance: np.ndarray  # (4, 4)
    inliers: np.ndarray  # indices into the peaks
    residual_sigmas: float  # rms of the inliers
    lateral_m: np.ndarray  # (rows,) where the line is in each row of the view
    cubic_to_m: float  # up to here the coefficients tell the same


@dataclass(frozen=True, slots=True)
class RoadFit:
    left: FittedLine | None
    right: FittedLine | None
    pitch_error_rad: float = 0.0  # to add to the calibration's pitch; one line alone can not tell and leaves it
    width_m: float | None = None
    width_sigma_m: float | None = None
    road: "Road | None" = None  # the shape that all lines share


def fit_road(
    peaks: Peaks, view: RoadView, guess: LaneGuess, pitch_sigma_rad: float, may_change: bool = True
) -> RoadFit | None:
    """Fit one or two lines, starting from `guess`. None when too few points support them.

    `may_change`: whether a bend may begin or end in the view. Not where the pitch is a guess: there the far points
    must hold the near ones.
    """
    places = [place for place in (guess.left_m, guess.right_m) if place is not None]
    lines = len(places)
    start = [*places, guess.course.heading_rad, guess.course.curvature_radpm, 0.0, 0.0]
    if lines == 1:
        pitch_sigma_rad = 1e-6
    solution = _solved(_Problem(peaks, view, lines, 0, pitch_sigma_rad), start, STEPS)
    if may_change and (solution is None or solution.sharpest_radpm > SHARP_RADPM):
        winding = _solved(_Problem(peaks, view, lines, len(KNOT_RATIOS), pitch_sigma_rad), start, GROWING_STEPS)
        if winding is not None and (solution is None or winding.explained > WINDING_RATIO * solution.explained):
            solution = winding
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


def without_pitch_error(
    x_m: np.ndarray, y_m: np.ndarray, pitch_error_rad: float, height_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ground points seen with a camera that looks down by `pitch_error_rad` more than was assumed."""
    scale = 1 / np.maximum(1 + pitch_error_rad * x_m / height_m, 0.2)
    return x_m * scale, y_m * scale


@dataclass(frozen=True, slots=True)
class _Solution:
    """One way to explain the points."""

    problem: "_Problem"
    state: np.ndarray
    pitch_error_rad: float
    covariance: np.ndarray  # of the state
    owner: np.ndarray  # (N,) line of each point, -1 where it belongs to none
    residual: np.ndarray  # (N,) in sigmas
    is_inlier: np.ndarray  # (N,) bool
    explained: float  # summed weight of the inliers

    @property
    def sharpest_radpm(self) -> float:
        """Largest curvature of a cubic over the view."""
        _, curvature, rate, _ = self.state[self.problem.lines : self.problem.lines + 4].tolist()
        return max(abs(curvature), abs(curvature + rate * self.problem.far_m))


class Road:
    """A fitted road: its lines, and any other beside them."""

    def __init__(self, solution: _Solution) -> None:
        self._solution, self._problem = solution, solution.problem

    def ego_line(self, index: int) -> FittedLine | None:
        """One of the fitted lines; None when too few points lie on it."""
        inliers = np.flatnonzero(self._solution.is_inlier & (self._solution.owner == index))
        return self._line(index, self._solution.state, self._solution.covariance, inliers, self._solution.residual)

    @cached_property
    def places_m(self) -> np.ndarray:
        """(N,) lateral positions beside the camera of the lines that go through each top of the view."""
        shape_m, stretch = self._shape_at_tops
        return (self._problem.y_m - shape_m) / stretch

    @cached_property
    def _shape_at_tops(self) -> tuple[np.ndarray, np.ndarray]:
        return self._problem.shape(self._solution.state, self._problem.x_m)

    def line_at(self, place_m: float, side: int) -> FittedLine | None:
        """Another line of this road, beside the ego line of a side; None when too few points lie on it."""
        index = min(side, self._problem.lines - 1)
        off_sigmas = (self.places_m - place_m) * self._shape_at_tops[1] / self._problem.sigma_m
        inliers = np.flatnonzero(np.abs(off_sigmas) < INLIER_SIGMAS)
        state, covariance = self._solution.state.copy(), self._solution.covariance.copy()
        state[index] = place_m
        if len(inliers):
            sigma_m = self._problem.sigma_m[inliers].mean()
            covariance[index, index] += CORRELATED_ROWS * sigma_m**2 / len(inliers)
        return self._line(index, state, covariance, inliers, off_sigmas)

    def _line(
        self, index: int, state: np.ndarray, covariance: np.ndarray, inliers: np.ndarray, off_sigmas: np.ndarray
    ) -> FittedLine | None:
        if len(inliers) < MIN_POINTS:
            return None
        coefficients, by_state = _cubic(state, self._problem.lines, index, self._problem.height_m)
        shape_m, stretch = self._problem.view_shape(state)
        lateral_m = shape_m + float(state[index]) * stretch
        off = off_sigmas[inliers]
        return FittedLine(
            coefficients,
            by_state @ covariance @ by_state.T,
            inliers,
            math.sqrt(float(off @ off) / len(off)),
            lateral_m,
            _cubic_to_m(coefficients, self._problem.view_x_m, lateral_m),
        )


def _solved(problem: "_Problem", start: list[float], steps: tuple[tuple[float, float, float], ...]) -> _Solution | None:
    state = np.array(start + [0.0] * problem.knots)
    if not problem.solve(state, steps):
        return None
    pitch_error_rad = 0.0
    if problem.lines == 2:
        # Ground points move with the pitch: take it out of them and solve again, now for parallel lines.
        pitch_error_rad = float(state[problem.lines + 3])
        problem.take_out_pitch(pitch_error_rad)
        state[problem.lines + 3] = 0.0
        if not problem.solve(state, LAST_STEPS):
            return None
    owner, residual, covariance = problem.judge(state)
    is_inlier = (owner >= 0) & (np.abs(residual) < INLIER_SIGMAS)
    explained = float(problem.weight[is_inlier].sum())
    return _Solution(problem, state, pitch_error_rad, covariance, owner, residual, is_inlier, explained)


class _Problem:
    """The points of one view, and the numbers that make them a fit of (places..., b, k, d, delta, e...)."""

    def __init__(self, peaks: Peaks, view: RoadView, lines: int, knots: int, pitch_sigma_rad: float) -> None:
        self.lines, self.knots, self.far_m = lines, knots, view.far_m
        self.weight, self.view_x_m = peaks.weight, view.x_m
        self._view_shape: tuple[np.ndarray, np.ndarray] | None = None
        self.x_m, self.y_m = peaks.x_m, peaks.y_m
        self.sigma_m = view.point_sigma_m[peaks.row]
        self.height_m = view.geometry.height_m
        self._knots_m = KNOT_RATIOS[:knots] * view.far_m
        self._numbers = (
            len(peaks),
            lines,
            knots,
            self.height_m,
            MOST_SLOPE,
            SIGMA_HEADING_RAD,
            SIGMA_CURVATURE_RADPM,
            SIGMA_CURVATURE_RATE,
            pitch_sigma_rad,
            RATE_PER_SQUARE if knots else 0.0,
            CORRELATED_ROWS,
            CURVATURE_BOUND,
            MIN_SCATTER,
            MIN_POINTS,
        )

    def take_out_pitch(self, pitch_error_rad: float) -> None:
        self.x_m, self.y_m = without_pitch_error(self.x_m, self.y_m, pitch_error_rad, self.height_m)

    def solve(self, state: np.ndarray, steps: tuple[tuple[float, float, float], ...]) -> bool:
        """Improve the state in place; False when it runs away or the points run out."""
        schedule = np.array(steps) * (self.far_m + 1e-6, 1.0, 1.0)
        arrays = self.x_m, self.y_m, self.sigma_m, self.weight, self._knots_m
        return _kernels.fit(*arrays, self._numbers, schedule, len(schedule), state)

    def judge(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(N,) line that owns each point or -1, (N,) its residual in sigmas, and the covariance of the state."""
        owner, residual = np.empty(len(self.x_m), np.int8), np.empty(len(self.x_m))
        states = self.lines + 4 + self.knots
        information = np.empty((states, states))
        arrays = self.x_m, self.y_m, self.sigma_m, self.weight, self._knots_m
        reach_m, gate_m, _ = STEPS[-1]
        _kernels.judge(
            *arrays,
            self._numbers,
            reach_m * self.far_m + 1e-6,
            gate_m,
            INLIER_SIGMAS,
            state,
            owner,
            residual,
            information,
        )
        return owner, residual, np.linalg.inv(information)

    def shape(self, state: np.ndarray, x_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At distances ahead: where the road's middle is, and by how much lateral positions are stretched there."""
        b, k, d, delta = state[self.lines : self.lines + 4].tolist()
        y_m = x_m * (b + x_m * (k / 2 + x_m * (d / 6 + x_m * k**3 / 8)))
        slope = b + x_m * (k + x_m * (d / 2 + x_m * k**3 / 2))
        if self.knots:
            beyond_m = np.maximum(x_m[:, None] - self._knots_m, 0.0)
            square = beyond_m * beyond_m
            y_m += (square * beyond_m) @ state[self.lines + 4 :] / 6
            slope += square @ state[self.lines + 4 :] / 2
        return y_m, 1 + (slope * slope - b * b) / 2 + delta / self.height_m * x_m

    def view_shape(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same for the rows of the view; the shared states of a solved problem do not change any more."""
        if self._view_shape is None:
            self._view_shape = self.shape(state, self.view_x_m)
        return self._view_shape


def _cubic(state: np.ndarray, lines: int, index: int, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    """c0..c3 of a line below the camera, and their derivatives (4, states)."""
    a = float(state[index])
    b, k, d, delta = state[lines : lines + 4].tolist()
    by_state = np.zeros((4, len(state)))
    by_state[:, index] = 1, b * k + delta / height_m, k * k + b * d, 3 * k * d
    by_state[1, lines : lines + 4] = 1 + a * k, a * b, 0, a / height_m
    by_state[2, lines : lines + 3] = a * d, 1 + 2 * a * k, a * b
    by_state[3, lines : lines + 3] = 0, 3 * a * d, 1 + 3 * a * k
    c = np.array([a, b + a * b * k + a * delta / height_m, k + a * (k * k + b * d), d + 3 * a * k * d])
    return c, by_state


def _cubic_to_m(coefficients: np.ndarray, x_m: np.ndarray, lateral_m: np.ndarray) -> float:
    c0, c1, c2, c3 = coefficients
    off_m = np.abs(c0 + x_m * (c1 + x_m * (c2 / 2 + x_m * c3 / 6)) - lateral_m)
    far = np.flatnonzero(off_m > CUBIC_OFF_M)
    return math.inf if len(far) == 0 else float(x_m[min(far[-1] + 1, len(x_m) - 1)])
