"""Linear-quadratic regulator with curvature feed-forward, scheduled by speed.

The state when a command reaches the wheel: offset e, course error c = heading + k s, yaw-rate error w = r - v k,
with r the yaw rate, k the lane's curvature and s the side slip per curvature. The wheel and the yaw rate follow the
command with one first-order lag tau:

    e' = v c + s w,   c' = w + s v k',   w' = (v u - w) / tau - v² k',   u = commanded - k

In a transition curve (k' constant) the car stays on the centre with c = s² k', w = -s v k' and u = (v tau - s) k'
(reference.py). This is the feed-forward, and the feedback acts on the deviation from it: u = -K (e, c, w) minimises
the integral of

    (e / offset_worth)² + (v c / drift_worth)² + (v² u)²,

so an offset of `offset_worth` costs as much as a correction of 1 m/s². The offset term is bounded, so that a large
offset is corrected with limited acceleration and jerk; an integral of small offsets compensates errors of the vehicle
model, and stops while the limiter acts. K is computed once, on a grid of speeds, with a doubling algorithm for the
discrete Riccati equation. Left is positive, in and out.
"""

import math
from bisect import bisect_right

import numpy as np

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters

SPEEDS_MPS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 18.0, 23.0, 28.0, 34.0, 40.0, 50.0)
# The cost of a correction uses v² + SLOW_MPS²: at walking pace the gains stay bounded.
SLOW_MPS = 7.0
STEP_S = 0.01
DOUBLINGS = 14  # 2^14 steps: the gains have converged
INTEGRAL_BELOW_M = 0.1
INTEGRAL_LIMIT_MPS2 = 0.2


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "LqrController":
    return LqrController(parameters, bicycle)


class LqrController:
    """Linear-quadratic regulator; parameters `lqr_*` and `correction_mps2`; its state is the integral."""

    models_lag = True

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle
        self._speeds_mps = [speed_mps * bicycle.scale.speed for speed_mps in SPEEDS_MPS]
        self._gains = [_gains(speed_mps, bicycle, parameters).tolist() for speed_mps in self._speeds_mps]
        self.reset()

    def reset(self) -> None:
        """Clear the integral."""
        self._integral_mps2 = 0.0

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        parameters, bicycle = self._parameters, self._bicycle
        speed2 = max(speed_mps, self._speeds_mps[0]) ** 2
        errors = lane_errors(lane, speed_mps, bicycle)
        lag_m = speed_mps * bicycle.lag_s(speed_mps)
        feedforward_radpm = errors.curvature_radpm + lane.curvature_rate_radpm2 * lag_m
        k_offset, k_course, k_yaw = self._gains_at(speed_mps)
        if abs(lane.offset_m) < INTEGRAL_BELOW_M * bicycle.scale.length and not is_limited:
            step_mps2 = parameters.lqr_integral_per_s3 * lane.offset_m * dt_s
            self._integral_mps2 = bounded(self._integral_mps2 + step_mps2, INTEGRAL_LIMIT_MPS2)
        offset_term_radpm = -bounded(k_offset * lane.offset_m, parameters.correction_mps2 / speed2)
        integral_term_radpm = -self._integral_mps2 / speed2
        heading_term_radpm = -k_course * errors.course_rad - k_yaw * errors.yaw_rate_radps
        return SteeringCommand(
            curvature_radpm=feedforward_radpm + offset_term_radpm + heading_term_radpm + integral_term_radpm,
            feedforward_radpm=feedforward_radpm,
            offset_term_radpm=offset_term_radpm,
            heading_term_radpm=heading_term_radpm,
            integral_term_radpm=integral_term_radpm,
        )

    def _gains_at(self, speed_mps: float) -> list[float]:
        """Gains interpolated in the grid of speeds; beyond its ends those of the end."""
        speeds_mps = self._speeds_mps
        above = min(max(bisect_right(speeds_mps, speed_mps), 1), len(speeds_mps) - 1)
        low_mps, high_mps = speeds_mps[above - 1], speeds_mps[above]
        ratio = min(1.0, max(0.0, (speed_mps - low_mps) / (high_mps - low_mps)))
        pairs = zip(self._gains[above - 1], self._gains[above], strict=True)
        return [low + ratio * (high - low) for low, high in pairs]


def _gains(speed_mps: float, bicycle: Bicycle, parameters: DecisionParameters) -> np.ndarray:
    """(3,) gains from offset, course error and yaw-rate error to curvature."""
    v, tau, s = speed_mps, max(bicycle.lag_s(speed_mps), STEP_S), bicycle.slip_per_curvature_m(speed_mps)
    # Discretised for a constant input in each step: four terms of the matrix exponential are accurate enough.
    rates = np.array([[0.0, v, s, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, -1 / tau, v / tau], [0.0] * 4]) * STEP_S
    step = sum((np.linalg.matrix_power(rates, n) / math.factorial(n) for n in range(1, 5)), np.eye(4))
    a, b = step[:3, :3], step[:3, 3:]
    q = np.diag([parameters.lqr_offset_worth_m**-2, (v / parameters.lqr_drift_worth_mps) ** 2, 0.0])
    r = np.array([[float(v**2 + (SLOW_MPS * bicycle.scale.speed) ** 2) ** 2]])
    # Structure-preserving doubling: h converges quadratically to the solution of the discrete Riccati equation.
    f, g, h = a, b @ np.linalg.solve(r, b.T), q
    for _ in range(DOUBLINGS):
        inverse = np.linalg.inv(np.eye(3) + g @ h)
        f, g, h = f @ inverse @ f, g + f @ inverse @ g @ f.T, h + f.T @ h @ inverse @ f
    return np.linalg.solve(r + b.T @ h @ b, b.T @ h @ a)[0]
