"""Perfect perception compared with the road."""

import math

import pytest

from lkas.frames import lane_message, line_lateral_m
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld, RouteStart
from simulation.evaluation.line_errors import line_errors
from simulation.evaluation.perception import TruthPerception
from simulation.opendrive.writer import Piece, road_xml, straight

CAMERA = CameraConfig(width_px=64, height_px=48)
IN_A_BEND_M = 260.0  # of the built-in loop, R = 180 m to the left


def measure(s_m, offset_m, heading_rad, **changes):
    start = RouteStart(s_m=s_m, offset_m=offset_m, heading_rad=heading_rad)
    world = EmbeddedWorld(SimulationConfig(start_speed_mps=10.0, **changes), CAMERA, VehicleConfig(), start)
    tick = world.tick(None)
    return world, tick, TruthPerception(world).lane_model(tick)


@pytest.mark.parametrize(("s_m", "offset_m", "heading_rad"), [
    (20.0, 0.0, 0.0), (20.0, 0.6, 0.03), (IN_A_BEND_M, 0.0, 0.0), (IN_A_BEND_M, -0.5, 0.02), (70.0, 0.3, -0.02)
])  # fmt: skip
def test_its_lines_match_the_lines_of_the_road(s_m, offset_m, heading_rad):
    world, tick, model = measure(s_m, offset_m, heading_rad)
    pose, curve = tick.state.pose, world.route.curve
    for side, line in ((1, model.left), (-1, model.right)):
        for ahead_m, within_m in ((0.0, 0.002), (8.0, 0.02), (15.0, 0.05), (30.0, 0.1)):
            left_m = line_lateral_m(line, ahead_m)
            x = pose.x_m + ahead_m * math.cos(pose.yaw_rad) - left_m * math.sin(pose.yaw_rad)
            y = pose.y_m + ahead_m * math.sin(pose.yaw_rad) + left_m * math.cos(pose.yaw_rad)
            _, t_m = curve.to_lane(x, y, curve.nearest_s_m(x, y))
            assert t_m == pytest.approx(side * 1.75, abs=within_m)


def test_the_inner_line_of_a_bend_has_a_higher_curvature():
    _, _, model = measure(IN_A_BEND_M, 0.0, 0.0)
    assert 1 / model.left.c2 == pytest.approx(180.0, abs=1.0)  # road centre; a cubic approximates the arc
    assert 1 / model.right.c2 == pytest.approx(183.5, abs=1.0)


def test_a_car_left_of_the_centre_is_closer_to_the_left_line():
    _, _, model = measure(20.0, 0.5, 0.0)
    assert model.left.c0 == pytest.approx(1.25, abs=1e-3)
    assert model.right.c0 == pytest.approx(-2.25, abs=1e-3)


def test_a_left_bend_ahead_gives_a_positive_curvature_rate():
    world, _, model = measure(70.0, 0.0, 0.0)
    ahead = world.route.curve.pose(100.1)[3] - world.route.curve.pose(70.1)[3]
    assert ahead > 0
    assert model.left.c3 == pytest.approx(ahead / 30, rel=0.15)


def test_the_curvature_of_an_arc_without_a_clothoid_grows_while_the_car_approaches(tmp_path):
    xml = road_xml("jump", [straight(100.0), Piece(100.0, 0.01, 0.01)], lane_width_m=3.5, is_closed=False, note="")
    path = tmp_path / "jump.xodr"
    path.write_text(xml)
    curvatures_radpm = [
        line.c2 + 15 * line.c3  # in the middle of the view
        for s_m in (60.0, 75.0, 85.0, 95.0)
        for line in (measure(s_m, 0.0, 0.0, map=str(path))[2].left,)
    ]
    assert curvatures_radpm[0] == pytest.approx(0.0, abs=1e-6)
    assert curvatures_radpm == sorted(curvatures_radpm)
    assert curvatures_radpm[-1] == pytest.approx(0.01, rel=0.2)


def test_its_line_errors_are_zero():
    _, tick, model = measure(IN_A_BEND_M, 0.4, 0.02)
    errors = line_errors(tick.truth, model, None, None, tick.state.camera)
    assert [error.offset_m for error in errors] == pytest.approx([0, 0])
    assert [error.heading_rad for error in errors] == pytest.approx([0, 0])
    assert [error.confidence for error in errors] == [1, 1]


def test_image_lines_are_projected_to_the_ground():
    _, tick, model = measure(20.0, 0.4, 0.0)
    camera = tick.state.camera
    left, right = (lane_message(line, camera, 48) for line in (model.left, model.right))
    errors = line_errors(tick.truth, None, left, right, camera)
    assert len(errors) == 2
    assert all(abs(error.offset_m) < 0.02 and abs(error.heading_rad) < 0.005 for error in errors)
