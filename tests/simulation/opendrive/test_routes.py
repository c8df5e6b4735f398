import math

import numpy as np
import pytest

from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.network import Leg
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import chosen_route
from simulation.opendrive.routes import find_route
from tests.simulation.opendrive import roads

HALF_TURN_M = 100 * math.pi


def half_circle(road_id: str, y: float, heading: float, other: str, lanes_xml: str) -> str:
    geometry = (
        f'<geometry s="0" x="0" y="{y}" hdg="{heading}" length="{HALF_TURN_M}"><arc curvature="0.01"/></geometry>'
    )
    links = (
        f'<predecessor elementType="road" elementId="{other}" contactPoint="end"/>'
        f'<successor elementType="road" elementId="{other}" contactPoint="start"/>'
    )
    return roads.road(road_id, geometry, HALF_TURN_M, links, lanes_xml)


def ring(folder, lanes_xml: str):
    """Two half circles of R = 100 m, turning left, centre at (0, 100)."""
    return read_map(
        roads.write(
            folder, half_circle("1", 0.0, 0.0, "2", lanes_xml), half_circle("2", 200.0, math.pi, "1", lanes_xml)
        )
    )


def test_a_ring_of_two_roads_closes(tmp_path):
    route = find_route(ring(tmp_path, roads.lanes(right=roads.lane(-1, link=-1))))
    assert route.is_closed
    assert [leg.road for leg in route.legs] == ["1", "2"]
    assert route.length_m == pytest.approx(2 * math.pi * 101.75, abs=1e-3)  # the right lane is the outer one
    x, y, heading, curvature = route.curve.pose(math.pi * 101.75 / 2)
    assert (x, y, heading) == pytest.approx((101.75, 100.0, math.pi / 2), abs=1e-3)
    assert curvature == pytest.approx(1 / 101.75, abs=1e-6)


def test_a_left_lane_is_driven_against_s(tmp_path):
    lanes_xml = roads.lanes(left=roads.lane(1, mark=roads.SOLID.replace("0.12", "0.30"), link=1), right="")
    route = find_route(ring(tmp_path, lanes_xml))
    assert route.is_closed
    assert route.length_m == pytest.approx(2 * math.pi * 98.25, abs=1e-3)
    x, y, _, curvature = route.curve.pose(0.0)
    assert math.hypot(x, y - 100) == pytest.approx(98.25, abs=1e-3)
    assert curvature == pytest.approx(-1 / 98.25, abs=1e-6)  # clockwise: a right bend
    lane = route.lane_at(10.0)
    # The centre line (0.12 m wide) is to its left, the outer line (0.30 m wide) to its right.
    assert lane.left_line_m == pytest.approx(1.75 - 0.06)
    assert lane.right_line_m == pytest.approx(-1.75 + 0.15)


def test_an_open_road_is_driven_once(tmp_path):
    route = find_route(read_map(roads.write(tmp_path, roads.road())))
    assert not route.is_closed
    assert route.length_m == pytest.approx(100.0)
    assert route.curve.pose(0.0)[:3] == pytest.approx((0.0, -1.75, 0.0))


def test_a_widening_lane_moves_its_centre(tmp_path):
    right = roads.lane(-1, width='a="3.0" b="0.02" c="0" d="0"', mark="")
    route = find_route(read_map(roads.write(tmp_path, roads.road(lanes_xml=roads.lanes(right=right)))))
    s_m, t_m = route.curve.to_lane(50.0, -2.0, 40.0)
    assert t_m == pytest.approx(0.0, abs=1e-4)
    lane = route.lane_at(s_m)
    assert lane.width_m == pytest.approx(4.0, abs=1e-3)
    assert lane.left_line_m == pytest.approx(2.0 - 0.06, abs=1e-3)
    assert lane.right_line_m == pytest.approx(-2.0, abs=1e-3)  # not painted: the border itself
    assert route.curve.pose(s_m)[2] == pytest.approx(math.atan(-0.01), abs=1e-6)


def fork(folder):
    """Road 1 to a junction; from there road 2 to the left or road 3 straight on."""
    linked = roads.lanes(right=roads.lane(-1, link=-1))
    to_junction = '<successor elementType="junction" elementId="9"/>'
    left_turn = '<geometry s="0" x="100" y="0" hdg="0" length="31.4159265"><arc curvature="0.05"/></geometry>'
    straight = '<geometry s="0" x="100" y="0" hdg="0" length="40"><line/></geometry>'
    connections = "".join(
        f'<connection id="{to}" incomingRoad="1" connectingRoad="{to}" contactPoint="start">'
        '<laneLink from="-1" to="-1"/></connection>'
        for to in ("2", "3")
    )
    return read_map(
        roads.write(
            folder,
            roads.road("1", links=to_junction, lanes_xml=linked),
            roads.road("2", left_turn, 31.4159265, lanes_xml=linked, junction="9"),
            roads.road("3", straight, 40.0, lanes_xml=linked, junction="9"),
            f'<junction id="9">{connections}</junction>',
        )
    )


def test_a_junction_is_crossed_straight_on(tmp_path):
    route = find_route(fork(tmp_path))
    assert route.legs == (Leg("1", 0, -1), Leg("3", 0, -1))
    assert route.curve.pose(route.length_m)[:2] == pytest.approx((140.0, -1.75))
    assert route.tightest_radius_m is None


@pytest.mark.parametrize("roads_named", ["1,2", "2", "1, 2"])
def test_a_route_contains_the_named_roads(tmp_path, roads_named):
    route = chosen_route(fork(tmp_path), roads_named, seed=1)
    assert [leg.road for leg in route.legs] == [road_id.strip() for road_id in roads_named.split(",")]
    assert route.tightest_radius_m == pytest.approx(21.75)  # the right lane, 1.75 m outside of R = 20 m


