"""Stanley controller: feedback of the front axle's offset and of the course. Left is positive, in and out.

Hoffmann, Tomlin, Montemerlo, Thrun: Autonomous Automobile Trajectory Tracking for Off-Road Driving (2007), with its
yaw damping and its side-slip correction; here as a curvature, with the course error in place of the heading error:

    u = lane curvature - (course + atan(k e_front / (softening + v)) + damping x yaw-rate error) / L

In the original L is the wheelbase. At high speed that demands more than the steering can follow, so L is at least
`stanley_heading_time_s` x v: a course error decays within this time, and natural frequency and damping ratio are
sqrt(k / time) and 1 / (2 sqrt(k time)). The offset term is bounded, so that a large offset is corrected with limited
lateral acceleration.
"""

import math

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.controllers.stateless import StatelessController
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "StanleyController":
    return StanleyController(parameters, bicycle)


class StanleyController(StatelessController):
    """Stanley controller; parameters `stanley_*` and `correction_mps2`."""

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        p, bicycle = self._parameters, self._bicycle
        errors = lane_errors(lane, speed_mps, bicycle)
        length_m = max(bicycle.effective_wheelbase_m(speed_mps), p.stanley_heading_time_s * speed_mps)
        front_m = lane.offset_m + bicycle.cg_to_front_axle_m * errors.course_rad
        angle_rad = math.atan2(p.stanley_gain_per_s * front_m, p.stanley_softening_mps + speed_mps)
        offset_term_radpm = bounded(-angle_rad / length_m, p.correction_mps2 / max(speed_mps, bicycle.scale.speed) ** 2)
        heading_term_radpm = -(errors.course_rad + p.stanley_yaw_damping_s * errors.yaw_rate_radps) / length_m
        return SteeringCommand(
            curvature_radpm=errors.curvature_radpm + offset_term_radpm + heading_term_radpm,
            feedforward_radpm=errors.curvature_radpm,
            offset_term_radpm=offset_term_radpm,
            heading_term_radpm=heading_term_radpm,
        )
