"""The next three seconds: closed-form motion, the law's own correction, and what happens then."""

import math

import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import create_controller
from lkas.decision.keeper import LaneKeeper
from lkas.decision.lane import LaneState
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.decision.timeline import expected_lanes
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import Camera, Plant, bend, drive, straight

BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())


def lane(**changes: float) -> LaneState:
    return LaneState(**(dict.fromkeys(LaneState.__struct_fields__, 0.0) | {"width_m": 3.5} | changes))


def test_without_a_law_the_car_goes_straight_on():
    points = list(expected_lanes(lane(offset_m=0.1, heading_rad=0.01), 20.0, BICYCLE, None))
    assert len(points) == 31
    assert points[-1].offset_m == pytest.approx(0.1 + 3.0 * 20.0 * 0.01)
    assert points[-1].heading_rad == pytest.approx(0.01)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_the_law_brings_the_car_back_and_remembers_nothing_of_it(name):
    law = create_controller(DecisionParameters(controller=name, lqr_integral_per_s3=1.0), BICYCLE)
    start = lane(offset_m=0.08)
    before = law.update(start, 20.0, 0.0)
    points = list(expected_lanes(start, 20.0, BICYCLE, law))
    assert abs(points[-1].offset_m) < 0.02
    assert law.update(start, 20.0, 0.0) == before


@pytest.mark.parametrize("name", CONTROLLERS)
def test_what_is_expected_is_what_happens(name):
    """In a bend, from 0.4 m off its centre."""
    road, now_s = bend(250, 20.0, straight_m=5.0), 3.0
    keeper = LaneKeeper(DecisionParameters(controller=name, set_speed_mps=20.0), VehicleConfig(), CameraConfig())
    driven = drive(road, 20.0, duration_s=now_s, noise=0.0, latency_s=0.0, keeper=keeper, offset_m=0.4)
    timeline, plant, camera = keeper.timeline(), driven.plant, Camera(1, 0.0)
    assert [point.t_s for point in timeline.points] == pytest.approx([n / 10 for n in range(31)])
    control, errors_m = driven.controls[-1], []
    for tick in range(300):
        if tick % 10 == 0:
            errors_m.append(timeline.points[tick // 10].offset_m - plant.offset_m)
        plant.tick(control)
        at_s = now_s + tick * 0.01
        seen = camera.expose(plant, at_s, 1000 + tick) if tick % 3 == 0 else None
        control = keeper.decide(at_s, seen, plant.state(at_s))
    assert max(map(abs, errors_m)) < 0.12


def test_margins_are_those_of_the_tyres_and_an_unknown_lane_has_no_future():
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    assert keeper.timeline().points == ()
    plant, camera = Plant(road=straight(), speed_mps=13.9, offset_m=0.3), Camera(1, 0.0)
    keeper.decide(0.0, None, plant.state(0.0))
    control = keeper.decide(0.0, camera.expose(plant, 0.0, 1), plant.state(0.0))
    timeline = keeper.timeline()
    first = timeline.points[0]
    assert first.offset_m == pytest.approx(0.3, abs=0.01)  # left is positive here, unlike in the control
    assert (first.margin_left_m, first.margin_right_m) == pytest.approx((0.465, 1.065), abs=0.02)
    assert (timeline.session, timeline.frame_id) == (control.session, control.frame_id)
    keeper.decide(0.8, None, plant.state(0.8))
    assert keeper.timeline().points == ()
    assert all(math.isfinite(point.margin_left_m) for point in timeline.points)
