"""The next three seconds as decision expects them: the lane it knows, and the car steered by its own law.

The lane goes on with the curvature and curvature rate of the filter; a rate fades as it does there. The car keeps its
speed; its yaw rate follows the law's command with the lag that the law itself reckons with. Left is positive.
"""

import math
from collections.abc import Iterator

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import Controller
from lkas.decision.lane import RATE_MEMORY_S, LaneState

POINTS = 31
SPACING_S = 0.1
STEPS_PER_POINT = 2


def expected_lanes(
    lane: LaneState, speed_mps: float, bicycle: Bicycle, controller: Controller | None
) -> Iterator[LaneState]:
    """The lane state now and every 0.1 s; without a controller the car goes on with its yaw rate."""
    h_s = SPACING_S / STEPS_PER_POINT
    slip_m = bicycle.slip_per_curvature_m(speed_mps)
    lag_s = bicycle.lag_s(speed_mps) if controller is not None and controller.models_lag else 0.0
    answered = 1 - math.exp(-h_s / lag_s) if lag_s > 0 else 1.0
    rate_memory = math.exp(-h_s / RATE_MEMORY_S)
    yield lane
    for _ in range(POINTS - 1):
        for _ in range(STEPS_PER_POINT):
            yaw_radps = lane.yaw_rate_radps
            if controller is not None:
                command = controller.update(lane, speed_mps, 0.0)  # over no time: it remembers nothing of this
                yaw_radps += answered * (speed_mps * command.curvature_radpm - yaw_radps)
            heading_rad = lane.heading_rad + h_s * (yaw_radps - speed_mps * lane.curvature_radpm)
            mean_heading_rad = (lane.heading_rad + heading_rad) / 2
            lane = structs.replace(
                lane,
                offset_m=lane.offset_m + h_s * (speed_mps * mean_heading_rad + yaw_radps * slip_m),
                heading_rad=heading_rad,
                curvature_radpm=lane.curvature_radpm + h_s * speed_mps * lane.curvature_rate_radpm2,
                curvature_rate_radpm2=lane.curvature_rate_radpm2 * rate_memory,
                yaw_rate_radps=yaw_radps,
            )
        yield lane
