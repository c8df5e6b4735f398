"""A fitted road: the ego lines and any other beside them, as cubics and as they run through the view."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lkas.detection.lane_fit.problem import CORRELATED_ROWS, INLIER_SIGMAS, MIN_POINTS, Problem

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
class Solution:
    """One way to explain the points."""

    problem: Problem
    state: np.ndarray
    pitch_error_rad: float
    sag_radpm: float
    covariance: np.ndarray  # of the state
    owner: np.ndarray  # (N,) line of each point, -1 where it belongs to none
    residual: np.ndarray  # (N,) in sigmas

    @property
    def fewest(self) -> int:
        """Points on the line that has fewer of them."""
        on_line = self.owner[np.abs(self.residual) < INLIER_SIGMAS]
        return min(int(np.count_nonzero(on_line == line)) for line in range(self.problem.lines))

    @property
    def cost(self) -> float:
        """What the points and the pitch say against it, to be compared among solutions of one view: squared sigmas,
        bounded for points that it does not explain."""
        most = INLIER_SIGMAS**2
        square = np.where(self.owner >= 0, self.residual**2, np.inf)
        unexplained = most / (1 + most / np.maximum(square, 1e-9))
        ground = self.problem.ground_cost(self.pitch_error_rad, self.sag_radpm)
        return float(self.problem.weight @ unexplained) / CORRELATED_ROWS + ground


class Road:
    """The shape that all lines share, and the lines on it."""

    def __init__(self, solution: Solution) -> None:
        self._solution, self._problem = solution, solution.problem

    def ego_line(self, index: int) -> FittedLine | None:
        """One of the fitted lines; None when too few points lie on it."""
        solution = self._solution
        inliers = np.flatnonzero((solution.owner == index) & (np.abs(solution.residual) < INLIER_SIGMAS))
        return self._line(index, solution.state, solution.covariance, inliers, solution.residual)

    @cached_property
    def places_m(self) -> np.ndarray:
        """(N,) lateral positions beside the camera of the lines that go through each top of the view."""
        shape_m, stretch = self._shape_at_tops
        return (self._problem.y_m - shape_m) / stretch

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

    @cached_property
    def _shape_at_tops(self) -> tuple[np.ndarray, np.ndarray]:
        return self._problem.shape_at_tops(self._solution.state)

    def _line(
        self, index: int, state: np.ndarray, covariance: np.ndarray, inliers: np.ndarray, off_sigmas: np.ndarray
    ) -> FittedLine | None:
        if len(inliers) < MIN_POINTS:
            return None
        coefficients, spread, lateral_m, cubic_to_m = self._problem.line(state, covariance, index, CUBIC_OFF_M)
        off = off_sigmas[inliers]
        residual_sigmas = math.sqrt(float(off @ off) / len(off))
        return FittedLine(coefficients, spread, inliers, residual_sigmas, lateral_m, cubic_to_m)
