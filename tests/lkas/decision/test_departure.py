"""Departure warning: drift, departure, time to line crossing, and the event."""

import pytest
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.departure import DepartureWarning, time_to_reach_s
from lkas.decision.driver_input import DriverInput
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import (
    DepartureStatus,
)
from lkas.vehicle import VehicleConfig
from tests.lkas.decision.situations import detection_at, make_keeper, settle, vehicle_state


def test_moving_towards_a_line_is_a_drift_and_crossing_it_a_departure():
    """The car reaches a lateral speed of 0.3 m/s within half a second, then drives straight."""
    keeper = make_keeper()
    margin_m, yaw_radps = 3.5 / 2 - 0.06 - 1.85 / 2, 0.3 / 13.9 / 0.5
    offset_m = heading_rad = 0.0
    statuses = []
    for tick in range(500):
        now_s, turning = tick / 100, 100 <= tick < 150
        heading_rad += yaw_radps * 0.01 if turning else 0.0
        offset_m += 13.9 * heading_rad * 0.01
        detection = detection_at(now_s, offset_m=offset_m, heading_rad=heading_rad) if tick % 3 == 0 else None
        control = keeper.decide(now_s, detection, vehicle_state(now_s, yaw_rate_radps=yaw_radps if turning else 0.0))
        statuses.append((control.departure_status, offset_m))
        if tick == 200:
            assert control.ttlc_left_s == pytest.approx((margin_m - offset_m) / 0.3, rel=0.1)
            assert control.ttlc_right_s is None
    order = list(dict.fromkeys(status for status, _ in statuses if status))
    assert order == [DepartureStatus.CENTERED, DepartureStatus.DRIFT, DepartureStatus.DEPARTURE]
    at_departure = next(offset for status, offset in statuses if status is DepartureStatus.DEPARTURE)
    assert at_departure == pytest.approx(margin_m, abs=0.05)


def test_an_acceleration_towards_a_line_counts_beyond_its_uncertainty_and_one_away_from_it_in_full():
    parameters = DecisionParameters()
    warning = DepartureWarning(1.85, Bicycle(VehicleConfig(), parameters), parameters)
    lane = LaneState(
        offset_m=0.0,
        heading_rad=0.01,
        curvature_radpm=0.0,
        curvature_rate_radpm2=0.0,
        width_m=3.5,
        yaw_rate_radps=0.0,
        offset_sigma_m=0.02,
        heading_sigma_rad=0.002,
        curvature_sigma_radpm=2.5e-4,
        width_sigma_m=0.02,
    )  # 0.3 m/s to the left at 30 m/s

    def left_s(curvature_radpm: float) -> float | None:
        curved = structs.replace(lane, curvature_radpm=curvature_radpm)
        return warning.update(curved, 30.0, 0.01, DriverInput()).ttlc_left_s

    straight_s = left_s(0.0)
    assert straight_s == pytest.approx(0.765 / 0.3)
    assert left_s(-4e-4) == pytest.approx(straight_s)  # within two sigma: 0.36 of 0.45 m/s²
    assert left_s(-1.5e-3) == pytest.approx(time_to_reach_s(0.765, 0.3, 900 * 1e-3))
    assert left_s(4e-4) is None  # the car turns back before the line


def test_the_start_of_a_warning_is_an_event_that_names_the_side():
    keeper = make_keeper()
    settle(keeper, offset_m=-0.75)
    (event,) = [event for event in keeper.take_events() if event.name == "departure"]
    assert (event.level, event.text[:19]) == ("warning", "drift to the right,")
