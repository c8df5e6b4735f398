"""Large and hostile road files: limited work and memory, and only the roads near the route are drawn."""

import pytest

from simulation.embedded import scenery
from simulation.embedded.world import built_in_map
from simulation.opendrive import default_route, network, parser, plan_view, xml_reader
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route
from simulation.opendrive.survey import survey
from simulation.world import WorldError
from tests.simulation.embedded import driver
from tests.simulation.opendrive import roads


def rows(count: int, apart_m: float, length: str = "100") -> list[str]:
    """Parallel roads without links."""
    line = '<geometry s="0" x="0" y="{}" hdg="0" length="{}"><line/></geometry>'
    return [roads.road(str(index), line.format(index * apart_m, length)) for index in range(count)]


@pytest.mark.parametrize("tag", ["a", "userData"])
def test_deeply_nested_elements_are_refused(tmp_path, tag):
    path = roads.write(tmp_path, f"<{tag}>" * 100_000 + f"</{tag}>" * 100_000)
    with pytest.raises(OpenDriveError, match="nested more than 100 deep"):
        read_map(path)


def test_a_file_with_too_many_elements_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(xml_reader, "MAX_ELEMENTS", 1000)
    with pytest.raises(OpenDriveError, match="more than 1000 elements"):
        read_map(roads.write(tmp_path, "<a/>" * 1001))


def test_a_road_ends_at_the_largest_number_of_geometries(tmp_path, monkeypatch):
    monkeypatch.setattr(plan_view, "MAX_GEOMETRIES", 3)
    pieces = [f'<geometry s="{s}" x="{s}" y="0" hdg="0" length="10"><line/></geometry>' for s in range(0, 100, 10)]
    road_map = read_map(roads.write(tmp_path, roads.road(geometry="".join(pieces))))
    assert road_map.roads["1"].length_m == 30.0
    assert "at most" in str(road_map.notices[0])


def test_roads_beyond_the_largest_map_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(parser, "MAX_MAP_M", 250.0)
    road_map = read_map(roads.write(tmp_path, *rows(4, 20.0)))
    assert list(road_map.roads) == ["0", "1"]
    assert [notice.id for notice in road_map.notices] == ["2", "3"]


def test_more_road_than_can_be_drawn_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(scenery, "MAX_WHOLE_MAP_ROADS", 1)
    monkeypatch.setattr(scenery, "MAX_DRAWN_ROADS_M", 250.0)
    with pytest.raises(WorldError, match=r"at most 0\.25 km can be drawn"):
        driver.make(map=str(roads.write(tmp_path, *rows(9, 20.0))))


def test_the_search_of_a_large_map_finds_the_same_cycle(monkeypatch):
    road_map = read_map(built_in_map())
    complete = find_route(road_map)
    monkeypatch.setattr(network, "MAX_STARTS", 0)
    monkeypatch.setattr(default_route, "MAX_STARTS", 0)
    assert find_route(road_map).legs == complete.legs
    assert default_route.default_route(road_map).is_closed


def test_a_survey_describes_as_many_routes_as_asked_for(tmp_path):
    found = survey(read_map(roads.write(tmp_path, *rows(5, 20.0))), max_routes=2)
    assert (len(found.routes), found.route_count) == (2, 5)
