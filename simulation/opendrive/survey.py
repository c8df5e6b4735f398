"""What is in a road map, in figures: roads, lanes, marks, heights, and the ways to drive through it."""

import math
from collections import defaultdict
from typing import Literal

import numpy as np
from msgspec import Struct

from simulation.opendrive.network import DRIVABLE, Network
from simulation.opendrive.road_map import Road, RoadMap
from simulation.opendrive.routes import Route

STEP_M = 5.0  # between the places looked at


class RoadFigures(Struct, frozen=True):
    """One road."""

    id: str
    length_m: float
    junction: str | None
    traffic: Literal["right-hand", "left-hand"]
    lanes: tuple[str, ...]  # types from left to right at the road's begin, "|" for the centre line
    sections: int


class RouteFigures(Struct, frozen=True):
    """One way to drive; lengths and radii of the lane's centre."""

    is_closed: bool
    length_m: float
    tightest_radius_m: float | None  # None: straight throughout
    roads: tuple[str, ...]  # outside junctions, in order
    lane: int  # of the first road; nobody changes lane on the way, but numbers may change
    start: tuple[float, float]  # x, y


class Survey(Struct, frozen=True):
    """One file."""

    file: str
    roads: tuple[RoadFigures, ...]
    length_m: float  # of all roads
    junctions: int
    lanes_m: dict[str, float]  # length by type
    marks_m: dict[str, float]
    lane_width_m: tuple[float, float] | None  # narrowest and widest drivable lane
    size_m: tuple[float, float]  # east-west, north-south
    height_m: tuple[float, float]
    slope_ratio: float  # the steepest
    bank_deg: float  # the largest
    routes: tuple[RouteFigures, ...]  # the first one is taken when none is named
    not_supported: tuple[str, ...]


def survey(road_map: RoadMap) -> Survey:
    """Raises OpenDriveError when there is no lane to drive."""
    roads = tuple(road_map.roads.values())
    lanes_m, marks_m = _lane_lengths(roads)
    slopes, banks = zip(*(road.profiles.steepest(road.curve.nodes.s_m) for road in roads), strict=True)
    points = np.concatenate([road.surface.frames(road.curve.nodes.s_m)[0] for road in roads])
    low, high = points.min(axis=0), points.max(axis=0)
    return Survey(
        file=str(road_map.path),
        roads=tuple(_road(road) for road in roads),
        length_m=sum(road.length_m for road in roads),
        junctions=len(road_map.junctions),
        lanes_m=lanes_m,
        marks_m=marks_m,
        lane_width_m=_lane_widths(roads),
        size_m=(float(high[0] - low[0]), float(high[1] - low[1])),
        height_m=(float(low[2]), float(high[2])),
        slope_ratio=max(slopes),
        bank_deg=math.degrees(max(banks)),
        routes=tuple(_route(Route(road_map, way.legs, way.is_closed)) for way in Network(road_map).ways()),
        not_supported=road_map.not_read,
    )


def _road(road: Road) -> RoadFigures:
    types = {lane_id: "|" if lane_id == 0 else lane.type for lane_id, lane in road.sections[0].lanes.items()}
    return RoadFigures(
        id=road.id,
        length_m=road.length_m,
        junction=road.junction,
        traffic="right-hand" if road.is_right_hand else "left-hand",
        lanes=tuple(types[lane_id] for lane_id in sorted(types, reverse=True)),
        sections=len(road.sections),
    )


def _route(route: Route) -> RouteFigures:
    x, y, _, _ = route.curve.pose(0.0)
    return RouteFigures(
        is_closed=route.is_closed,
        length_m=route.length_m,
        tightest_radius_m=route.tightest_radius_m,
        roads=route.roads,
        lane=route.legs[0].lane,
        start=(x, y),
    )


def _lane_lengths(roads: tuple[Road, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Length by type of lanes and of marks, the longest first; lanes of type none are no lanes."""
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
    """The narrowest and the widest drivable lane; those that begin or end in a point count where they are 1 m wide."""
    found: list[np.ndarray] = []
    for road in roads:
        for section in road.sections:
            count = max(2, math.ceil((section.end_m - section.s_m) / STEP_M))
            s_m = np.linspace(section.s_m, section.end_m, count)
            for lane_id, lane in section.lanes.items():
                if lane_id != 0 and lane.type in DRIVABLE:
                    found.append(section.width_m(lane_id, road.lane_offset, s_m))
    widths = np.concatenate(found) if found else np.zeros(0)
    widths = widths[widths >= 1.0]
    return (float(widths.min()), float(widths.max())) if len(widths) else None
