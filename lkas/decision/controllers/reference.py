"""Reference motion along the lane and the car's errors relative to it, shared by the controllers. Left is positive.

With s the side slip per curvature (bicycle.py), k the lane's curvature and k' its change per metre, a car whose yaw
rate responds at once stays on the lane centre through a transition curve with

    yaw rate = v (k - s k'),   heading = -s (k - s k')

At high speed s is negative: the rear moves outwards before the path bends, so the car turns |s| metres earlier than the
lane does.
"""

from typing import NamedTuple

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState


class LaneErrors(NamedTuple):
    """Errors of the car relative to the reference motion."""

    curvature_radpm: float  # of the reference motion
    course_rad: float  # error of the direction of travel
    yaw_rate_radps: float  # error of the yaw rate


def lane_errors(lane: LaneState, speed_mps: float, bicycle: Bicycle) -> LaneErrors:
    """Compute the reference curvature and the errors relative to it."""
    slip_m = bicycle.slip_per_curvature_m(speed_mps)
    reference_radpm = lane.curvature_radpm - slip_m * lane.curvature_rate_radpm2
    return LaneErrors(
        curvature_radpm=reference_radpm,
        course_rad=lane.heading_rad + slip_m * reference_radpm,
        yaw_rate_radps=lane.yaw_rate_radps - speed_mps * reference_radpm,
    )
