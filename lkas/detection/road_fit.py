"""The joint robust fit of the ego lines: one road, one or two lines on it, one pitch error.

Model, in the ground frame below the camera (x ahead, y left, metres), for the line at lateral position a:

    y(x) = a + (b + a * delta / h) x + k_a x²/2 + d x³/6 + k³ x⁴/8,   k_a = k / (1 - k a)

b heading of the road against the car, k curvature beside the camera, d its rate, delta what the camera is pitched
down beyond its calibration (h its height): a pitch error turns parallel lines into a fan. k_a makes the lines
concentric; the last term is what the cubic lacks of a circle. Gauss-Newton with Geman-McClure weights whose scale
shrinks, and priors that are weak against what a real road shows (a strong curvature prior hides bends).
"""

import math
from dataclasses import dataclass

import numpy as np

from lkas.detection.lane_search import LaneGuess
from lkas.detection.rectify import RoadView
from lkas.detection.ridge import Peaks

SIGMA_HEADING_RAD = 0.3
SIGMA_CURVATURE_RADPM = 1 / 40
SIGMA_CURVATURE_RATE = 4e-4  # 1/m²: 0.8 m/s³ at 45 km/h
SIGMA_PLACE_M = 20.0
SURFACE_SIGMA_M = 0.03  # how straight markings are painted and found
PIXEL_SIGMA = 0.5  # px, how well the image places them
SCALES = (9.0, 6.0, 4.0, 2.5, 2.5)  # of the robust weight, in point sigmas
CORRELATED_ROWS = 4.0  # neighbouring rows err together: so many make one independent point
INLIER_SIGMAS = 2.5
GATE_M = 0.9  # points farther from the first guess belong to other things
MIN_SCATTER = 0.25  # of the expected variance: a lucky frame is not that good
MIN_POINTS = 6
CURVATURE_BOUND = 1 / 25


@dataclass(frozen=True, slots=True)
class FittedLine:
    """One line in the ground frame below the camera, and what supports it."""

    coefficients: np.ndarray  # (4,) c0..c3
    covariance: np.ndarray  # (4, 4)
    inliers: np.ndarray  # indices into the peaks
    residual_sigmas: float  # rms of the inliers


@dataclass(frozen=True, slots=True)
class RoadFit:
    left: FittedLine | None
    right: FittedLine | None
    pitch_error_rad: float = 0.0  # to add to the calibration's pitch; one line alone can not tell and leaves it
    width_m: float | None = None
    width_sigma_m: float | None = None


def fit_road(peaks: Peaks, view: RoadView, guess: LaneGuess, pitch_sigma_rad: float) -> RoadFit | None:
    """Fit one or two lines, starting from `guess`. None when too few points support them."""
    places = np.array([place for place in (guess.left_m, guess.right_m) if place is not None])
    lines = len(places)
    state = np.array([*places, guess.course.heading_rad, guess.course.curvature_radpm, 0.0, 0.0])
    x_m, y_m = peaks.x_m, peaks.y_m
    course_m = x_m * (guess.course.heading_rad + x_m * guess.course.curvature_radpm / 2)
    off_m = np.abs(y_m - course_m - places[:, None])
    owner = off_m.argmin(axis=0)
    is_near = off_m.min(axis=0) < GATE_M
    by_line = [np.flatnonzero(is_near & (owner == index)) for index in range(lines)]
    near = np.concatenate(by_line)
    owned = [slice(0, len(by_line[0])), slice(len(by_line[0]), len(near))][:lines]
    problem = _Problem(peaks, view, near, owned, pitch_sigma_rad if lines == 2 else 1e-6)
    solved = problem.solve(state, SCALES)
    if solved is None:
        return None
    pitch_error_rad = 0.0
    if lines == 2:
        # Ground points move with the pitch: take it out of them and solve again, now for parallel lines.
        pitch_error_rad = float(solved[-1])
        problem.place_points(*without_pitch_error(x_m[near], y_m[near], pitch_error_rad, view.geometry.height_m))
        solved[-1] = 0.0
        solved = problem.solve(solved, SCALES[-2:])
        if solved is None:
            return None
    residual = problem.residual(solved)
    covariance = problem.covariance(solved, residual)
    fitted: list[FittedLine | None] = []
    for index, mine in enumerate(owned):
        factors, by_state = _line_of(solved, lines, index, view.geometry.height_m)
        to_line = by_state[:, :4].T
        off_sigmas = np.abs(residual[mine])
        inlier = off_sigmas < INLIER_SIGMAS
        inliers = near[mine][inlier]
        fitted.append(
            None
            if len(inliers) < MIN_POINTS
            else FittedLine(
                factors[:4],
                to_line @ covariance @ to_line.T,
                inliers,
                math.sqrt(float(np.mean(off_sigmas[inlier] ** 2))),
            )
        )
    if lines == 1:
        return RoadFit(*((fitted[0], None) if guess.left_m is not None else (None, fitted[0])))
    width_m = float(solved[0] - solved[1]) * math.cos(solved[2])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return RoadFit(fitted[0], fitted[1], pitch_error_rad, width_m, math.sqrt(max(0.0, float(variance))))


