"""The built-in road, and real maps that are not part of the project."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from configs.maps.make_loop import loop_xml
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld, built_in_map
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route

DATA = os.environ.get("LKAS_DATA")
REAL_MAPS = sorted(Path(DATA, "maps").glob("*.xodr")) if DATA else []


@pytest.fixture(scope="module")
def road():
    return read_map(built_in_map()).roads["1"]


def test_the_file_is_what_its_script_writes():
    assert built_in_map().read_text(encoding="utf-8") == loop_xml()


def test_the_loop_closes_to_a_thousandth_of_a_millimetre(road):
    start, end = np.array(road.curve.pose(0.0)), np.array(road.curve.pose(road.curve.length_m))
    assert np.hypot(*(end - start)[:2]) < 1e-6
    assert (end - start)[2] == pytest.approx(2 * np.pi, abs=1e-9)


def test_position_heading_and_curvature_are_continuous(road):
    pieces = [piece.nodes for piece in road.plan]
    for before, after in itertools.pairwise(pieces):
        assert np.hypot(before.x_m[-1] - after.x_m[0], before.y_m[-1] - after.y_m[0]) < 1e-6
        assert before.heading_rad[-1] == pytest.approx(after.heading_rad[0], abs=1e-9)
        assert before.curvature_end[-1] == pytest.approx(after.curvature_start[0], abs=1e-9)
    assert pieces[0].curvature_start[0] == pieces[-1].curvature_end[-1] == 0.0


def test_there_are_tight_and_wide_bends_in_both_directions(road):
    arcs = [
        piece.curvature_start[0]
        for piece in (piece.nodes for piece in road.plan)
        if piece.curvature_start[0] == piece.curvature_end[-1] and piece.curvature_start[0]
    ]
    assert max(arcs) == pytest.approx(1 / 125)
    assert min(arcs) == pytest.approx(-1 / 125)
    assert min(abs(curvature) for curvature in arcs) == pytest.approx(1 / 1000)
    assert 2000 < road.length_m < 3000


def test_the_lateral_jerk_at_50_kmh_is_small(road):
    nodes = road.curve.nodes
    rate = np.abs(nodes.curvature_end - nodes.curvature_start) / np.diff(nodes.s_m)
    assert (rate * (50 / 3.6) ** 3).max() < 0.5  # m/s³


def test_dashes_are_periodic_over_the_seam(road):
    (stroke,) = road.sections[0].lanes[0].marks[0].strokes
    assert road.length_m / (stroke.dash_m + stroke.gap_m) == pytest.approx(round(road.length_m / 12), abs=1e-6)


def test_the_route_is_the_whole_right_lane():
    route = find_route(read_map(built_in_map()))
    assert route.is_closed
    lane = route.lane_at(1234.5)
    assert (lane.width_m, lane.left_line_m, lane.right_line_m) == pytest.approx((3.5, 1.675, -1.675))


@pytest.mark.skipif(not REAL_MAPS, reason="LKAS_DATA does not point to the shared data folder")
@pytest.mark.parametrize("path", REAL_MAPS, ids=lambda path: path.stem)
def test_a_real_map_has_a_route_without_gaps(path):
    route = find_route(read_map(path))
    assert route.length_m > 400
    nodes = route.curve.nodes
    gaps = np.hypot(np.diff(nodes.x_m), np.diff(nodes.y_m)) - np.diff(nodes.s_m)
    assert np.abs(gaps).max() < 0.1
    for s_m in np.linspace(5, route.length_m - 5, 40):
        found = route.curve.to_lane(*route.curve.to_world(s_m, 1.0), s_m + 2)
        assert found == pytest.approx((s_m, 1.0), abs=1e-3)


@pytest.mark.skipif(not REAL_MAPS, reason="LKAS_DATA does not point to the shared data folder")
@pytest.mark.parametrize("path", REAL_MAPS, ids=lambda path: path.stem)
def test_the_embedded_world_starts_on_a_real_map(path):
    config = SimulationConfig(map=str(path), start_speed_mps=10.0)
    world = EmbeddedWorld(config, CameraConfig(width_px=160, height_px=120), VehicleConfig())
    image = np.zeros((120, 160, 3), np.uint8)
    tick = world.tick(None)
    tick.frame.render_into(image)
    assert image.std() > 10
    for _ in range(50):
        tick = world.tick(None)
    assert abs(tick.truth.offset_m) < 0.3
    assert tick.truth.lane_width_m > 2.0
