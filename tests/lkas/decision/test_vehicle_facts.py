"""What a world says of its car takes precedence over the configuration."""

import pytest
from msgspec import structs

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import (
    Calibration,
    DetectionMessage,
    LaneLine,
    LaneModel,
    VehicleFacts,
    VehicleState,
)
from lkas.vehicle import CameraConfig, VehicleConfig

LINE = {
    "c1": 0.02, "c2": 0.004, "sigma_c0": 0.03, "sigma_c1": 0.003, "sigma_c2": 0.0003, "sigma_c3": 1e-5,
    "x_min_m": 4.0, "x_max_m": 40.0, "confidence": 0.95,
}  # fmt: skip
MODEL = LaneModel(
    left=LaneLine(c0=1.4, **LINE),
    right=LaneLine(c0=-2.1, **LINE),
    width_m=3.5,
    width_sigma_m=0.03,
    calibration=Calibration(focal_px=571.0, cx_px=399.5, cy_px=299.5, height_m=1.4),
)
FACTS = VehicleFacts(
    wheelbase_m=4.0,
    cg_to_rear_axle_m=2.0,
    width_m=1.5,
    steering_delay_s=0.2,
    steering_lag_s=0.3,
    full_throttle_mps2=1.0,
    full_brake_mps2=4.0,
)


def commands(keeper, facts):
    """Three seconds in a bend."""
    found = []
    for step in range(300):
        now_s = step * 0.01
        detection = None
        if step % 3 == 0:
            detection = DetectionMessage(session=1, frame_id=step // 3 + 1, timestamp=now_s, lane_model=MODEL)
        state = VehicleState(
            session=1, timestamp=now_s, speed_mps=10.0, yaw_rate_radps=0.04, max_steer_rad=0.6, vehicle=facts
        )
        control = keeper.decide(now_s, detection, state)
        found.append((control.steering, control.throttle, control.brake, control.ttlc_left_s, control.limiter))
    return found


def keeper_of(vehicle, parameters):
    return LaneKeeper(parameters, vehicle, CameraConfig())


def test_a_car_described_by_its_world_is_driven_as_if_it_were_configured():
    named = structs.asdict(FACTS)
    pedals = {name: named.pop(name) for name in ("full_throttle_mps2", "full_brake_mps2")}
    configured = keeper_of(VehicleConfig(**named), DecisionParameters(**pedals))
    informed = keeper_of(VehicleConfig(), DecisionParameters())
    expected = commands(configured, None)
    assert commands(informed, FACTS) == expected
    assert commands(keeper_of(VehicleConfig(), DecisionParameters()), None) != expected


@pytest.mark.parametrize("facts", [{"wheelbase_m": 4.0}, {"steering_delay_s": 0.2}, {"full_throttle_mps2": 1.0}])
def test_each_fact_alone_changes_the_commands(facts):
    before = commands(keeper_of(VehicleConfig(), DecisionParameters()), None)
    assert commands(keeper_of(VehicleConfig(), DecisionParameters()), VehicleFacts(**facts)) != before


def test_an_impossible_fact_is_refused_with_a_sentence_and_the_configuration_stays():
    keeper = keeper_of(VehicleConfig(), DecisionParameters())
    before = commands(keeper_of(VehicleConfig(), DecisionParameters()), None)
    assert commands(keeper, VehicleFacts(steering_delay_s=-1.0, width_m=float("nan"))) == before
    texts = [event.text for event in keeper.take_events() if event.name == "vehicle"]
    assert len(texts) == 2
    assert any("steering_delay_s" in text and "the configured value stays" in text for text in texts)