def without_pitch_error(
    x_m: np.ndarray, y_m: np.ndarray, pitch_error_rad: float, height_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ground points seen with a camera that looks down by `pitch_error_rad` more than was assumed."""
    scale = 1 / np.maximum(1 + pitch_error_rad * x_m / height_m, 0.2)
    return x_m * scale, y_m * scale


class _Problem:
    """Points in the order of the lines that own them, and the normal equations for the state (places..., heading,
    curvature, rate, pitch).

    A line is a sum of five powers of x, so a step needs only the points' weighted moments over these; how the state
    makes the factors of the powers is small algebra (`_line_of`).
    """

    def __init__(
        self, peaks: Peaks, view: RoadView, near: np.ndarray, owned: list[slice], pitch_sigma_rad: float
    ) -> None:
        """`near`: indices of the points, `owned`: which of these belong to each line."""
        self._owned = owned
        self._height_m = view.geometry.height_m
        self._sigma_m = np.hypot(SURFACE_SIGMA_M, PIXEL_SIGMA * view.pixel_m)[peaks.row[near]]
        self._weight = peaks.weight[near]
        lines = len(owned)
        sigma = [SIGMA_PLACE_M] * lines
        sigma += [SIGMA_HEADING_RAD, SIGMA_CURVATURE_RADPM, SIGMA_CURVATURE_RATE, pitch_sigma_rad]
        self._prior = 1 / np.array(sigma) ** 2 / CORRELATED_ROWS
        self._prior[:lines] *= 1e-3  # the places have no expected value, only finite ones
        self._prior_information = np.diag(self._prior)
        self._powers = np.empty((5, len(near)))
        self._y = np.empty(len(near))
        self.place_points(peaks.x_m[near], peaks.y_m[near])

    def place_points(self, x_m: np.ndarray, y_m: np.ndarray) -> None:
        np.divide(y_m, self._sigma_m, out=self._y)
        one, first, second, third, fourth = self._powers  # 1, x, x²/2, x³/6, x⁴/8, all in sigmas of each point
        np.divide(1.0, self._sigma_m, out=one)
        np.multiply(one, x_m, out=first)
        np.multiply(first, x_m / 2, out=second)
        np.multiply(second, x_m / 3, out=third)
        np.multiply(second, x_m * x_m / 4, out=fourth)

    def residual(self, state: np.ndarray) -> np.ndarray:
        """(N,) in sigmas of each point."""
        lines = len(self._owned)
        return self._residual([_line_of(state, lines, index, self._height_m)[0] for index in range(lines)])

    def solve(self, state: np.ndarray, scales: tuple[float, ...]) -> np.ndarray | None:
        """The state after one step per scale; None when it runs away or the points run out."""
        state = state.copy()
        lines = len(self._owned)
        for scale in scales:
            model = [_line_of(state, lines, index, self._height_m) for index in range(lines)]
            residual = self._residual([factors for factors, _ in model])
            square = (residual / scale) ** 2
            robust = self._weight / (1 + square) ** 2
            robust[square > 9.0] = 0.0
            if np.count_nonzero(robust) < MIN_POINTS:
                return None
            normal = self._prior_information.copy()
            gradient = -self._prior * state
            gradient[:lines] = 0.0
            weighted = self._powers * robust
            for mine, (_, by_state) in zip(self._owned, model, strict=True):
                part = weighted[:, mine]
                normal += by_state @ (part @ self._powers[:, mine].T) @ by_state.T
                gradient += by_state @ (part @ residual[mine])
            state += np.linalg.solve(normal, gradient)
            if not (np.isfinite(state).all() and abs(state[lines + 1]) <= CURVATURE_BOUND):
                return None
        return state

    def covariance(self, state: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Of the state: from the inliers, their real scatter and the correlation of neighbouring rows."""
        inlier = (np.abs(residual) < INLIER_SIGMAS).astype(float)
        count = inlier.sum()
        scatter = max(MIN_SCATTER, float(inlier @ residual**2 / count)) if count else 1.0
        weighted = self._powers * inlier
        information = self._prior_information * CORRELATED_ROWS
        for index, mine in enumerate(self._owned):
            _, by_state = _line_of(state, len(self._owned), index, self._height_m)
            moments = weighted[:, mine] @ self._powers[:, mine].T
            information += by_state @ moments @ by_state.T / (scatter * CORRELATED_ROWS)
        return np.linalg.inv(information)

    def _residual(self, factors: list[np.ndarray]) -> np.ndarray:
        model = [line @ self._powers[:, mine] for line, mine in zip(factors, self._owned, strict=True)]
        return self._y - np.concatenate(model)


def _line_of(state: np.ndarray, lines: int, index: int, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    """The factors (5,) of one line's powers 1, x, x²/2, x³/6, x⁴/8, and their derivatives (states, 5)."""
    place = float(state[index])
    heading, curvature, rate, pitch = state[lines:].tolist()
    concentric = max(1 - curvature * place, 0.5)
    by_state = np.zeros((lines + 4, 5))
    by_state[index, 0] = by_state[lines, 1] = by_state[lines + 2, 3] = 1.0
    by_state[lines + 1, 2] = 1 / concentric**2
    by_state[lines + 1, 4] = 3 * curvature**2
    by_state[lines + 3, 1] = place / height_m
    return np.array([place, heading + place * pitch / height_m, curvature / concentric, rate, curvature**3]), by_state
