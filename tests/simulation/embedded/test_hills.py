"""Slope, bank and crest in the image, and pose and roll of the car, against independent formulas."""

import math

import msgspec
import numpy as np
import pytest

from lkas.integration.shared_memory.messages import Pose
from lkas.vehicle import CameraConfig
from simulation.conditions import Condition
from simulation.embedded.attitude import BodyMotion, pose_on_road
from simulation.embedded.dynamics import CALM, ExternalInputs
from simulation.embedded.plant import CarState
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.view import View
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route
from tests.simulation.opendrive import roads

CAMERA = CameraConfig()
PLAIN = Condition(description="x", noise=0)
LENGTH_M = 300.0
STRAIGHT = f'<geometry s="0" x="0" y="0" hdg="0.3" length="{LENGTH_M}"><line/></geometry>'
EDGE_M, LANE_M = -3.5, -1.75


def road_with(folder, elevation: str = "", bank_rad: float = 0.0):
    lanes = roads.lanes(left=roads.lane(1), right=roads.lane(-1))
    profile = f"<elevationProfile>{elevation}</elevationProfile>"
    profile += f'<lateralProfile><superelevation s="0" a="{bank_rad}" b="0" c="0" d="0"/></lateralProfile>'
    text = roads.road(geometry=STRAIGHT, length=LENGTH_M, lanes_xml=lanes).replace("<lanes>", profile + "<lanes>", 1)
    return read_map(roads.write(folder, text))


def slope(start_m: float, height_m: float, ratio: float) -> str:
    return f'<elevation s="{start_m}" a="{height_m}" b="{ratio}" c="0" d="0"/>'


def standing(road_map, s_m: float) -> Pose:
    route = find_route(road_map)
    x, y = route.curve.to_world(s_m, 0.0)
    return pose_on_road(route, s_m, x, y, route.curve.pose(s_m)[2])


def render(road_map, pose: Pose, body_pitch_rad: float = 0.0, body_roll_rad: float = 0.0) -> np.ndarray:
    image = np.zeros((600, 800, 3), np.uint8)
    renderer = Renderer(road_map, CAMERA.geometry(), 800, 600, 1, PLAIN)
    renderer.render_into(image, View(pose, 1, 0.0, body_pitch_rad, body_roll_rad))
    return image


def pixel(point: np.ndarray, pose: Pose) -> tuple[float, float]:
    """Projection by three consecutive rotations, independent of the package."""
    x, y, z = point - np.array([pose.x_m, pose.y_m, pose.z_m])
    for angle, turn in ((pose.yaw_rad, "yaw"), (pose.pitch_rad, "pitch"), (pose.roll_rad, "roll")):
        cos, sin = math.cos(angle), math.sin(angle)
        if turn == "yaw":
            x, y = cos * x + sin * y, cos * y - sin * x
        elif turn == "pitch":  # lowers the nose
            x, z = cos * x - sin * z, cos * z + sin * x
        else:  # lowers the right side
            y, z = cos * y + sin * z, cos * z - sin * y
    x, y, z = x - CAMERA.x_m, y - CAMERA.y_m, z - CAMERA.height_m
    angle = math.radians(CAMERA.pitch_deg)
    depth, up = math.cos(angle) * x - math.sin(angle) * z, math.cos(angle) * z + math.sin(angle) * x
    focal = 400 / math.tan(math.radians(CAMERA.hfov_deg / 2))
    return 399.5 - focal * y / depth, 299.5 - focal * up / depth


def edge_errors(image: np.ndarray, road_map, pose: Pose, s_m: float) -> list[float]:
    """Column errors of the edge line, row by row."""
    surface = next(iter(road_map.roads.values())).surface
    along = np.arange(s_m + 4.0, s_m + 30.0, 0.25)
    line = np.array([pixel(surface.points([s], [EDGE_M], [0.0])[0], pose) for s in along])
    errors = []
    for row in range(int(line[:, 1].min()) + 2, min(590, int(line[:, 1].max())), 5):
        column = float(np.interp(-row, -line[:, 1], line[:, 0]))
        if 30 < column < 770:
            first = round(column) - 14
            paint = np.clip(image[row, first : first + 29].mean(axis=1) - 150.0, 0, None)
            assert paint.sum() > 20, f"no line in row {row}"
            errors.append(first + float((paint * np.arange(29)).sum() / paint.sum()) - column)
    return errors


