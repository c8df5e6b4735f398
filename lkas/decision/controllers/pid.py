"""PID on the lateral offset, in lateral acceleration, plus feed-forward of the lane's curvature.

    a = -Kp e - Ki integral(e) - Kd e',     u = lane curvature + a / v²

e' = v x course is computed from the state instead of differentiated, so steps of the measurement do not reach the
derivative term (Åström and Hägglund, Advanced PID Control, 2006). In units of acceleration one set of gains suits every
speed; at walking pace v is replaced by sqrt(v² + SLOW_MPS²). Anti-windup: the integral stops while the limiter acts or
the proportional term is at its bound, is bounded itself, and is reset while the controller does not steer.
Left is positive, in and out.
"""

import math

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters

SLOW_MPS = 7.0  # corrections at low speed are computed as at this speed
INTEGRAL_LIMIT_MPS2 = 0.2


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "PidController":
    return PidController(parameters, bicycle)


class PidController:
    """PID controller; its state is the integral."""

    models_lag = False

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle
        self.reset()

    def reset(self) -> None:
        """Clear the integral."""
        self._integral_mps2 = 0.0

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        p = self._parameters
        errors = lane_errors(lane, speed_mps, self._bicycle)
        effective_mps = math.hypot(speed_mps, SLOW_MPS * self._bicycle.scale.speed)
        demand_mps2 = -p.pid_proportional_per_s2 * lane.offset_m
        proportional_mps2 = bounded(demand_mps2, p.correction_mps2)
        if proportional_mps2 == demand_mps2 and not is_limited:
            step_mps2 = -p.pid_integral_per_s3 * lane.offset_m * dt_s
            self._integral_mps2 = bounded(self._integral_mps2 + step_mps2, INTEGRAL_LIMIT_MPS2)
        offset_term_radpm = proportional_mps2 / effective_mps**2
        integral_term_radpm = self._integral_mps2 / effective_mps**2
        heading_term_radpm = -p.pid_derivative_per_s * errors.course_rad / effective_mps
        return SteeringCommand(
            curvature_radpm=errors.curvature_radpm + offset_term_radpm + heading_term_radpm + integral_term_radpm,
            feedforward_radpm=errors.curvature_radpm,
            offset_term_radpm=offset_term_radpm,
            heading_term_radpm=heading_term_radpm,
            integral_term_radpm=integral_term_radpm,
        )
