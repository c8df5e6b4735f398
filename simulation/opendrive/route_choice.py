"""The route named in a configuration, on a command line or in a scenario."""

from simulation.opendrive.default_route import default_route
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.routes import Route, find_route

DEFAULT, TURNS = "default", "turns"


def chosen_route(road_map: RoadMap, choice: str | None, seed: int) -> Route:
    """`choice`: road ids with commas, DEFAULT, TURNS (random at each junction), or None (the longest closed route).

    Raises OpenDriveError when there is no such route.
    """
    if choice is None:
        return find_route(road_map)
    if choice == DEFAULT:
        return default_route(road_map)
    if choice == TURNS:
        return find_route(road_map, seed=seed)
    return find_route(road_map, through=[road_id.strip() for road_id in choice.split(",")])
