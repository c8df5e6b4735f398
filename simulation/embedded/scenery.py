"""The roads that are drawn: the whole map, or of a large map those near the next part of the route."""

from collections.abc import Callable

import numpy as np

from simulation.embedded.renderer.renderer import Renderer
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.routes import Route
from simulation.world import WorldError

MAX_WHOLE_MAP_ROADS, MAX_WHOLE_MAP_M = 2000, 500e3  # of a map that is drawn as a whole
DRAWN_M, DRAWN_EVERY_M = 350.0, 50.0  # distance from points of the route; the visibility is 300 m
AHEAD_M, BEHIND_M = 1200.0, 100.0  # the part of the route around which roads are drawn
MAX_DRAWN_ROADS_M = 1500e3  # about 1 kB of memory per metre


class Scenery:
    """Holds the renderer; of a large map it is made again when the car leaves the part of the route that is drawn.

    Trees of a large map then change their places.
    """

    def __init__(self, route: Route, start_m: float, make_renderer: Callable[[RoadMap], Renderer]) -> None:
        """`start_m`: s of the car on the route. Raises WorldError when too many roads are near the route."""
        roads = route.road_map.roads
        length_m = sum(road.length_m for road in roads.values())
        self._is_whole = len(roads) <= MAX_WHOLE_MAP_ROADS and length_m <= MAX_WHOLE_MAP_M
        self._route, self._make_renderer = route, make_renderer
        self._from_m = start_m
        self.renderer = make_renderer(route.road_map if self._is_whole else self._near())

    def move_to(self, s_m: float) -> None:
        """Make the renderer again where the car at `s_m` has left the part that is drawn."""
        if self._is_whole or 0.0 <= self._route.curve.wrap(s_m - self._from_m + BEHIND_M) <= AHEAD_M + BEHIND_M:
            return
        self._from_m = s_m
        self.renderer = self._make_renderer(self._near())

    def _near(self) -> RoadMap:
        """The map with the roads near the route from BEHIND_M behind to AHEAD_M ahead."""
        road_map = self._route.road_map
        s_m = np.arange(self._from_m - BEHIND_M, self._from_m + AHEAD_M + DRAWN_EVERY_M, DRAWN_EVERY_M)
        x_m, y_m, _, _ = self._route.curve.poses(s_m)
        near = road_map.near(np.unique(np.column_stack([x_m, y_m]), axis=0), DRAWN_M)
        length_m = sum(road.length_m for road in near.roads.values())
        if length_m > MAX_DRAWN_ROADS_M:
            raise WorldError(
                f"{road_map.path}: {length_m / 1000:.0f} km of road lie within {DRAWN_M:g} m of the route; at most "
                f"{MAX_DRAWN_ROADS_M / 1000:g} km can be drawn"
            )
        return near