def test_random_turns_depend_on_the_seed_and_cover_all_turns(tmp_path):
    road_map = fork(tmp_path)
    ends = [chosen_route(road_map, "turns", seed).legs[-1].road for seed in range(12)]
    assert ends == [chosen_route(road_map, "turns", seed).legs[-1].road for seed in range(12)]
    assert set(ends) == {"2", "3"}


@pytest.mark.parametrize(
    ("roads_named", "words"),
    [("1,7", "there is no road 7 in this file"), ("2,1", "no lane leads over the roads 2, 1"), ("", "no road  in")],
)
def test_an_impossible_route_is_refused(tmp_path, roads_named, words):
    with pytest.raises(OpenDriveError, match=words):
        chosen_route(fork(tmp_path), roads_named, seed=1)


def test_a_route_that_ends_on_its_first_road_is_closed(tmp_path):
    road_map = ring(tmp_path, roads.lanes(right=roads.lane(-1, link=-1)))
    route = chosen_route(road_map, "2,1,2", seed=1)
    assert route.is_closed
    assert [leg.road for leg in route.legs] == ["2", "1"]
    assert not chosen_route(road_map, "2,1", seed=1).is_closed


def test_road_coordinates_are_known_along_the_route(tmp_path):
    lanes_xml = roads.lanes(left=roads.lane(1, link=1), right="")
    route = find_route(ring(tmp_path, lanes_xml))
    first, second = route.place_at(10.0), route.place_at(route.length_m / 2 + 10.0)
    assert (first.lane, first.t_m) == (1, pytest.approx(1.75))
    # Driven backwards, on the inner lane: 10 m there are more on the reference line.
    assert first.s_m == pytest.approx(HALF_TURN_M - 10 / 0.9825)
    assert {first.road, second.road} == {"1", "2"}
    assert second.s_m == pytest.approx(first.s_m)
    assert route.to_world(10.0) == pytest.approx((*route.curve.pose(10.0)[:2], 0.0))


def test_with_left_hand_traffic_the_left_lane_is_driven_along_s(tmp_path):
    lanes_xml = roads.lanes(left=roads.lane(1, mark=roads.SOLID.replace("0.12", "0.30")), right="")
    path = roads.write(tmp_path, roads.road(lanes_xml=lanes_xml).replace("<road ", '<road rule="LHT" '))
    route = find_route(read_map(path))
    assert route.curve.pose(0.0)[:3] == pytest.approx((0.0, 1.75, 0.0))
    lane = route.lane_at(10.0)
    assert (lane.left_line_m, lane.right_line_m) == pytest.approx((1.75 - 0.15, -1.75 + 0.06))


def test_a_map_without_a_drivable_lane_is_refused(tmp_path):
    path = roads.write(tmp_path, roads.road(lanes_xml=roads.lanes(right=roads.lane(-1).replace("driving", "sidewalk"))))
    with pytest.raises(OpenDriveError, match="no lane of type driving"):
        find_route(read_map(path))


def test_a_direct_junction_is_an_exit_and_an_entry(tmp_path):
    """Road 1 leads to 2 and to the exit 3; road 2 is entered from 1 and from the entry 4."""
    right = roads.lanes(right=roads.lane(-1, link=-1))
    line = '<geometry s="0" x="{}" y="{}" hdg="0" length="100"><line/></geometry>'
    leave, enter = (f'<{name} elementType="junction" elementId="9"/>' for name in ("successor", "predecessor"))
    places = {"1": (0, 0, leave), "2": (100, 0, enter), "3": (100, 0, enter), "4": (0, 0, leave)}
    elements = [roads.road(key, line.format(x, y), links=link, lanes_xml=right) for key, (x, y, link) in places.items()]
    connection = '<connection id="{}" incomingRoad="{}" linkedRoad="{}" contactPoint="{}">{}</connection>'
    pairs = (("1", "2", "start"), ("1", "3", "start"), ("2", "4", "end"))
    link = '<laneLink from="-1" to="-1"/>'
    connections = "".join(connection.format(index, *pair, link) for index, pair in enumerate(pairs))
    path = roads.write(tmp_path, *elements, f'<junction id="9" type="direct">{connections}</junction>')
    road_map = read_map(path)
    assert road_map.notices == ()
    for through in (("1", "2"), ("1", "3"), ("4", "2")):
        assert find_route(road_map, through=through).length_m == 200.0
    with pytest.raises(OpenDriveError, match="no lane leads over the roads 4, 3"):
        find_route(road_map, through=("4", "3"))


def test_a_section_for_one_side_continues_the_lanes_of_the_other(tmp_path):
    one_side = f"<left>{roads.lane(1, link=1)}</left><center><lane id='0' type='none'/></center>"
    sections = roads.lanes(left=roads.lane(1, link=1), right=roads.lane(-1, 'a="3" b="0.01" c="0" d="0"'))
    sections = sections.replace("</lanes>", f'<laneSection s="60" singleSide="true">{one_side}</laneSection></lanes>')
    road = read_map(roads.write(tmp_path, roads.road(lanes_xml=sections))).roads["1"]
    second = road.sections[1]
    assert sorted(second.lanes) == [-1, 0, 1]
    assert second.width_m(-1, (), np.array([60.0, 90.0])).tolist() == pytest.approx([3.6, 3.9])
    assert [mark.s_m for mark in second.lanes[-1].marks] == [0.0]
    assert find_route(read_map(tmp_path / "road.xodr"), through=("1",)).length_m == pytest.approx(100.0, abs=0.1)
