"""The stretch of a map that an evaluation drives."""

import math
import os
from pathlib import Path

import pytest

from simulation.opendrive.default_route import MAX_LENGTH_M, default_route
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import chosen_route
from simulation.opendrive.writer import bend, road_xml, straight
from tests.simulation.opendrive import roads
from tests.simulation.opendrive.test_routes import fork, ring

# Length and end reason of the default route of each shared map.
SHARED = {
    "Town01": (311, "before a bend tighter than R = 20 m"),
    "Town04": (3029, "before a stretch without markings"),
    "Town10HD": (381, "before a stretch without markings"),
    "curve_r100": (759, "at the road's end"),
    "curves": (1159, "at the road's end"),
    "e6mini": (1467, "at the road's end"),
    "straight_500m_roadmarks": (500, "at the road's end"),
    "two_plus_one": (500, "at the road's end"),
}


def written(folder, pieces, **changes):
    path = folder / "road.xodr"
    path.write_text(road_xml("road", pieces, lane_width_m=3.5, is_closed=False, note="", **changes))
    return read_map(path)


def test_an_open_road_is_driven_to_its_end(tmp_path):
    route = default_route(written(tmp_path, [straight(300.0)]))
    assert (route.stretch.start_m, route.stretch.end_m) == pytest.approx((0.0, 300.0))
    assert (route.stretch.end_reason, route.is_closed) == ("at the road's end", False)


def test_a_ring_is_driven_for_one_lap(tmp_path):
    route = default_route(ring(tmp_path, roads.lanes(right=roads.lane(-1, link=-1))))
    assert route.is_closed
    assert route.stretch.end_reason == "at its own start"
    assert route.stretch.length_m == pytest.approx(2 * math.pi * 101.75, abs=1e-3)


def test_it_ends_before_a_tight_bend_and_is_the_longest_stretch(tmp_path):
    tight = bend(16.0, 60, 5.0)
    route = default_route(written(tmp_path, [straight(120.0), *tight, straight(400.0)]))
    # 400 m remain behind the bend in one direction and before it in the other.
    assert route.stretch.length_m == pytest.approx(400.0, abs=6.0)
    assert "R = 20 m" in route.stretch.end_reason or route.stretch.end_reason == "at the road's end"
    assert route.tightest_radius_m is None or route.tightest_radius_m > 20.0


def test_it_ends_before_a_stretch_without_markings(tmp_path):
    bare = '<roadMark sOffset="60" type="none"/>'
    right = roads.lane(-1, mark=roads.SOLID + bare)
    lanes_xml = roads.lanes(right=right, centre_mark=roads.BROKEN + bare)
    route = default_route(read_map(roads.write(tmp_path, roads.road(lanes_xml=lanes_xml))))
    assert route.stretch.end_m == pytest.approx(60.0, abs=1.5)
    assert route.stretch.end_reason == "before a stretch without markings"


def test_one_marked_side_is_enough(tmp_path):
    route = default_route(
        read_map(roads.write(tmp_path, roads.road(lanes_xml=roads.lanes(right=roads.lane(-1, mark="")))))
    )
    assert route.stretch.length_m == pytest.approx(100.0)


def test_it_ends_after_5_km(tmp_path):
    route = default_route(written(tmp_path, [straight(6000.0)]))
    assert route.stretch.length_m == MAX_LENGTH_M
    assert route.stretch.end_reason == "after 5 km"


def test_at_a_junction_it_goes_straight_on(tmp_path):
    assert [leg.road for leg in default_route(fork(tmp_path)).legs] == ["1", "3"]


def test_a_map_without_a_long_enough_stretch_is_refused(tmp_path):
    with pytest.raises(OpenDriveError, match=r"is 30 m long, expected at least 50 m; name roads to go over, or take"):
        default_route(written(tmp_path, [straight(30.0)]))


def test_it_is_available_by_name(tmp_path):
    road_map = fork(tmp_path)
    assert chosen_route(road_map, "default", 1).stretch == default_route(road_map).stretch


@pytest.mark.parametrize("name", SHARED)
def test_the_default_routes_of_the_shared_maps(name):
    data = os.environ.get("LKAS_DATA")
    if data is None:
        pytest.skip("LKAS_DATA does not point to the shared data folder")
    route = default_route(read_map(Path(data) / "maps" / f"{name}.xodr"))
    length_m, ends = SHARED[name]
    assert route.stretch.length_m == pytest.approx(length_m, abs=1.0)
    assert route.stretch.end_reason == ends
    assert route.tightest_radius_m is None or route.tightest_radius_m >= 20.0
