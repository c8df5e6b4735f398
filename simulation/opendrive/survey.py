"""Summary of a road map: roads, lanes, marks, heights and routes."""

import math
from collections import defaultdict
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple

from simulation.opendrive.lanes import cubic_values
from simulation.opendrive.network import DRIVABLE, Network
from simulation.opendrive.notices import Notice
from simulation.opendrive.road_map import Road, RoadMap
from simulation.opendrive.routes import Route

STEP_M = 5.0  # between sampled positions


class RoadSummary(Struct, frozen=True):
    """One road."""

    id: str
    length_m: float
    junction: str | None
    traffic: Literal["right-hand", "left-hand"]
    lanes: tuple[str, ...]  # types from left to right at the start of the road, "|" for the centre line
    sections: int


class RouteSummary(Struct, frozen=True):
    """One route; lengths and radii of the lane centre."""

    is_closed: bool
    length_m: float
    tightest_radius_m: float | None  # None: straight
    roads: tuple[str, ...]  # outside junctions, in order
    lane: int  # id on the first road; routes never change lanes, but ids may change
    start: tuple[float, float]  # x, y


class Survey(Struct, frozen=True):
    """Summary of one file."""

    file: str
    roads: tuple[RoadSummary, ...]
    length_m: float  # sum over all roads
    junctions: int
    lanes_m: dict[str, float]  # length by type
    marks_m: dict[str, float]
    lane_width_m: tuple[float, float] | None  # narrowest and widest drivable lane
    size_m: tuple[float, float]  # east-west, north-south
    height_m: tuple[float, float]
    slope_ratio: float  # maximum
    bank_deg: float  # maximum
    routes: tuple[RouteSummary, ...]  # the first is the default; the longest ones where their number is limited
    route_count: int
    not_supported: tuple[str, ...]  # kinds of elements, with counts
    notices: tuple[Notice, ...]  # pieces that were skipped or repaired


def survey(road_map: RoadMap, max_routes: int | None = None) -> Survey:
    """Summarize a map. `max_routes`: number of routes to describe. Raises OpenDriveError without a drivable lane."""
    roads = tuple(road_map.roads.values())
    lanes_m, marks_m = _lane_lengths(roads)
    slopes, banks = zip(*(_steepest(road) for road in roads), strict=True)
    points = np.concatenate([piece.outline() for road in roads for piece in road.plan])
    low, high = points.min(axis=0), points.max(axis=0)
    heights = [_heights(road) for road in roads]
    paths = Network(road_map).paths()
    return Survey(
        file=str(road_map.path),
        roads=tuple(_road(road) for road in roads),
        length_m=sum(road.length_m for road in roads),
        junctions=len(road_map.junctions),
        lanes_m=lanes_m,
        marks_m=marks_m,
        lane_width_m=_lane_widths(roads),
        size_m=(float(high[0] - low[0]), float(high[1] - low[1])),
        height_m=(min(low_m for low_m, _ in heights), max(high_m for _, high_m in heights)),
        slope_ratio=max(slopes),
        bank_deg=math.degrees(max(banks)),
        routes=tuple(_route(Route(road_map, path.legs, path.is_closed)) for path in paths[:max_routes]),
        route_count=len(paths),
        not_supported=road_map.unsupported,
        notices=road_map.notices,
    )


def _stations(road: Road) -> np.ndarray:
    return np.linspace(0.0, road.length_m, math.ceil(road.length_m) + 1)


def _steepest(road: Road) -> tuple[float, float]:
    """Maximum slope (ratio) and bank (rad)."""
    profiles = road.profiles
    if not any(any(record[2:]) for record in map(astuple, profiles.elevation)) and not profiles.superelevation:
        return 0.0, 0.0
    return profiles.steepest(_stations(road))


def _heights(road: Road) -> tuple[float, float]:
    """Lowest and highest point of the reference line."""
    elevation = road.profiles.elevation
    if not any(any(record[2:]) for record in map(astuple, elevation)):
        values = [record.a for record in elevation] or [0.0]
        return min(values), max(values)
    height_m, _ = cubic_values(elevation, _stations(road))
    return float(height_m.min()), float(height_m.max())


def _road(road: Road) -> RoadSummary:
    types = {lane_id: "|" if lane_id == 0 else lane.type for lane_id, lane in road.sections[0].lanes.items()}
    return RoadSummary(
        id=road.id,
        length_m=road.length_m,
        junction=road.junction,
        traffic="right-hand" if road.is_right_hand else "left-hand",
        lanes=tuple(types[lane_id] for lane_id in sorted(types, reverse=True)),
        sections=len(road.sections),
    )


def _route(route: Route) -> RouteSummary:
    x, y, _, _ = route.curve.pose(0.0)
    return RouteSummary(
        is_closed=route.is_closed,
        length_m=route.length_m,
        tightest_radius_m=route.tightest_radius_m,
        roads=route.roads,
        lane=route.legs[0].lane,
        start=(x, y),
    )


def _lane_lengths(roads: tuple[Road, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Length by type of lanes and of marks, the longest first; ignores the type none."""
    lanes_m: defaultdict[str, float] = defaultdict(float)
    marks_m: defaultdict[str, float] = defaultdict(float)
    for road in roads:
        for section in road.sections:
            length_m = section.end_m - section.s_m
            for lane_id, lane in section.lanes.items():
                if lane_id != 0 and lane.type != "none":
                    lanes_m[lane.type] += length_m
                ends = [*(mark.s_m for mark in lane.marks[1:]), length_m]
                for mark, end_m in zip(lane.marks, ends, strict=False):
                    if mark.type != "none":
                        marks_m[mark.type] += max(0.0, end_m - mark.s_m)

    def longest_first(lengths_m: dict[str, float]) -> dict[str, float]:
        return dict(sorted(lengths_m.items(), key=lambda item: -item[1]))

    return longest_first(lanes_m), longest_first(marks_m)


def _lane_widths(roads: tuple[Road, ...]) -> tuple[float, float] | None:
    """Minimum and maximum width of drivable lanes, where they are at least 1 m wide (lanes may taper to 0)."""
    found: list[np.ndarray] = []
    for road in roads:
        for section in road.sections:
            count = max(2, math.ceil((section.end_m - section.s_m) / STEP_M))
            for lane_id, lane in section.lanes.items():
                if lane_id == 0 or lane.type not in DRIVABLE:
                    continue
                if not lane.borders and len(lane.widths) == 1 and not any(astuple(lane.widths[0])[2:]):
                    found.append(np.array([lane.widths[0].a]))
                    continue
                s_m = np.linspace(section.s_m, section.end_m, count)
                found.append(section.width_m(lane_id, road.lane_offset, s_m))
    widths = np.concatenate(found) if found else np.zeros(0)
    widths = widths[widths >= 1.0]
    return (float(widths.min()), float(widths.max())) if len(widths) else None
