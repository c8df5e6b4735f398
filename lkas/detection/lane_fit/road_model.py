"""A fitted road: its ego lines and others beside them, as cubics and as positions in each row of the view."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lkas.detection.lane_fit.problem import CORRELATED_ROWS, INLIER_SIGMAS, MIN_POINTS, Problem

MAX_CUBIC_ERROR_M = 0.1  # of the published cubic against the fitted curve


@dataclass(frozen=True, slots=True)
class FittedLine:
    """One line in the ground frame below the camera, and its inliers."""

    coefficients: np.ndarray  # (4,) c0..c3
    covariance: np.ndarray  # (4, 4)
    inliers: np.ndarray  # indices into the peaks
    residual_sigmas: float  # rms of the inliers
    lateral_m: np.ndarray  # (rows,) where the line is in each row of the view
    cubic_to_m: float  # up to here the coefficients agree with lateral_m


@dataclass(frozen=True, slots=True)
class Solution:
    """A solved state and how it explains the points."""

    problem: Problem
    state: np.ndarray
    pitch_error_rad: float
    sag_radpm: float
    covariance: np.ndarray  # of the state
    owner: np.ndarray  # (N,) int8 line of each point, -1 for none
    residual: np.ndarray  # (N,) in sigmas

    @property
    def min_inliers(self) -> int:
        """Inliers of the line that has fewer of them."""
        on_line = self.owner[np.abs(self.residual) < INLIER_SIGMAS]
        return min(int(np.count_nonzero(on_line == line)) for line in range(self.problem.lines))

    @property
    def cost(self) -> float:
        """Cost in squared sigmas, for comparing solutions of one view; bounded for points that it does not explain."""
        bound = INLIER_SIGMAS**2
        square = np.where(self.owner >= 0, self.residual**2, np.inf)
        unexplained = bound / (1 + bound / np.maximum(square, 1e-9))
        ground = self.problem.ground_cost(self.pitch_error_rad, self.sag_radpm)
        return float(self.problem.weight @ unexplained) / CORRELATED_ROWS + ground


class Road:
    """The curve that all lines share, and the lines on it."""

    def __init__(self, solution: Solution) -> None:
        self._solution, self._problem = solution, solution.problem

    def ego_line(self, index: int) -> FittedLine | None:
        """One of the fitted lines; None if too few points lie on it."""
        solution = self._solution
        inliers = np.flatnonzero((solution.owner == index) & (np.abs(solution.residual) < INLIER_SIGMAS))
        return self._line(index, solution.state, solution.covariance, inliers, solution.residual)

    @cached_property
    def places_m(self) -> np.ndarray:
        """(N,) lateral positions beside the camera of the lines through each point."""
        shape_m, stretch = self._shape_at_peaks
        return (self._problem.y_m - shape_m) / stretch

    def line_at(self, place_m: float, side: int) -> FittedLine | None:
        """Another line of this road, beside the ego line of a side; None if too few points lie on it."""
        index = min(side, self._problem.lines - 1)
        off_sigmas = (self.places_m - place_m) * self._shape_at_peaks[1] / self._problem.sigma_m
        inliers = np.flatnonzero(np.abs(off_sigmas) < INLIER_SIGMAS)
        state, covariance = self._solution.state.copy(), self._solution.covariance.copy()
        state[index] = place_m
        if len(inliers):
            sigma_m = self._problem.sigma_m[inliers].mean()
            covariance[index, index] += CORRELATED_ROWS * sigma_m**2 / len(inliers)
        return self._line(index, state, covariance, inliers, off_sigmas)

    @cached_property
    def _shape_at_peaks(self) -> tuple[np.ndarray, np.ndarray]:
        return self._problem.shape_at_peaks(self._solution.state)

    def _line(
        self, index: int, state: np.ndarray, covariance: np.ndarray, inliers: np.ndarray, off_sigmas: np.ndarray
    ) -> FittedLine | None:
        if len(inliers) < MIN_POINTS:
            return None
        trace, cubic_to_m = self._problem.trace(state, covariance, index, MAX_CUBIC_ERROR_M)
        off = off_sigmas[inliers]
        residual_sigmas = math.sqrt(float(off @ off) / len(off))
        return FittedLine(trace.coefficients, trace.covariance, inliers, residual_sigmas, trace.lateral_m, cubic_to_m)
