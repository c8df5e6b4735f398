"""Vehicles that move along lanes and occlude the background."""

import numpy as np
import pytest

from lkas.integration.shared_memory.messages import Pose
from lkas.vehicle import CameraConfig
from simulation.conditions import Condition
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.vehicle_models import DETAIL, SHADOW, SIZES, model
from simulation.embedded.renderer.view import Vehicle, View
from simulation.embedded.traffic import LEAD_GAP_M, Traffic
from simulation.embedded.world import built_in_map
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route

CAMERA = CameraConfig(width_px=320, height_px=240)
MAP = read_map(built_in_map())
ROUTE = find_route(MAP)
PLAIN = Condition(description="x", noise=0)
S_M, SPEED_MPS, DT_S = 30.0, 15.0, 0.01


def run(traffic: Traffic, seconds: float, s_m: float = S_M, speed_mps: float = SPEED_MPS) -> float:
    for _ in range(round(seconds / DT_S)):
        s_m = ROUTE.curve.wrap(s_m + speed_mps * DT_S)
        traffic.step(s_m, speed_mps, DT_S)
    return s_m


def lane_place(vehicle: Vehicle, s_m: float) -> tuple[float, float]:
    """(ahead of the ego car, left of its lane's centre)."""
    s, t = ROUTE.curve.to_lane(float(vehicle.origin_m[0]), float(vehicle.origin_m[1]), s_m)
    half = ROUTE.length_m / 2
    return (s - s_m + half) % ROUTE.length_m - half, t


def test_the_same_seed_gives_the_same_traffic():
    def places(seed):
        traffic = Traffic(ROUTE, seed)
        run(traffic, 10.0)
        return [vehicle.origin_m.tolist() for vehicle in traffic.vehicles()]

    assert places(1) == places(1)
    assert places(1) != places(2)


def test_the_lead_vehicle_keeps_its_distance_and_its_lane():
    traffic = Traffic(ROUTE, 3)
    s_m = S_M
    for _ in range(40):
        s_m = run(traffic, 1.0, s_m)
        ahead_m, left_m = lane_place(traffic.vehicles()[0], s_m)
        assert LEAD_GAP_M[0] / 2 <= ahead_m <= LEAD_GAP_M[1] + 10
        assert abs(left_m) < 0.1


def test_the_ego_car_never_reaches_the_lead_vehicle():
    traffic = Traffic(ROUTE, 1)
    s_m = S_M
    for speed_mps in (2.0, 30.0, 5.0, 40.0, 0.0):
        s_m = run(traffic, 4.0, s_m, speed_mps)
        assert lane_place(traffic.vehicles()[0], s_m)[0] > 6.0


def test_oncoming_vehicles_use_the_other_lane():
    traffic = Traffic(ROUTE, 1)
    s_m = run(traffic, 3.0)
    oncoming = traffic.vehicles()[1:]
    assert oncoming
    for vehicle in oncoming:
        ahead_m, left_m = lane_place(vehicle, s_m + 50)
        assert left_m == pytest.approx(3.5, abs=0.2)
        heading = ROUTE.curve.pose(s_m + 50 + ahead_m)[2]
        assert vehicle.axes[0, :2] @ (np.cos(heading), np.sin(heading)) < -0.95
    before = lane_place(oncoming[0], s_m)[0]
    s_m = run(traffic, 0.5, s_m)
    assert lane_place(traffic.vehicles()[1], s_m)[0] < before - 0.5 * SPEED_MPS


def shot(vehicles: tuple[Vehicle, ...], condition: Condition = PLAIN) -> np.ndarray:
    image = np.zeros((240, 320, 3), np.uint8)
    x, y, yaw, _ = ROUTE.curve.pose(S_M)
    pose = Pose(x_m=x, y_m=y, z_m=0.0, yaw_rad=yaw)
    Renderer(MAP, CAMERA.geometry(), 320, 240, 1, condition).render_into(image, View(pose, 1, 0.0, vehicles=vehicles))
    return image


