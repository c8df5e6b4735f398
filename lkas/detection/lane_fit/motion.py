"""From the vehicle's measured motion: its roll in a bend, and the curvature of the road beside it."""

import math
from dataclasses import dataclass

from lkas.integration.shared_memory.messages import VehicleState
from lkas.scale import FULL_SIZE, Scale

MAX_LATERAL_ACCEL_MPS2 = 6.0  # a car that keeps its lane stays below
MIN_SPEED_MPS = 3.0  # a slower car may turn on the spot
MIN_MODEL_SPEED_MPS = 1.0  # the same of a model car, at full size: it drives around sharp bends
TURNING_SIGMA_RADPS = 0.018  # yaw rate of a car that keeps its lane, relative to the lane
MODEL_TURNING_SIGMA_RADPS = 0.1  # the same on a model road, at full size: its bends start suddenly
GAIN_SIGMA_RATIO = 0.05  # relative error of speed and yaw rate


@dataclass(frozen=True, slots=True)
class CurvaturePrior:
    """Expected curvature of the road beside the car, left positive."""

    radpm: float
    sigma_radpm: float


def curvature_from_yaw_rate(vehicle: VehicleState | None, scale: Scale = FULL_SIZE) -> CurvaturePrior | None:
    """The curvature of the car's path: about that of the road, as the car keeps its lane. None if it is unknown.

    That of a model road is for the road enlarged to full size.

    The lines beside the car are below the image, so a bend that starts or ends there is visible in no image.
    """
    if vehicle is None or vehicle.yaw_rate_radps is None or vehicle.speed_mps is None:
        return None
    yaw_rate_radps, speed_mps = vehicle.yaw_rate_radps, vehicle.speed_mps
    min_mps = MIN_SPEED_MPS if scale == FULL_SIZE else MIN_MODEL_SPEED_MPS * scale.speed
    if not (math.isfinite(yaw_rate_radps) and min_mps <= speed_mps < math.inf):
        return None
    turning_sigma_radps = TURNING_SIGMA_RADPS if scale == FULL_SIZE else MODEL_TURNING_SIGMA_RADPS / scale.time
    per_m = scale.length / speed_mps
    radpm = yaw_rate_radps * per_m
    return CurvaturePrior(radpm, math.hypot(turning_sigma_radps * per_m, GAIN_SIGMA_RATIO * radpm))


def roll_from_lateral_acceleration(vehicle: VehicleState | None, lean_deg_per_mps2: float) -> float:
    """Roll of the vehicle body in radians, positive lowers its right side; 0 if the acceleration is unknown."""
    measured_mps2 = None if vehicle is None else vehicle.lateral_acceleration_mps2
    if measured_mps2 is None or not math.isfinite(measured_mps2):
        return 0.0
    limited_mps2 = max(-MAX_LATERAL_ACCEL_MPS2, min(MAX_LATERAL_ACCEL_MPS2, measured_mps2))
    return math.radians(lean_deg_per_mps2) * limited_mps2
