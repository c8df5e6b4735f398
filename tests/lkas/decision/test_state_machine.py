"""The ladder by itself: what each rung waits for, to the hundredth of a second, and what no rung may skip."""

import pytest

from lkas.decision.parameters import DecisionParameters
from lkas.decision.state_machine import Situation, StateMachine
from lkas.integration.shared_memory.messages import ControlMode

TICK_S = 0.01
UNSEEN = {"sees_left": False, "sees_right": False}
PARAMETERS = DecisionParameters(
    engage_time_s=0.3, degraded_time_s=1.0, recovery_time_s=1.0, rearm_time_s=1.0, hold_offset_m=0.4
)


def situation(**changed) -> Situation:
    """Both lines seen, in the middle, at 20 m/s."""
    usual = {
        "dt_s": TICK_S,
        "vehicle_age_s": 0.0,
        "speed_mps": 20.0,
        "sees_left": True,
        "sees_right": True,
        "offset_sigma_m": 0.05,
        "is_in_lane": True,
        "offset_m": 0.0,
    }
    return Situation(**(usual | changed))


def after(machine: StateMachine, seconds: float, **changed) -> ControlMode:
    """The mode after so long in this situation."""
    for _ in range(round(seconds / TICK_S)):
        machine.update(situation(**changed))
    return machine.mode


def in_mode(mode: ControlMode) -> StateMachine:
    """A machine that has come to this mode the way a drive does."""
    machine = StateMachine(PARAMETERS)
    after(machine, 1.0)
    way = {
        ControlMode.SINGLE_LINE: {"sees_left": False},
        ControlMode.HOLD: UNSEEN,
        ControlMode.DEGRADED: UNSEEN | {"offset_sigma_m": 0.3},
    }
    if mode is ControlMode.STANDBY:
        machine.reset("another drive")
    elif mode is ControlMode.MINIMUM_RISK:
        after(machine, 1.5, **UNSEEN, offset_sigma_m=0.3)
    elif mode in way:
        after(machine, 2 * TICK_S, **way[mode])
    assert machine.mode is mode
    machine.take_events()
    return machine


def test_it_drives_after_valid_lanes_and_not_before():
    machine = in_mode(ControlMode.STANDBY)
    assert after(machine, 0.28) is ControlMode.STANDBY
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING
    assert [event.text for event in machine.take_events()] == ["standby -> lane_keeping: lane found"]


@pytest.mark.parametrize(
    "lacking",
    [
        UNSEEN,
        {"is_in_lane": False},
        {"offset_sigma_m": None},
        {"offset_sigma_m": 0.17},  # two sigma beyond 0.8 of the hold offset
        {"vehicle_age_s": None},
        {"vehicle_age_s": 0.6},
        {"speed_mps": None},
        {"doubts_speed": True},
    ],
)
def test_it_does_not_drive_off_without(lacking):
    assert after(in_mode(ControlMode.STANDBY), 1.0, **lacking) is ControlMode.STANDBY


def test_an_interruption_begins_the_wait_anew():
    machine = in_mode(ControlMode.STANDBY)
    after(machine, 0.2)
    after(machine, TICK_S, **UNSEEN)
    assert after(machine, 0.2) is ControlMode.STANDBY


def test_one_line_is_single_line_and_a_second_one_has_to_stay():
    machine = in_mode(ControlMode.LANE_KEEPING)
    assert after(machine, TICK_S, sees_right=False) is ControlMode.SINGLE_LINE
    assert after(machine, 0.15) is ControlMode.SINGLE_LINE
    assert after(machine, 0.06) is ControlMode.LANE_KEEPING


@pytest.mark.parametrize("before", [ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE])
def test_without_a_line_it_holds_and_a_line_has_to_stay(before):
    machine = in_mode(before)
    assert after(machine, TICK_S, **UNSEEN) is ControlMode.HOLD
    assert after(machine, 0.08) is ControlMode.HOLD
    assert after(machine, 0.03) in (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
    assert [event.level for event in machine.take_events()] == ["warning", "info"]


@pytest.mark.parametrize("before", [ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE, ControlMode.HOLD])
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({"offset_sigma_m": 0.2}, "position in the lane is uncertain"),
        ({"offset_sigma_m": None}, "position in the lane is uncertain"),
        ({"vehicle_age_s": 0.51}, "vehicle state is stale"),
        ({"vehicle_age_s": None}, "vehicle state is stale"),
        ({"doubts_speed": True}, "speed is not believable"),
    ],
)
def test_what_makes_it_degraded_and_then_stop(before, trouble, reason):
    machine = in_mode(before)
    assert after(machine, TICK_S, **UNSEEN, **trouble) is ControlMode.DEGRADED
    assert machine.reason == reason
    assert after(machine, 0.98, **UNSEEN, **trouble) is ControlMode.DEGRADED
    assert after(machine, 0.03, **UNSEEN, **trouble) is ControlMode.MINIMUM_RISK
    assert machine.reason == reason
    assert [event.level for event in machine.take_events()] == ["warning", "error"]


