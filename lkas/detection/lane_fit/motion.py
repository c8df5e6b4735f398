"""What the car feels of the road beside it: how far it leans, and how it turns."""

import math
from dataclasses import dataclass

from lkas.integration.shared_memory.messages import VehicleState

MOST_FELT_MPS2 = 6.0  # lateral acceleration; beyond, nobody keeps a lane
LEAST_SPEED_MPS = 3.0  # a slower car may turn on the spot
TURNING_SIGMA_RADPS = 0.018  # how fast a car that keeps its lane turns against it
GAIN_SIGMA_RATIO = 0.05  # how wrong speed and yaw rate may be


@dataclass(frozen=True, slots=True)
class Curvature:
    """What is expected of the road beside the car, left positive."""

    radpm: float
    sigma_radpm: float


def curvature_felt(vehicle: VehicleState | None) -> Curvature | None:
    """The curvature of the car's own way: about the road's, as the car keeps its lane. None where nobody knows.

    The lines beside the car are below the camera's view, and where a bend begins or ends just there no image tells it.
    """
    if vehicle is None or vehicle.yaw_rate_radps is None or vehicle.speed_mps is None:
        return None
    yaw_rate_radps, speed_mps = vehicle.yaw_rate_radps, vehicle.speed_mps
    if not (math.isfinite(yaw_rate_radps) and LEAST_SPEED_MPS <= speed_mps < math.inf):
        return None
    radpm = yaw_rate_radps / speed_mps
    return Curvature(radpm, math.hypot(TURNING_SIGMA_RADPS / speed_mps, GAIN_SIGMA_RATIO * radpm))


def lean_felt_rad(vehicle: VehicleState | None, lean_deg_per_mps2: float) -> float:
    """How far the car leans, positive lowers its right side; 0 where nobody knows."""
    felt_mps2 = None if vehicle is None else vehicle.lateral_acceleration_mps2
    if felt_mps2 is None or not math.isfinite(felt_mps2):
        return 0.0
    return math.radians(lean_deg_per_mps2) * max(-MOST_FELT_MPS2, min(MOST_FELT_MPS2, felt_mps2))