def standing(ahead_m: float, t_m: float, kind: int = 0, is_braking: bool = False) -> Vehicle:
    x, y = ROUTE.curve.to_world(S_M + ahead_m, t_m)
    heading = ROUTE.curve.pose(S_M + ahead_m)[2]
    cos, sin = np.cos(heading), np.sin(heading)
    axes = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])
    return Vehicle(np.array([x, y, 0.0]), axes, kind, 2, is_braking)


def outline(vehicle: Vehicle) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) px of its rear, by an independent projection."""
    size = SIZES[vehicle.kind]
    x, y, yaw, _ = ROUTE.curve.pose(S_M)
    focal, pitch = 160 / np.tan(np.radians(CAMERA.hfov_deg / 2)), np.radians(CAMERA.pitch_deg)
    found = []
    for side in (-1, 1):
        for up in (0.0, size.height):
            corner = np.array([-size.length / 2, side * size.width / 2, up]) @ vehicle.axes + vehicle.origin_m
            forward = np.cos(yaw) * (corner[0] - x) + np.sin(yaw) * (corner[1] - y) - CAMERA.x_m
            left = -np.sin(yaw) * (corner[0] - x) + np.cos(yaw) * (corner[1] - y)
            below = CAMERA.height_m - corner[2]
            depth = forward * np.cos(pitch) + below * np.sin(pitch)
            down = below * np.cos(pitch) - forward * np.sin(pitch)
            found.append((159.5 - focal * left / depth, 119.5 + focal * down / depth))
    u, v = np.array(found).T
    return u.min(), v.min(), u.max(), v.max()


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["car", "van", "lorry"])
def test_a_vehicle_covers_its_outline_and_little_else(kind):
    vehicle = standing(15.0, 0.0, kind)
    changed = np.abs(shot((vehicle,)).astype(int) - shot(())).max(axis=2) > 8
    rows, columns = np.nonzero(changed)
    left, top, right, bottom = outline(vehicle)
    assert columns.min() == pytest.approx(left, abs=3)
    assert right - 3 < columns.max() < right + 6  # its shadow lies to the right
    assert rows.min() == pytest.approx(top, abs=3)
    assert bottom - 3 < rows.max() < bottom + 6  # and slightly in front of it
    inside = changed[round(top) + 6 : round(bottom) - 4, round(left) + 6 : round(right) - 6]
    assert inside.mean() > 0.8


def test_a_vehicle_occludes_only_the_line_behind_it():
    line_m = -1.75
    image, empty = shot((standing(14.0, line_m),)).astype(int), shot(()).astype(int)
    left, top, right, bottom = (round(edge) for edge in outline(standing(14.0, line_m)))
    assert (empty[top:bottom, left:right].mean(axis=2) > 180).any()
    body = slice(bottom - 8, bottom - 3)
    assert image[body, left + 2 : right - 1].mean() < 110
    assert (image[bottom + 6 :] == empty[bottom + 6 :]).all()


def test_brake_lights_are_brighter():
    red = [shot((standing(15.0, 0.0, is_braking=on),))[..., 0].astype(int) for on in (False, True)]
    assert (red[1] - red[0]).max() > 80


def test_lamps_are_lit_at_night():
    night = Condition(description="x", ambient=0.04, lamps=1.0, noise=0)
    image = shot((standing(25.0, 0.0),), night)
    assert image[..., 0].max() > 230


@pytest.mark.parametrize("kind", range(len(SIZES)))
def test_all_faces_of_a_model_point_outwards(kind):
    shape = model(kind)
    normals, middles, flags = shape.faces[:, :3], shape.faces[:, 3:6], shape.faces[:, 9].astype(int)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    base = flags & (DETAIL | SHADOW) == 0
    outwards = middles[base] - shape.corners.mean(axis=0)
    assert ((normals[base] * outwards).sum(axis=1) > 0).mean() > 0.7