@pytest.mark.parametrize(
    ("elevation", "bank_rad"),
    [(slope(0, 5.0, 0.09), 0.0), (slope(0, 40.0, -0.12), 0.0), (slope(0, 0.0, 0.0), 0.1), (slope(0, 0.0, 0.06), -0.07)],
    ids=["uphill", "downhill", "banked", "both"],
)
def test_lines_are_where_an_independent_projection_puts_them(tmp_path, elevation, bank_rad):
    road_map = road_with(tmp_path, elevation, bank_rad)
    pose = standing(road_map, 30.0)
    errors = edge_errors(render(road_map, pose), road_map, pose, 30.0)
    assert len(errors) > 20
    assert abs(np.mean(errors)) < 0.15
    assert np.percentile(np.abs(errors), 90) < 0.6


def test_the_car_has_pitch_and_roll_of_the_road(tmp_path):
    pose = standing(road_with(tmp_path, slope(0, 2.0, 0.1), 0.08), 50.0)
    assert pose.pitch_rad == pytest.approx(-math.atan(0.1), abs=1e-6)
    assert pose.roll_rad == pytest.approx(0.08, abs=1e-3)  # the left side is higher
    level = standing(road_with(tmp_path), 50.0)
    assert (level.z_m, level.pitch_rad, level.roll_rad) == (0.0, 0.0, 0.0)


def test_a_crest_occludes_the_road_behind_it(tmp_path):
    crest = slope(0, 0.0, 0.08) + slope(60, 4.8, -0.10)
    road_map = road_with(tmp_path, crest)
    pose = standing(road_map, 30.0)
    image = render(road_map, pose).astype(int)
    surface = next(iter(road_map.roads.values())).surface

    def brightness(s_m):
        u, v = pixel(surface.points([s_m], [EDGE_M], [0.0])[0], pose)
        return image[round(v) - 1 : round(v) + 2, round(u) - 2 : round(u) + 3].mean(axis=2).max()

    assert brightness(50.0) > 190
    # Where the line behind the crest would be, the image shows the asphalt in front of the crest.
    assert all(brightness(s_m) < 150 for s_m in (85.0, 100.0, 120.0))
    top = pixel(surface.points([60.0], [LANE_M], [0.0])[0], pose)[1]
    above = image[round(top) - 8 : round(top) - 3, 380:420]
    assert (above[..., 2] > above[..., 0] + 5).mean() > 0.5  # sky or far hills, not asphalt


def test_body_pitch_and_roll_equal_a_rotated_camera(tmp_path):
    road_map = road_with(tmp_path)
    pose = standing(road_map, 30.0)
    rolled = render(road_map, pose, 0.02, 0.03)
    turned = msgspec.structs.replace(pose, pitch_rad=0.02, roll_rad=0.03)
    assert (rolled == render(road_map, turned)).all()
    assert np.abs(edge_errors(rolled, road_map, turned, 30.0)).mean() < 0.5


def settled(outside: ExternalInputs = CALM, **motion) -> BodyMotion:
    body = BodyMotion(seed=1)
    for _ in range(400):
        body.step(CarState(**motion), outside, 0.01)
    return body


def test_braking_lowers_the_nose_and_a_left_bend_rolls_right():
    assert settled(acceleration_mps2=-4.0).pitch_rad == pytest.approx(math.radians(3.0) * 4 / 9.81, rel=1e-3)
    assert settled(lateral_acceleration_mps2=3.0).roll_rad == pytest.approx(math.radians(5.0) * 3 / 9.81, rel=1e-3)


def test_a_bend_banked_for_the_speed_causes_no_roll():
    banked = ExternalInputs(gravity_left_mps2=2.0, gravity_forward_mps2=-0.5)
    assert settled(banked, lateral_acceleration_mps2=2.0).roll_rad == pytest.approx(0.0, abs=1e-9)
    assert settled(banked, lateral_acceleration_mps2=0.0).roll_rad < 0.0
    assert settled(banked).pitch_rad < 0.0  # uphill the nose rises


def test_roughness_shakes_the_body_of_a_moving_car():
    body, seen = BodyMotion(seed=1), []
    for _ in range(4000):
        body.step(CarState(speed_mps=20.0), CALM, 0.01)
        seen.append((body.pitch_rad, body.roll_rad))
    assert np.degrees(np.std(seen, axis=0)) == pytest.approx([0.06, 0.06], rel=0.3)
    assert settled(speed_mps=0.0).pitch_rad == 0.0
