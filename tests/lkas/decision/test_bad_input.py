"""What the keeper makes of a world that lies, stops or runs backwards: the limits hold, the reaction is a known one."""

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, VehicleState
from lkas.vehicle import VehicleConfig
from tests.lkas.decision.closed_loop import MAX_STEER_RAD, bend, drive, straight
from tests.lkas.decision.test_keeper import keeper, seen, settle, state

BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())
FAST_MPS = 30.0


def assert_legal(controls: list[ControlMessage]) -> None:
    """Acceleration, jerk and rate of the commands at the speed the car really has; 100 Hz.

    A car may slow down by 1.5 m/s² unasked, so a wrong speed costs some of the limits, the more the longer it lasts.
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


@pytest.mark.parametrize("said", [None, math.nan, 0.0, 5.0, math.inf, -30.0])
def test_a_speed_that_is_missing_or_wrong_while_driving_fast(said):
    """For 2 s at 30 m/s off the centre, with a speed that was right before."""
    made, controls = keeper(set_speed_mps=FAST_MPS), []
    settle(made, speed_mps=FAST_MPS)
    for tick in range(100, 300):
        now_s = tick / 100
        detection = seen(now_s, offset_m=0.8, heading_rad=0.02) if tick % 3 == 0 else None
        controls.append(made.decide(now_s, detection, state(now_s, said)))
    assert_legal(controls)


def test_a_speed_frozen_low_ends_in_a_stop_not_in_full_throttle():
    driven = drive(
        straight(900),
        FAST_MPS,
        duration_s=7.0,
        parameters=DecisionParameters(set_speed_mps=FAST_MPS),
        vehicle_at=lambda t, s: structs.replace(s, speed_mps=5.0) if t > 3 else s,
    )
    assert driven.modes[:3] == ["standby", "lane_keeping", "degraded"]
    assert any("speed is not believable" in text for text in driven.events)
    assert max(control.throttle for control in driven.controls[310:]) == 0.0
    assert driven.speed_mps[-1] < FAST_MPS - 4
    assert not driven.departed()


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
def test_nothing_gets_an_illegal_command_out_of_the_keeper(rows):
    made, now_s = keeper(), 100.0
    settle(made, 99.0, 100.0)
    for step_s, exposed_s, coefficients, speed_mps, motion, max_steer_rad in rows:
        now_s += step_s
        detection = seen(now_s + exposed_s)
        line = structs.replace(
            detection.lane_model.left, **dict(zip(("c0", "c1", "c2", "c3"), coefficients, strict=True))
        )
        detection = structs.replace(detection, lane_model=structs.replace(detection.lane_model, left=line))
        vehicle = state(now_s, speed_mps, yaw_rate_radps=motion, steering_angle_rad=motion, max_steer_rad=max_steer_rad)
        control = made.decide(now_s, detection, vehicle)
        assert -1 <= control.steering <= 1
        assert 0 <= control.throttle <= 1
        assert 0 <= control.brake <= 1
        assert not (control.throttle and control.brake)
        figures = (control.lateral_offset_meters, control.heading_angle, control.curvature, control.ttlc_left_s)
        assert all(figure is None or math.isfinite(figure) for figure in figures)


def test_stamps_from_the_future_are_no_state_of_now():
    made = keeper()
    settle(made)
    for tick in range(100, 180):
        control = made.decide(tick / 100, None, state(tick / 100 + 5.0))
    assert control.mode is ControlMode.DEGRADED
    assert control.state_reason in ("vehicle state is stale", "position in the lane is uncertain")


@pytest.mark.parametrize("rate", [0.1, 3.0])
def test_a_slow_and_a_fast_world_are_driven_alike(rate):
    """World time is all that counts, not how often or how late in real time decision is asked."""

    def paced(_: float, vehicle: VehicleState) -> VehicleState:
        return structs.replace(vehicle, rate=rate)

    usual, other = (drive(bend(125, 13.9), 13.9, duration_s=5.0, vehicle_at=how) for how in (None, paced))
    assert [control.steering for control in usual.controls] == [control.steering for control in other.controls]


def test_paused_and_resumed_it_goes_on_where_it_was():
    made = keeper()
    before = settle(made)
    paused = [made.decide(1.0, None, state(1.0, paused=True, rate=0.0)) for _ in range(1000)]
    after = settle(made, 1.0, 1.2)
    assert {control.mode for control in (before, *paused, after)} == {ControlMode.LANE_KEEPING}


def test_time_that_jumps_back_and_forth_never_drives_by_an_old_lane():
    made = keeper()
    settle(made, offset_m=0.3)
    for now_s in (0.5, 0.9, 0.1, 40.0, 2.0):
        control = made.decide(now_s, None, state(now_s))
        assert control.lateral_offset is None
        assert math.isfinite(control.steering)
