"""The server's OpenDRIVE through our own reader: the route that truth is measured on, and places to start from."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import carla

from lkas.frames import wrap_rad
from simulation.carla.convert import pose_of, transform_of
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.network import Network
from simulation.opendrive.parser import read_map
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.route_choice import chosen_route
from simulation.opendrive.routes import Route
from simulation.world import WorldError

START_S_M = 10.0  # from the begin of the route's stretch
PLACES, SPACING_M = 20, 10.0  # tried when others stand in the way
ON_LANE_M, ALONG_LANE_RAD = 1.5, 0.5  # a spawn point belongs to a lane that is so near and leads the same way

log = logging.getLogger(__name__)


class Roads(NamedTuple):
    """Where to drive. Without a route nothing is known of lanes."""

    route: Route | None
    places: list[carla.Transform]


def roads_of(carla_map: carla.Map, choice: str | None, seed: int, spawn_point: int | None) -> Roads:
    """The route chosen, or the one that leads over a spawn point, and where to put the car. Raises WorldError."""
    points = carla_map.get_spawn_points()
    if spawn_point is not None and spawn_point >= len(points):
        raise WorldError(f"carla.spawn_point = {spawn_point}: {carla_map.name} has spawn points 0 to {len(points) - 1}")
    try:
        road_map = read_map(Path(carla_map.name), carla_map.to_opendrive().encode())
        if spawn_point is None:
            route = chosen_route(road_map, choice, seed)
            return Roads(route, list(_along(route)))
        return Roads(_route_over(road_map, points[spawn_point]), [points[spawn_point]])
    except OpenDriveError as error:
        if choice is not None:
            raise
        log.warning("CARLA: no truth on this map: %s", error)
    if not points:
        raise WorldError(f"{carla_map.name}: there is no route and no spawn point to start from")
    return Roads(None, points if spawn_point is None else [points[spawn_point]])


def _along(route: Route) -> Iterator[carla.Transform]:
    for index in range(PLACES):
        s_m = route.stretch.start_m + START_S_M + index * SPACING_M
        if s_m < route.stretch.end_m - SPACING_M:
            yield transform_of(*route.to_world(s_m), route.curve.pose(s_m)[2])


def _route_over(road_map: RoadMap, place: carla.Transform) -> Route:
    """The straightest way among those that lead over a place."""
    pose = pose_of(place, 0.0)
    for path in Network(road_map).paths():
        route = Route(road_map, path.legs, path.is_closed)
        s_m, t_m = route.curve.to_lane(pose.x_m, pose.y_m, route.curve.nearest_s_m(pose.x_m, pose.y_m))
        along_rad = wrap_rad(pose.yaw_rad - route.curve.pose(s_m)[2])
        if abs(t_m) < ON_LANE_M and abs(along_rad) < ALONG_LANE_RAD:
            return route
    raise OpenDriveError(f"{road_map.path}: no lane leads over the spawn point")
