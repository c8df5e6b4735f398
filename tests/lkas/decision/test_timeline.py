"""The timeline: closed-form motion, the controller's correction, and agreement with the drive that follows."""

import math

import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import create_controller
from lkas.decision.keeper import LaneKeeper
from lkas.decision.lane import LaneState
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.decision.timeline import predicted_lanes
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import Plant
from tests.lkas.decision.road import bend, straight

BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())


def lane(**changes: float) -> LaneState:
    return LaneState(**(dict.fromkeys(LaneState.__struct_fields__, 0.0) | {"width_m": 3.5} | changes))


def test_without_a_controller_the_car_continues_straight():
    points = list(predicted_lanes(lane(offset_m=0.1, heading_rad=0.01), 20.0, BICYCLE, None))
    assert len(points) == 31
    assert points[-1].offset_m == pytest.approx(0.1 + 3.0 * 20.0 * 0.01)
    assert points[-1].heading_rad == pytest.approx(0.01)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_the_prediction_corrects_the_offset_and_leaves_the_controller_unchanged(name):
    controller = create_controller(DecisionParameters(controller=name, lqr_integral_per_s3=1.0), BICYCLE)
    start = lane(offset_m=0.08)
    before = controller.update(start, 20.0, 0.0)
    points = list(predicted_lanes(start, 20.0, BICYCLE, controller))
    assert abs(points[-1].offset_m) < 0.02
    assert controller.update(start, 20.0, 0.0) == before


@pytest.mark.parametrize("name", CONTROLLERS)
def test_the_prediction_agrees_with_the_drive(name):
    """In a bend, starting 0.4 m off the centre."""
    road, now_s = bend(250, 20.0, straight_m=5.0), 3.0
    keeper = LaneKeeper(DecisionParameters(controller=name, set_speed_mps=20.0), VehicleConfig(), CameraConfig())
    driven = drive(road, 20.0, duration_s=now_s, noise=0.0, latency_s=0.0, keeper=keeper, offset_m=0.4)
    timeline, plant, camera = keeper.timeline(), driven.plant, NoisyCamera(1, 0.0)
    assert [point.t_s for point in timeline.points] == pytest.approx([n / 10 for n in range(31)])
    control, errors_m = driven.controls[-1], []
    for tick in range(300):
        if tick % 10 == 0:
            errors_m.append(timeline.points[tick // 10].offset_m - plant.offset_m)
        plant.tick(control)
        at_s = now_s + tick * 0.01
        detection = camera.expose(plant, at_s, 1000 + tick) if tick % 3 == 0 else None
        control = keeper.decide(at_s, detection, plant.state(at_s))
    assert max(map(abs, errors_m)) < 0.12


def test_margins_are_those_of_the_tyres_and_an_unknown_lane_has_no_points():
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    assert keeper.timeline().points == ()
    plant, camera = Plant(road=straight(), speed_mps=13.9, offset_m=0.3), NoisyCamera(1, 0.0)
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
