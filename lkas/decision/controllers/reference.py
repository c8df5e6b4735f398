"""What the lane itself asks of the car, and how far the car is from it: shared by the steering laws. Left positive.

With s the side slip per curvature (bicycle.py), k the lane's curvature and k' its change per metre, a car whose yaw
rate follows at once stays on the lane's centre through a transition curve with

    yaw rate = v (k - s k'),   heading = -s (k - s k')

A fast car (s < 0) has to swing its tail out before its path bends, so it turns s metres earlier than the lane does.
"""

from typing import NamedTuple

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState


class LaneErrors(NamedTuple):
    """The car against the car that follows the lane."""

    curvature_radpm: float  # of the car that follows the lane
    course_rad: float  # direction of travel
    yaw_rate_radps: float


def lane_errors(lane: LaneState, speed_mps: float, bicycle: Bicycle) -> LaneErrors:
    """Errors and the curvature that goes with none."""
    slip_m = bicycle.slip_per_curvature_m(speed_mps)
    followed_radpm = lane.curvature_radpm - slip_m * lane.curvature_rate_radpm2
    return LaneErrors(
        followed_radpm, lane.heading_rad + slip_m * followed_radpm, lane.yaw_rate_radps - speed_mps * followed_radpm
    )
