"""Roads as CARLA's own map library reads them, without a server.

CARLA's frame is left-handed: y and yaw come out negated, and the yaw of a lane with a positive id points against s.
"""

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulation.embedded.world import built_in_map
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route

carla = pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")

DATA = os.environ.get("LKAS_DATA")
MAPS = [built_in_map(), *(sorted(Path(DATA, "maps").glob("*.xodr")) if DATA else [])]
SAMPLES = 5  # along each lane of each section
ASIDE_M = 0.3  # of the ends of sections and of changes of a mark, where both neighbours are acceptable
CENTRE_M, HEIGHT_M, WIDTH_M, HEADING_DEG = 0.05, 0.05, 0.02, 0.2
TYPES = {
    "Broken": "broken", "Solid": "solid", "SolidSolid": "solid solid", "SolidBroken": "solid broken",
    "BrokenSolid": "broken solid", "BrokenBroken": "broken broken", "Curb": "curb", "Grass": "grass",
}  # fmt: skip


@pytest.fixture(scope="module", params=MAPS, ids=lambda path: path.stem)
def both(request):
    path = request.param
    return read_map(path), carla.Map(path.stem, path.read_text(encoding="utf-8"))


def test_the_real_maps_are_among_them():
    if not DATA:
        pytest.skip("LKAS_DATA does not point to the shared data folder: compared on the built-in loop only")
    assert len(MAPS) > 8


def lanes(road_map):
    """(road, section, lane id, array of s) of the compared positions."""
    for road in road_map.roads.values():
        for section in road.sections:
            start_m, end_m = section.s_m + ASIDE_M, section.end_m - ASIDE_M
            for lane_id in section.lanes if end_m > start_m else ():
                if lane_id != 0:
                    yield road, section, lane_id, np.linspace(start_m, end_m, SAMPLES)


def inside(lane_id: int) -> int:
    """The lane whose outer border is the inner border of this one."""
    return lane_id - 1 if lane_id > 0 else lane_id + 1


def test_lane_centre_height_heading_and_width_agree(both):
    road_map, oracle = both
    compared = 0
    for road, section, lane_id, s_m in lanes(road_map):
        outer, outer_slope = section.border_m(lane_id, road.lane_offset, s_m)
        inner, inner_slope = section.border_m(inside(lane_id), road.lane_offset, s_m)
        t_m = (outer + inner) / 2
        points = road.surface.points(s_m, t_m, np.zeros(SAMPLES))
        _, _, heading, curvature = road.curve.poses(s_m)
        heading = heading + np.arctan2((outer_slope + inner_slope) / 2, 1 - curvature * t_m)

        waypoints = [oracle.get_waypoint_xodr(int(road.id), lane_id, float(s)) for s in s_m]
        theirs = np.array([(p.x, -p.y, p.z) for p in (waypoint.transform.location for waypoint in waypoints)])
        their_width = np.array([waypoint.lane_width for waypoint in waypoints])
        their_heading = -np.radians([waypoint.transform.rotation.yaw for waypoint in waypoints])
        turn_rad = heading - their_heading - (math.pi if lane_id > 0 else 0.0)

        where = f"road {road.id} lane {lane_id} s {s_m}"
        assert np.hypot(*(points - theirs)[:, :2].T).max() < CENTRE_M, where
        assert np.abs(points - theirs)[:, 2].max() < HEIGHT_M, where
        assert np.abs(their_width - section.width_m(lane_id, road.lane_offset, s_m)).max() < WIDTH_M, where
        assert np.abs(np.degrees(np.remainder(turn_rad + math.pi, 2 * math.pi) - math.pi)).max() < HEADING_DEG, where
        compared += SAMPLES
    assert compared >= 10


def test_marking_types_agree_where_the_oracle_gives_one(both):
    road_map, oracle = both
    seen = Counter()
    for road, section, lane_id, samples in lanes(road_map):
        for s_m in samples.tolist():
            waypoint = oracle.get_waypoint_xodr(int(road.id), lane_id, s_m)
            sides = ((waypoint.right_lane_marking, lane_id), (waypoint.left_lane_marking, inside(lane_id)))
            for marking, border in sides:
                kind = None if marking is None else TYPES.get(marking.type.name)
                changes = [mark.s_m for mark in section.lanes[border].marks]
                if kind is None or any(abs(change - (s_m - section.s_m)) < 0.05 for change in changes):
                    continue
                mark = section.lanes[border].mark_at(s_m - section.s_m)
                assert mark is not None, f"road {road.id} border {border} s {s_m:.2f}: {kind}"
                assert mark.type == kind, f"road {road.id} border {border} s {s_m:.2f}"
                seen[kind] += 1
    assert sum(seen.values()) >= 10


def test_the_route_runs_along_the_lanes_of_the_oracle(both):
    road_map, oracle = both
    route = find_route(road_map)
    for s_m in np.linspace(1.0, route.length_m - 1.0, 200):
        place = route.place_at(s_m)
        x, y, heading, _ = route.curve.pose(s_m)
        waypoint = oracle.get_waypoint_xodr(int(place.road), place.lane, place.s_m)
        there, where = waypoint.transform.location, f"route {s_m:.1f}, {place}"
        assert math.hypot(there.x - x, -there.y - y) < CENTRE_M, where
        along = -math.radians(waypoint.transform.rotation.yaw)
        assert abs(math.degrees(math.remainder(heading - along, 2 * math.pi))) < HEADING_DEG, where
        assert route.to_world(s_m) == pytest.approx((there.x, -there.y, there.z), abs=CENTRE_M)


@pytest.mark.parametrize("right_m", [0.7, -0.4])
def test_an_offset_to_the_right_is_one_for_both(both, right_m):
    road_map, oracle = both
    route = find_route(road_map)
    for s_m in np.linspace(10.0, route.length_m - 10.0, 25):
        x, y = route.curve.to_world(s_m, -right_m)
        place = route.place_at(s_m)
        waypoint = oracle.get_waypoint_xodr(int(place.road), place.lane, place.s_m)
        there, yaw = waypoint.transform.location, math.radians(waypoint.transform.rotation.yaw)
        offset_m = -math.sin(yaw) * (x - there.x) + math.cos(yaw) * (-y - there.y)
        assert offset_m == pytest.approx(right_m, abs=0.02), f"{s_m:.1f} {place}"
        assert route.curve.to_lane(x, y, s_m)[1] == pytest.approx(-right_m, abs=1e-4)