def test_less_than_that_does_not():
    assert after(in_mode(ControlMode.HOLD), 5.0, **UNSEEN, offset_sigma_m=0.19, vehicle_age_s=0.49) is ControlMode.HOLD


def test_degraded_ends_with_lanes_that_stay():
    machine = in_mode(ControlMode.DEGRADED)
    assert after(machine, 0.28) is ControlMode.DEGRADED
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING


@pytest.mark.parametrize("trouble", [{"vehicle_age_s": 0.6}, {"doubts_speed": True}])
def test_lanes_do_not_make_up_for_a_car_that_says_nothing_useful(trouble):
    assert after(in_mode(ControlMode.DEGRADED), 0.9, **trouble) is ControlMode.DEGRADED
    assert after(in_mode(ControlMode.MINIMUM_RISK), 5.0, **trouble) is ControlMode.MINIMUM_RISK


def test_a_minimum_risk_stop_ends_while_rolling_by_a_second_of_lanes():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    assert after(machine, 0.98) is ControlMode.MINIMUM_RISK
    assert after(machine, 0.03) is ControlMode.LANE_KEEPING


def test_at_standstill_it_ends_only_when_asked():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    assert after(machine, 5.0, speed_mps=0.0) is ControlMode.MINIMUM_RISK
    machine.resume()
    assert after(machine, TICK_S, speed_mps=0.0) is ControlMode.STANDBY


def test_to_be_asked_while_rolling_or_while_driving_is_not_remembered():
    machine = in_mode(ControlMode.MINIMUM_RISK)
    machine.resume()
    after(machine, TICK_S, **UNSEEN)
    assert after(machine, 1.0, **UNSEEN, speed_mps=0.0) is ControlMode.MINIMUM_RISK
    machine = in_mode(ControlMode.HOLD)
    machine.resume()
    assert after(machine, 3.0, **UNSEEN, offset_sigma_m=0.3) is ControlMode.MINIMUM_RISK
    assert after(machine, 1.0, **UNSEEN, speed_mps=0.0) is ControlMode.MINIMUM_RISK


def test_a_car_that_rolls_without_a_lane_is_stopped_and_one_that_stands_waits():
    machine = in_mode(ControlMode.STANDBY)
    assert after(machine, 1.98, **UNSEEN) is ControlMode.STANDBY
    assert after(machine, 0.04, **UNSEEN) is ControlMode.MINIMUM_RISK
    assert after(in_mode(ControlMode.STANDBY), 10.0, **UNSEEN, speed_mps=0.1) is ControlMode.STANDBY


def test_lanes_lost_at_standstill_lead_to_standby():
    machine = in_mode(ControlMode.HOLD)
    assert after(machine, 0.45, **UNSEEN, speed_mps=0.0) is ControlMode.HOLD
    assert after(machine, 0.06, **UNSEEN, speed_mps=0.0) is ControlMode.STANDBY


@pytest.mark.parametrize("before", list(ControlMode))
def test_switched_off_it_stands_by_from_everywhere(before):
    machine = StateMachine(PARAMETERS) if before is ControlMode.MANUAL else in_mode(before)
    if before is ControlMode.MANUAL:
        assert after(machine, TICK_S, driver_steers="the driver steers") is ControlMode.MANUAL
    machine.parameters = DecisionParameters(enabled=False)
    assert after(machine, TICK_S, driver_steers="the driver steers") is ControlMode.STANDBY
    assert after(machine, 5.0) is ControlMode.STANDBY


def test_after_the_driver_it_waits_longer_and_for_the_middle():
    machine = in_mode(ControlMode.LANE_KEEPING)
    assert after(machine, TICK_S, driver_steers="the driver steers") is ControlMode.MANUAL
    assert after(machine, TICK_S) is ControlMode.STANDBY
    assert after(machine, 3.0, offset_m=-0.51) is ControlMode.STANDBY
    assert after(machine, TICK_S, offset_m=-0.49) is ControlMode.LANE_KEEPING
    after(machine, TICK_S, driver_steers="the driver steers")
    assert after(machine, 0.98) is ControlMode.STANDBY
    assert after(machine, 0.04) is ControlMode.LANE_KEEPING


def test_a_successor_holds_until_it_knows_the_lane_but_not_for_ever():
    machine = StateMachine(PARAMETERS)
    machine.restore(ControlMode.LANE_KEEPING)
    unknown = UNSEEN | {"offset_sigma_m": None, "offset_m": None, "is_in_lane": False}
    assert after(machine, 0.68, **unknown) is ControlMode.HOLD
    assert after(machine, 0.03, **unknown) is ControlMode.DEGRADED


def test_a_successor_goes_on_with_a_stop():
    machine = StateMachine(PARAMETERS)
    machine.restore(ControlMode.MINIMUM_RISK)
    assert after(machine, 0.9) is ControlMode.MINIMUM_RISK
