"""The driver at the wheel and the indicator: hands off at once, back only when the lane is sure."""

import math
from typing import Any

import pytest
from msgspec import structs

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode, DepartureStatus
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import MAX_STEER_RAD, bend, drive
from tests.lkas.decision.test_keeper import keeper, seen, settle, state


def test_the_driver_takes_over_and_the_command_fades_out():
    driven = drive(bend(125, 13.9), 13.9, duration_s=9.0)
    made, plant = driven.keeper, driven.plant
    was = driven.controls[-1].steering
    assert abs(was) > 0.02
    made.override(True)
    steerings = []
    for tick in range(900, 1100):
        control = made.decide(tick / 100, None, plant.state(tick / 100))
        assert (control.mode, control.throttle, control.brake) == (ControlMode.MANUAL, 0.0, 0.0)
        steerings.append(control.steering)
    assert abs(steerings[0] - was) * MAX_STEER_RAD < 0.005
    assert abs(steerings[60]) < 0.4 * abs(was)
    assert abs(steerings[-1]) < 0.03 * abs(was)
    (event,) = [event for event in made.take_events() if "manual" in event.text]
    assert event.text == "lane_keeping -> manual: the driver steers"


def test_after_the_driver_let_go_it_needs_a_second_of_lanes_near_their_centre():
    made = keeper()
    settle(made)
    made.override(True)
    assert settle(made, 1.0, 3.0, offset_m=0.6).mode is ControlMode.MANUAL
    made.override(False)
    assert settle(made, 3.0, 4.5, offset_m=0.6).mode is ControlMode.STANDBY  # too far from the centre
    assert settle(made, 4.5, 4.6, offset_m=0.45).mode is ControlMode.STANDBY
    assert settle(made, 4.7, 6.0, offset_m=0.45).mode is ControlMode.LANE_KEEPING
    assert [event.text for event in made.take_events()] == [
        "standby -> lane_keeping: lane found",
        "lane_keeping -> manual: the driver steers",
        "manual -> standby: the driver let go",
        "standby -> lane_keeping: lane found",
    ]


def test_without_lanes_nobody_is_left_rolling_when_the_driver_lets_go():
    made = keeper()
    settle(made)
    made.override(True)
    for tick in range(100, 600):
        assert made.decide(tick / 100, None, state(tick / 100)).mode is ControlMode.MANUAL
    made.override(False)
    for tick in range(600, 900):
        control = made.decide(tick / 100, None, state(tick / 100))
    assert control.mode is ControlMode.MINIMUM_RISK


@pytest.mark.parametrize("before", [ControlMode.DEGRADED, ControlMode.MINIMUM_RISK, ControlMode.STANDBY])
def test_the_driver_comes_before_every_other_mode(before):
    made = keeper()
    made.restore(_last(before))
    made.override(True)
    assert made.decide(2.0, None, state(2.0)).mode is ControlMode.MANUAL


def _last(mode: ControlMode):
    return structs.replace(settle(keeper()), mode=mode)


def test_a_successor_of_a_keeper_in_manual_keeps_its_hands_off():
    made = keeper()
    made.restore(_last(ControlMode.MANUAL))
    assert settle(made, 2.0, 5.0).mode is ControlMode.MANUAL


def test_another_world_begins_without_a_driver():
    made = keeper()
    settle(made)
    made.override(True)
    settle(made, 1.0, 1.5)
    assert made.decide(1.5, None, state(1.5, session=4)).mode is ControlMode.STANDBY


def test_the_indicator_yields_to_a_lane_change():
    made = keeper()
    settle(made)
    made.set_indicator("left")
    control = settle(made, 1.0, 2.0, offset_m=0.3)
    assert (control.mode, control.state_reason) == (ControlMode.MANUAL, "indicator left: yields to a lane change")
    made.set_indicator("off")
    assert settle(made, 2.0, 4.0).mode is ControlMode.LANE_KEEPING


def _crossing(indicator: str) -> list[DepartureStatus | None]:
    """Drifting over the left line at 0.5 m/s."""
    made, statuses = keeper(), []
    made.set_indicator(indicator)
    for tick in range(300):
        now_s, drift_rad = tick / 100, math.asin(0.5 / 13.9)
        detection = seen(now_s, offset_m=0.5 * now_s, heading_rad=drift_rad)
        statuses.append(made.decide(now_s, detection, state(now_s)).departure_status)
    return statuses


def test_only_the_indicated_line_is_not_warned_of():
    assert DepartureStatus.DEPARTURE in _crossing("off")
    assert DepartureStatus.DEPARTURE in _crossing("right")
    assert set(_crossing("left")) == {DepartureStatus.CENTERED}


def test_a_moment_after_the_indicator_it_is_still_meant():
    made = keeper()
    made.set_indicator("left")
    settle(made, offset_m=0.8)
    made.set_indicator("off")
    assert settle(made, 1.0, 2.5, offset_m=0.8).departure_status is DepartureStatus.CENTERED
    assert settle(made, 2.5, 3.5, offset_m=0.8).departure_status is DepartureStatus.DEPARTURE


@pytest.mark.parametrize("bad", ["up", None, 3, True])
def test_what_is_no_side_is_refused(bad: Any):
    with pytest.raises(ValueError, match="expected left, right or off"):
        keeper().set_indicator(bad)


@pytest.mark.parametrize("bad", ["yes", None, 1, math.nan])
def test_what_is_no_override_is_refused(bad: Any):
    with pytest.raises(ValueError, match="expected true or false"):
        LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig()).override(bad)
