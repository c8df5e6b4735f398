"""The state machine alone: the conditions and delays of each transition, to the hundredth of a second."""

import pytest

from lkas.decision.parameters import DecisionParameters
from lkas.decision.state_machine import Situation, StateMachine
from lkas.integration.shared_memory.messages import ControlMode

TICK_S = 0.01
NO_LINES = {"is_left_visible": False, "is_right_visible": False}
PARAMETERS = DecisionParameters(
    engage_time_s=0.3, degraded_time_s=1.0, recovery_time_s=1.0, rearm_time_s=1.0, hold_offset_m=0.4
)


def situation(**changed) -> Situation:
    """Return a situation: both lines visible, centred, at 20 m/s; with these changes."""
    usual = {
        "dt_s": TICK_S,
        "vehicle_age_s": 0.0,
        "speed_mps": 20.0,
        "is_left_visible": True,
        "is_right_visible": True,
        "offset_sigma_m": 0.05,
        "is_in_lane": True,
        "offset_m": 0.0,
    }
    return Situation(**(usual | changed))


def after(machine: StateMachine, seconds: float, **changed) -> ControlMode:
    """Repeat a situation for this time and return the mode."""
    for _ in range(round(seconds / TICK_S)):
        machine.update(situation(**changed))
    return machine.mode


def in_mode(mode: ControlMode) -> StateMachine:
    """Return a machine that has reached this mode as in a drive."""
    machine = StateMachine(PARAMETERS)
    after(machine, 1.0)
    changes = {
        ControlMode.SINGLE_LINE: {"is_left_visible": False},
        ControlMode.HOLD: NO_LINES,
        ControlMode.DEGRADED: NO_LINES | {"offset_sigma_m": 0.3},
    }
    if mode is ControlMode.STANDBY:
        machine.reset("a new drive")
    elif mode is ControlMode.MINIMUM_RISK:
        after(machine, 1.5, **NO_LINES, offset_sigma_m=0.3)
    elif mode in changes:
        after(machine, 2 * TICK_S, **changes[mode])
    assert machine.mode is mode
    machine.take_events()
    return machine


def test_it_engages_after_valid_lanes_and_not_before():
    machine = in_mode(ControlMode.STANDBY)
    assert after(machine, 0.28) is ControlMode.STANDBY
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING
    assert [event.text for event in machine.take_events()] == ["standby -> lane_keeping: lane found"]


@pytest.mark.parametrize(
    "missing",
    [
        NO_LINES,
        {"is_in_lane": False},
        {"offset_sigma_m": None},
        {"offset_sigma_m": 0.17},  # two sigma exceed 0.8 of hold_offset_m
        {"vehicle_age_s": None},
        {"vehicle_age_s": 0.6},
        {"speed_mps": None},
        {"is_speed_implausible": True},
    ],
)
def test_it_does_not_engage_without(missing):
    assert after(in_mode(ControlMode.STANDBY), 1.0, **missing) is ControlMode.STANDBY


def test_an_interruption_restarts_the_wait():
    machine = in_mode(ControlMode.STANDBY)
    after(machine, 0.2)
    after(machine, TICK_S, **NO_LINES)
    assert after(machine, 0.2) is ControlMode.STANDBY


def test_with_one_line_it_is_single_line_until_the_second_one_stays():
    machine = in_mode(ControlMode.LANE_KEEPING)
    assert after(machine, TICK_S, is_right_visible=False) is ControlMode.SINGLE_LINE
    assert after(machine, 0.15) is ControlMode.SINGLE_LINE
    assert after(machine, 0.06) is ControlMode.LANE_KEEPING


@pytest.mark.parametrize("before", [ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE])
def test_without_a_line_it_is_hold_until_a_line_stays(before):
    machine = in_mode(before)
    assert after(machine, TICK_S, **NO_LINES) is ControlMode.HOLD
    assert after(machine, 0.08) is ControlMode.HOLD
    assert after(machine, 0.03) in (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
    assert [event.level for event in machine.take_events()] == ["warning", "info"]


@pytest.mark.parametrize("before", [ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE, ControlMode.HOLD])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"offset_sigma_m": 0.2}, "position in the lane is uncertain"),
        ({"offset_sigma_m": None}, "position in the lane is uncertain"),
        ({"vehicle_age_s": 0.51}, "vehicle state is stale"),
        ({"vehicle_age_s": None}, "vehicle state is stale"),
        ({"is_speed_implausible": True}, "speed is not plausible"),
    ],
)
def test_a_fault_leads_to_degraded_and_then_to_a_stop(before, fault, reason):
    machine = in_mode(before)
    assert after(machine, TICK_S, **NO_LINES, **fault) is ControlMode.DEGRADED
    assert machine.reason == reason
    assert after(machine, 0.98, **NO_LINES, **fault) is ControlMode.DEGRADED
    assert after(machine, 0.03, **NO_LINES, **fault) is ControlMode.MINIMUM_RISK
    assert machine.reason == reason
    assert [event.level for event in machine.take_events()] == ["warning", "error"]


