"""Situations for tests of the keeper: a keeper, vehicle states and detections without errors."""

from typing import Any

from msgspec import structs

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import (
    DetectionMessage,
    VehicleState,
)
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import MAX_STEER_RAD, SESSION, Plant
from tests.lkas.decision.road import straight

GEOMETRY = CameraConfig().geometry()


def make_keeper(**parameters: Any) -> LaneKeeper:
    return LaneKeeper(DecisionParameters(**parameters), VehicleConfig(), CameraConfig())


def vehicle_state(now_s: float, speed_mps: float = 13.9, **changes: Any) -> VehicleState:
    values = {"yaw_rate_radps": 0.0, "steering_angle_rad": 0.0, "max_steer_rad": MAX_STEER_RAD} | changes
    return VehicleState(**({"session": SESSION, "timestamp": now_s, "speed_mps": speed_mps} | values))


def detection_at(now_s: float, offset_m: float = 0.0, heading_rad: float = 0.0, **changes: Any) -> DetectionMessage:
    """Return a detection without errors on a straight road, for this pose of the car."""
    plant = Plant(road=straight(), speed_mps=0.0, offset_m=offset_m, heading_rad=heading_rad)
    return structs.replace(NoisyCamera(0, 0.0).expose(plant, now_s, round(now_s * 100)), **changes)


def settle(keeper: LaneKeeper, from_s: float = 0.0, to_s: float = 1.0, speed_mps: float = 13.9, **how: Any):
    """Repeat one situation at 100 Hz from `from_s` to `to_s`; return the last command."""
    control = None
    for tick in range(round(from_s * 100), round(to_s * 100)):
        now_s = tick / 100
        control = keeper.decide(
            now_s, detection_at(now_s, **how) if tick % 3 == 0 else None, vehicle_state(now_s, speed_mps)
        )
    assert control is not None
    return control
