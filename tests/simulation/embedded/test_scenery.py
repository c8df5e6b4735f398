"""Of a large map only the roads around the car are drawn."""

import numpy as np
import pytest

from simulation.embedded import scenery
from tests.simulation.embedded import driver
from tests.simulation.opendrive import roads
from tests.simulation.opendrive.test_large_maps import rows

SPEED_MPS = 20.0


def frame(world, tick) -> np.ndarray:
    image = np.empty((120, 160, 3), np.uint8)
    world.renderer.render_into(image, tick.frame.view)
    return image


@pytest.fixture
def drawn(monkeypatch):
    """Ids of the roads of each renderer."""
    found: list[list[str]] = []
    near = scenery.Scenery._near

    def recorded(self):
        road_map = near(self)
        found.append(list(road_map.roads))
        return road_map

    monkeypatch.setattr(scenery, "MAX_WHOLE_MAP_ROADS", 10)
    monkeypatch.setattr(scenery.Scenery, "_near", recorded)
    return found


def test_the_roads_near_the_route_are_drawn(tmp_path, drawn):
    driver.make(map=str(roads.write(tmp_path, *rows(30, 100.0))), route="7")
    assert drawn == [[str(index) for index in range(4, 11)]]


def test_the_next_roads_are_drawn_when_the_car_comes_to_them(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr(scenery, "AHEAD_M", 50.0)
    crossings = [
        roads.road(f"c{x}", f'<geometry s="0" x="{x}" y="-60" hdg="1.5708" length="20"><line/></geometry>')
        for x in range(0, 1500, 100)
    ]
    main = '<geometry s="0" x="0" y="0" hdg="0" length="1500"><line/></geometry>'
    path = str(roads.write(tmp_path, roads.road("main", main, length=1500), *crossings))
    world = driver.make(map=path, route="main", start_speed_mps=SPEED_MPS)
    tick = world.tick(None)
    assert drawn == [["main", "c0", "c100", "c200", "c300", "c400"]]
    for _ in range(600):
        tick = world.tick(driver.follow_lane(world, tick, SPEED_MPS))
    assert [found[-1] for found in drawn] == ["c400", "c400", "c500"]
    monkeypatch.setattr(scenery, "MAX_WHOLE_MAP_ROADS", 1000)
    whole = driver.make(map=path, route="main")
    if tick.frame is None:
        tick = world.tick(driver.follow_lane(world, tick, SPEED_MPS))
    while tick.frame is None:
        tick = world.tick(driver.follow_lane(world, tick, SPEED_MPS))
    difference = np.abs(frame(world, tick).astype(int) - frame(whole, tick))
    lane = difference[70:, 40:120]  # the road ahead, without trees
    assert (lane > 1).mean() < 0.001