def test_values_below_the_thresholds_keep_hold():
    assert (
        after(in_mode(ControlMode.HOLD), 5.0, **NO_LINES, offset_sigma_m=0.19, vehicle_age_s=0.49) is ControlMode.HOLD
    )


def test_degraded_ends_after_lanes_that_stay():
    machine = in_mode(ControlMode.DEGRADED)
    assert after(machine, 0.28) is ControlMode.DEGRADED
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING


@pytest.mark.parametrize("fault", [{"vehicle_age_s": 0.6}, {"is_speed_implausible": True}])
def test_lanes_do_not_compensate_an_unreliable_vehicle_state(fault):
    assert after(in_mode(ControlMode.DEGRADED), 0.9, **fault) is ControlMode.DEGRADED
    assert after(in_mode(ControlMode.MINIMUM_RISK), 5.0, **fault) is ControlMode.MINIMUM_RISK


def test_a_minimum_risk_stop_ends_while_rolling_after_a_second_of_lanes():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    assert after(machine, 0.98) is ControlMode.MINIMUM_RISK
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING


def test_at_standstill_a_minimum_risk_stop_ends_only_by_resume():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    assert after(machine, 5.0, speed_mps=0.0) is ControlMode.MINIMUM_RISK
    machine.resume()
    assert after(machine, TICK_S, speed_mps=0.0) is ControlMode.STANDBY


def test_resume_while_rolling_or_driving_is_ignored():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    machine.resume()
    after(machine, TICK_S, **NO_LINES)
    assert after(machine, 1.0, **NO_LINES, speed_mps=0.0) is ControlMode.MINIMUM_RISK
    machine = in_mode(ControlMode.HOLD)
    machine.resume()
    assert after(machine, 3.0, **NO_LINES, offset_sigma_m=0.3) is ControlMode.MINIMUM_RISK
    assert after(machine, 1.0, **NO_LINES, speed_mps=0.0) is ControlMode.MINIMUM_RISK


def test_a_car_rolling_without_a_lane_is_stopped_and_a_standing_one_waits():
    machine = in_mode(ControlMode.STANDBY)
    assert after(machine, 1.98, **NO_LINES) is ControlMode.STANDBY
    assert after(machine, 0.04, **NO_LINES) is ControlMode.MINIMUM_RISK
    assert after(in_mode(ControlMode.STANDBY), 10.0, **NO_LINES, speed_mps=0.1) is ControlMode.STANDBY


def test_lanes_lost_at_standstill_lead_to_standby():
    machine = in_mode(ControlMode.HOLD)
    assert after(machine, 0.45, **NO_LINES, speed_mps=0.0) is ControlMode.HOLD
    assert after(machine, 0.06, **NO_LINES, speed_mps=0.0) is ControlMode.STANDBY


@pytest.mark.parametrize("before", list(ControlMode))
def test_disabled_it_changes_to_standby_from_every_mode(before):
    machine = StateMachine(PARAMETERS) if before is ControlMode.MANUAL else in_mode(before)
    if before is ControlMode.MANUAL:
        assert after(machine, TICK_S, driver_reason="the driver steers") is ControlMode.MANUAL
    machine.configure(DecisionParameters(enabled=False))
    assert after(machine, TICK_S, driver_reason="the driver steers") is ControlMode.STANDBY
    assert after(machine, 5.0) is ControlMode.STANDBY


def test_after_an_override_it_waits_longer_and_for_the_lane_centre():
    machine = in_mode(ControlMode.LANE_KEEPING)
    assert after(machine, TICK_S, driver_reason="the driver steers") is ControlMode.MANUAL
    assert after(machine, TICK_S) is ControlMode.STANDBY
    assert after(machine, 3.0, offset_m=-0.51) is ControlMode.STANDBY
    assert after(machine, TICK_S, offset_m=-0.49) is ControlMode.LANE_KEEPING
    after(machine, TICK_S, driver_reason="the driver steers")
    assert after(machine, 0.98) is ControlMode.STANDBY
    assert after(machine, 0.04) is ControlMode.LANE_KEEPING


def test_a_successor_is_in_hold_until_it_knows_the_lane_for_a_limited_time():
    machine = StateMachine(PARAMETERS)
    machine.restore(ControlMode.LANE_KEEPING)
    unknown = NO_LINES | {"offset_sigma_m": None, "offset_m": None, "is_in_lane": False}
    assert after(machine, 0.68, **unknown) is ControlMode.HOLD
    assert after(machine, 0.03, **unknown) is ControlMode.DEGRADED


def test_a_successor_continues_a_stop():
    machine = StateMachine(PARAMETERS)
    machine.restore(ControlMode.MINIMUM_RISK)
    assert after(machine, 0.9) is ControlMode.MINIMUM_RISK
