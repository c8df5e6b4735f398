"""PID on the lateral offset, in lateral acceleration, over a feed-forward of the lane's curvature.

    a = -Kp e - Ki integral(e) - Kd e',     u = lane curvature + a / v²

e' = v x course is known and not differenced, so the derivative passes on no steps of the measurement (Åström and
Hägglund, Advanced PID Control, 2006). Working in acceleration makes one set of gains good for every speed; at walking
pace, where corrections are made over metres, v fades to `SLOW_MPS`. Anti-windup: the integral rests while the
limiter acts or the proportional part is at its bound, is bounded itself, and is forgotten while nobody steers.
Left is positive, in and out.
"""

import math

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters

SLOW_MPS = 7.0
INTEGRAL_LIMIT_MPS2 = 0.2


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "Pid":
    return Pid(parameters, bicycle)


class Pid:
    """The law above; it remembers its integral."""

    models_lag = False

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle
        self.reset()

    def reset(self) -> None:
        self._integral_mps2 = 0.0

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        p = self._parameters
        errors = lane_errors(lane, speed_mps, self._bicycle)
        reckoned_mps = math.hypot(speed_mps, SLOW_MPS)
        wanted_mps2 = -p.pid_proportional_per_s2 * lane.offset_m
        proportional_mps2 = bounded(wanted_mps2, p.correction_mps2)
        if proportional_mps2 == wanted_mps2 and not is_limited:
            step_mps2 = -p.pid_integral_per_s3 * lane.offset_m * dt_s
            self._integral_mps2 = bounded(self._integral_mps2 + step_mps2, INTEGRAL_LIMIT_MPS2)
        offset_term_radpm = proportional_mps2 / reckoned_mps**2
        integral_term_radpm = self._integral_mps2 / reckoned_mps**2
        heading_term_radpm = -p.pid_derivative_per_s * errors.course_rad / reckoned_mps
        return SteeringCommand(
            curvature_radpm=errors.curvature_radpm + offset_term_radpm + heading_term_radpm + integral_term_radpm,
            feedforward_radpm=errors.curvature_radpm,
            offset_term_radpm=offset_term_radpm,
            heading_term_radpm=heading_term_radpm,
            integral_term_radpm=integral_term_radpm,
        )
