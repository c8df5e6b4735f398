"""Timeline: the lane states predicted for the next three seconds, with the car steered by its controller.

The lane continues with the filter's curvature and curvature rate, and the rate decays as in the filter. The car keeps
its speed; its yaw rate follows the controller's command, with the lag if the controller models it. Left is positive.
"""

import math
from collections.abc import Iterator

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import Controller
from lkas.decision.lane import CURVATURE_RATE_TIME_CONSTANT_S, LaneState

POINTS = 31
SPACING_S = 0.1
STEPS_PER_POINT = 2


def predicted_lanes(
    lane: LaneState, speed_mps: float, bicycle: Bicycle, controller: Controller | None
) -> Iterator[LaneState]:
    """Yield the lane state now and every 0.1 s. Without a controller the car keeps its yaw rate."""
    h_s = SPACING_S / STEPS_PER_POINT
    slip_m = bicycle.slip_per_curvature_m(speed_mps)
    lag_s = bicycle.lag_s(speed_mps) if controller is not None and controller.models_lag else 0.0
    response = 1 - math.exp(-h_s / lag_s) if lag_s > 0 else 1.0
    rate_decay = math.exp(-h_s / (CURVATURE_RATE_TIME_CONSTANT_S * bicycle.scale.time))
    yield lane
    for _ in range(POINTS - 1):
        for _ in range(STEPS_PER_POINT):
            yaw_radps = lane.yaw_rate_radps
            if controller is not None:
                command = controller.update(lane, speed_mps, 0.0)  # dt = 0: the controller's state does not change
                yaw_radps += response * (speed_mps * command.curvature_radpm - yaw_radps)
            heading_rad = lane.heading_rad + h_s * (yaw_radps - speed_mps * lane.curvature_radpm)
            mean_heading_rad = (lane.heading_rad + heading_rad) / 2
            lane = structs.replace(
                lane,
                offset_m=lane.offset_m + h_s * (speed_mps * mean_heading_rad + yaw_radps * slip_m),
                heading_rad=heading_rad,
                curvature_radpm=lane.curvature_radpm + h_s * speed_mps * lane.curvature_rate_radpm2,
                curvature_rate_radpm2=lane.curvature_rate_radpm2 * rate_decay,
                yaw_rate_radps=yaw_radps,
            )
        yield lane
