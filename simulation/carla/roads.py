"""Reads the server's OpenDRIVE map: the route that truth refers to, and the start positions on it."""

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

START_S_M = 10.0  # from the start of the route's stretch
MAX_START_POSITIONS, SPACING_M = 20, 10.0  # tried in turn when other cars occupy them
MAX_LANE_OFFSET_M, MAX_HEADING_ERROR_RAD = 1.5, 0.5  # of a spawn point from the lane it belongs to

log = logging.getLogger(__name__)


class DriveRoads(NamedTuple):
    """The route to drive and the start positions."""

    route: Route | None  # None: our reader refused the map, so there is no truth
    places: list[carla.Transform]


def find_roads(carla_map: carla.Map, choice: str | None, seed: int, spawn_point: int | None) -> DriveRoads:
    """Find the chosen route, or the one over a spawn point, and the start positions. Raises WorldError."""
    points = carla_map.get_spawn_points()
    if spawn_point is not None and spawn_point >= len(points):
        raise WorldError(f"carla.spawn_point = {spawn_point}: {carla_map.name} has spawn points 0 to {len(points) - 1}")
    try:
        road_map = read_map(Path(carla_map.name), carla_map.to_opendrive().encode())
        if spawn_point is None:
            route = chosen_route(road_map, choice, seed)
            return DriveRoads(route, list(_start_positions(route)))
        return DriveRoads(_route_over(road_map, points[spawn_point]), [points[spawn_point]])
    except OpenDriveError as error:
        if choice is not None:
            raise
        log.warning("CARLA: no truth on this map: %s", error)
    if not points:
        raise WorldError(f"{carla_map.name}: the map has no route and no spawn point")
    return DriveRoads(None, points if spawn_point is None else [points[spawn_point]])


def _start_positions(route: Route) -> Iterator[carla.Transform]:
    for index in range(MAX_START_POSITIONS):
        s_m = route.stretch.start_m + START_S_M + index * SPACING_M
        if s_m < route.stretch.end_m - SPACING_M:
            yield transform_of(*route.to_world(s_m), route.curve.pose(s_m)[2])


def _route_over(road_map: RoadMap, place: carla.Transform) -> Route:
    """Return the straightest route over a place."""
    pose = pose_of(place, 0.0)
    for path in Network(road_map).paths():
        route = Route(road_map, path.legs, path.is_closed)
        s_m, t_m = route.curve.to_lane(pose.x_m, pose.y_m, route.curve.nearest_s_m(pose.x_m, pose.y_m))
        heading_error_rad = wrap_rad(pose.yaw_rad - route.curve.pose(s_m)[2])
        if abs(t_m) < MAX_LANE_OFFSET_M and abs(heading_error_rad) < MAX_HEADING_ERROR_RAD:
            return route
    raise OpenDriveError(f"{road_map.path}: no lane passes over the spawn point")
