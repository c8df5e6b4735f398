"""Driver override and indicator: steering stops at once and starts again only when the lane is certain."""

import math
from typing import Any

import pytest
from msgspec import structs

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode, DepartureStatus
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.plant import MAX_STEER_RAD
from tests.lkas.decision.road import bend
from tests.lkas.decision.situations import detection_at, make_keeper, settle, vehicle_state


def test_on_an_override_the_command_fades_out():
    driven = drive(bend(125, 13.9), 13.9, duration_s=9.0)
    keeper, plant = driven.keeper, driven.plant
    before = driven.controls[-1].steering
    assert abs(before) > 0.02
    keeper.override(True)
    steerings = []
    for tick in range(900, 1100):
        control = keeper.decide(tick / 100, None, plant.state(tick / 100))
        assert (control.mode, control.throttle, control.brake) == (ControlMode.MANUAL, 0.0, 0.0)
        steerings.append(control.steering)
    assert abs(steerings[0] - before) * MAX_STEER_RAD < 0.005
    assert abs(steerings[60]) < 0.4 * abs(before)
    assert abs(steerings[-1]) < 0.03 * abs(before)
    (event,) = [event for event in keeper.take_events() if "manual" in event.text]
    assert event.text == "lane_keeping -> manual: the driver steers"


def test_after_an_override_it_needs_a_second_of_lanes_near_their_centre():
    keeper = make_keeper()
    settle(keeper)
    keeper.override(True)
    assert settle(keeper, 1.0, 3.0, offset_m=0.6).mode is ControlMode.MANUAL
    keeper.override(False)
    assert settle(keeper, 3.0, 4.5, offset_m=0.6).mode is ControlMode.STANDBY  # too far from the centre
    assert settle(keeper, 4.5, 4.6, offset_m=0.45).mode is ControlMode.STANDBY
    assert settle(keeper, 4.7, 6.0, offset_m=0.45).mode is ControlMode.LANE_KEEPING
    assert [event.text for event in keeper.take_events()] == [
        "standby -> lane_keeping: lane found",
        "lane_keeping -> manual: the driver steers",
        "manual -> standby: the driver released the steering",
        "standby -> lane_keeping: lane found",
    ]


def test_after_an_override_a_car_rolling_without_a_lane_is_stopped():
    keeper = make_keeper()
    settle(keeper)
    keeper.override(True)
    for tick in range(100, 600):
        assert keeper.decide(tick / 100, None, vehicle_state(tick / 100)).mode is ControlMode.MANUAL
    keeper.override(False)
    for tick in range(600, 900):
        control = keeper.decide(tick / 100, None, vehicle_state(tick / 100))
    assert control.mode is ControlMode.MINIMUM_RISK


@pytest.mark.parametrize("before", [ControlMode.DEGRADED, ControlMode.MINIMUM_RISK, ControlMode.STANDBY])
def test_an_override_precedes_every_other_mode(before):
    keeper = make_keeper()
    keeper.restore(_last(before))
    keeper.override(True)
    assert keeper.decide(2.0, None, vehicle_state(2.0)).mode is ControlMode.MANUAL


def _last(mode: ControlMode):
    return structs.replace(settle(make_keeper()), mode=mode)


def test_a_successor_of_a_keeper_in_manual_stays_in_manual():
    keeper = make_keeper()
    keeper.restore(_last(ControlMode.MANUAL))
    assert settle(keeper, 2.0, 5.0).mode is ControlMode.MANUAL


def test_a_new_session_starts_without_an_override():
    keeper = make_keeper()
    settle(keeper)
    keeper.override(True)
    settle(keeper, 1.0, 1.5)
    assert keeper.decide(1.5, None, vehicle_state(1.5, session=4)).mode is ControlMode.STANDBY


def test_an_indicator_stops_the_steering_for_a_lane_change():
    keeper = make_keeper()
    settle(keeper)
    keeper.set_indicator("left")
    control = settle(keeper, 1.0, 2.0, offset_m=0.3)
    assert (control.mode, control.state_reason) == (ControlMode.MANUAL, "indicator left: the driver changes lanes")
    keeper.set_indicator("off")
    assert settle(keeper, 2.0, 4.0).mode is ControlMode.LANE_KEEPING


def _crossing(indicator: str) -> list[DepartureStatus | None]:
    """Departure statuses of a car that crosses the left line at 0.5 m/s."""
    keeper, statuses = make_keeper(), []
    keeper.set_indicator(indicator)
    for tick in range(300):
        now_s, drift_rad = tick / 100, math.asin(0.5 / 13.9)
        detection = detection_at(now_s, offset_m=0.5 * now_s, heading_rad=drift_rad)
        statuses.append(keeper.decide(now_s, detection, vehicle_state(now_s)).departure_status)
    return statuses


def test_only_the_indicated_line_causes_no_warning():
    assert DepartureStatus.DEPARTURE in _crossing("off")
    assert DepartureStatus.DEPARTURE in _crossing("right")
    assert set(_crossing("left")) == {DepartureStatus.CENTERED}


def test_shortly_after_the_indicator_goes_off_it_still_counts():
    keeper = make_keeper()
    keeper.set_indicator("left")
    settle(keeper, offset_m=0.8)
    keeper.set_indicator("off")
    assert settle(keeper, 1.0, 2.5, offset_m=0.8).departure_status is DepartureStatus.CENTERED
    assert settle(keeper, 2.5, 3.5, offset_m=0.8).departure_status is DepartureStatus.DEPARTURE


@pytest.mark.parametrize("bad", ["up", None, 3, True])
def test_an_unknown_side_raises_an_error(bad: Any):
    with pytest.raises(ValueError, match="expected left, right or off"):
        make_keeper().set_indicator(bad)


@pytest.mark.parametrize("bad", ["yes", None, 1, math.nan])
def test_an_override_that_is_not_a_bool_raises_an_error(bad: Any):
    with pytest.raises(ValueError, match="expected true or false"):
        LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig()).override(bad)
