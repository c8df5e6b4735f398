"""The keeper with wrong, missing and backward inputs: the limits hold, and the reaction is defined."""

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, VehicleState
from lkas.vehicle import VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.plant import MAX_STEER_RAD
from tests.lkas.decision.road import bend, straight
from tests.lkas.decision.situations import detection_at, make_keeper, settle, vehicle_state

BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())
FAST_MPS = 30.0


def assert_within_limits(controls: list[ControlMessage]) -> None:
    """Check acceleration, jerk and rate of the commands at the true speed; 100 Hz.

    The car may decelerate by 1.5 m/s² without a command, so a wrong speed widens the limits the longer it lasts.
    """
    true_mps, last_rad = FAST_MPS, 0.0
    for tick, control in enumerate(controls):
        steer_rad = -control.steering * MAX_STEER_RAD
        was, now = (BICYCLE.curvature_radpm(angle, true_mps) for angle in (last_rad, steer_rad))
        excess = (true_mps / (true_mps - 1.5 * (tick + 1) / 100)) ** 2 + 0.01
        assert abs(steer_rad - last_rad) <= 0.5 * 0.01 + 1e-9
        assert true_mps**2 * abs(now) <= 3.0 * excess
        assert true_mps**2 * abs(now - was) / 0.01 <= 5.0 * excess
        assert not (control.throttle and control.brake)
        true_mps -= control.brake * 8.0 / 100
        last_rad = steer_rad


@pytest.mark.parametrize("reported_mps", [None, math.nan, 0.0, 5.0, math.inf, -30.0])
def test_a_missing_or_wrong_speed_at_high_speed(reported_mps):
    """For 2 s at 30 m/s off the centre; the speed was right before."""
    keeper, controls = make_keeper(set_speed_mps=FAST_MPS), []
    settle(keeper, speed_mps=FAST_MPS)
    for tick in range(100, 300):
        now_s = tick / 100
        detection = detection_at(now_s, offset_m=0.8, heading_rad=0.02) if tick % 3 == 0 else None
        controls.append(keeper.decide(now_s, detection, vehicle_state(now_s, reported_mps)))
    assert_within_limits(controls)


def test_a_speed_frozen_at_a_low_value_causes_a_stop_and_no_throttle():
    driven = drive(
        straight(900),
        FAST_MPS,
        duration_s=7.0,
        parameters=DecisionParameters(set_speed_mps=FAST_MPS),
        vehicle_at=lambda t, s: structs.replace(s, speed_mps=5.0) if t > 3 else s,
    )
    assert driven.modes[:3] == ["standby", "lane_keeping", "degraded"]
    assert any("speed is not plausible" in text for text in driven.events)
    assert max(control.throttle for control in driven.controls[310:]) == 0.0
    assert driven.speed_mps[-1] < FAST_MPS - 4
    assert not driven.has_departed()


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-5, 5)


@settings(max_examples=60, phases=[Phase.generate])
@given(
    rows=st.lists(
        st.tuples(
            st.floats(-0.2, 0.3) | st.sampled_from([-5.0, 5.0, 1e9]),  # time since the last decision
            st.floats(-1, 1),  # exposure against now
            st.lists(numbers, min_size=4, max_size=4),  # c0 to c3 of the left line
            st.none() | numbers | st.floats(0, 60),  # speed
            st.none() | numbers,  # yaw rate, wheel
            st.sampled_from([MAX_STEER_RAD, None, math.nan, 0.0, -1.0]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_input_produces_a_command_outside_its_range(rows):
    keeper, now_s = make_keeper(), 100.0
    settle(keeper, 99.0, 100.0)
    for step_s, exposed_s, coefficients, speed_mps, motion, max_steer_rad in rows:
        now_s += step_s
        detection = detection_at(now_s + exposed_s)
        line = structs.replace(
            detection.lane_model.left, **dict(zip(("c0", "c1", "c2", "c3"), coefficients, strict=True))
        )
        detection = structs.replace(detection, lane_model=structs.replace(detection.lane_model, left=line))
        vehicle = vehicle_state(
            now_s, speed_mps, yaw_rate_radps=motion, steering_angle_rad=motion, max_steer_rad=max_steer_rad
        )
        control = keeper.decide(now_s, detection, vehicle)
        assert -1 <= control.steering <= 1
        assert 0 <= control.throttle <= 1
        assert 0 <= control.brake <= 1
        assert not (control.throttle and control.brake)
        values = (control.lateral_offset_meters, control.heading_angle, control.curvature, control.ttlc_left_s)
        assert all(value is None or math.isfinite(value) for value in values)


def test_a_state_with_a_stamp_in_the_future_counts_as_stale():
    keeper = make_keeper()
    settle(keeper)
    for tick in range(100, 180):
        control = keeper.decide(tick / 100, None, vehicle_state(tick / 100 + 5.0))
    assert control.mode is ControlMode.DEGRADED
    assert control.state_reason in ("vehicle state is stale", "position in the lane is uncertain")


@pytest.mark.parametrize("rate", [0.1, 3.0])
def test_the_rate_of_world_time_does_not_change_the_drive(rate):
    """Only world time matters, not how often or how late in real time `decide` is called."""

    def paced(_: float, vehicle: VehicleState) -> VehicleState:
        return structs.replace(vehicle, rate=rate)

    usual, other = (drive(bend(125, 13.9), 13.9, duration_s=5.0, vehicle_at=how) for how in (None, paced))
    assert [control.steering for control in usual.controls] == [control.steering for control in other.controls]


def test_after_a_pause_it_continues_in_the_same_mode():
    keeper = make_keeper()
    before = settle(keeper)
    paused = [keeper.decide(1.0, None, vehicle_state(1.0, paused=True, rate=0.0)) for _ in range(1000)]
    after = settle(keeper, 1.0, 1.2)
    assert {control.mode for control in (before, *paused, after)} == {ControlMode.LANE_KEEPING}


def test_after_steps_in_time_no_old_lane_is_followed():
    keeper = make_keeper()
    settle(keeper, offset_m=0.3)
    for now_s in (0.5, 0.9, 0.1, 40.0, 2.0):
        control = keeper.decide(now_s, None, vehicle_state(now_s))
        assert control.lateral_offset is None
        assert math.isfinite(control.steering)
