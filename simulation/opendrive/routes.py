"""Routes: the centre lines of consecutive lanes, periodic where the route is closed.

At a junction the straightest lane is taken, unless roads are named or a seed selects random lanes. Lanes are driven
according to the rule of the road: with right-hand traffic those with negative ids in the direction of s.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from simulation.opendrive.geometry import Curve, Nodes, join_nodes
from simulation.opendrive.lanes import LaneSection
from simulation.opendrive.network import Leg, Network
from simulation.opendrive.road_map import Road, RoadMap

HALF_TRACK_M = 0.75


class LaneBounds(Struct, frozen=True):
    """Width and lines of the lane at one s of a route; t relative to the lane centre, left positive."""

    width_m: float  # between its borders
    left_line_m: float  # t of the inner edge of the left line; of the border where it is unpainted
    right_line_m: float  # the same on the right, negative


class RoadPlace(NamedTuple):
    """A position in the coordinates of one road."""

    road: str
    lane: int
    s_m: float
    t_m: float


class Stretch(NamedTuple):
    """The part of a route that is driven; s along the route."""

    start_m: float
    end_m: float
    end_reason: str  # reason for its end, such as "at the road's end"

    @property
    def length_m(self) -> float:
        return self.end_m - self.start_m


class Route:
    """Lane centre line with borders and lines. t and headings are relative to the centre line."""

    def __init__(self, road_map: RoadMap, legs: Sequence[Leg], is_closed: bool, stretch: Stretch | None = None) -> None:
        self.road_map = road_map
        self.legs = tuple(legs)
        strips = [lane_strip(road_map.roads[leg.road], leg) for leg in legs]
        start_m = 0.0
        for strip in strips:
            strip.nodes.s_m[:] += start_m
            start_m = float(strip.nodes.s_m[-1])
        self.curve = Curve(join_nodes([strip.nodes for strip in strips]), is_closed)
        self.is_closed = is_closed
        self.length_m = self.curve.length_m
        self.stretch = stretch or Stretch(0.0, self.length_m, "at its own start" if is_closed else "at the road's end")
        self._s = np.concatenate([strip.nodes.s_m for strip in strips]).tolist()
        self._lane = np.concatenate([strip.lane for strip in strips]).tolist()
        self._place = np.concatenate([strip.place for strip in strips]).tolist()
        self._leg = [index for index, strip in enumerate(strips) for _ in strip.place]

    def lane_at(self, s_m: float) -> LaneBounds:
        """Width and line edges of the lane at s."""
        i, share = self._between(s_m)
        return LaneBounds(*(a + share * (b - a) for a, b in zip(self._lane[i], self._lane[i + 1], strict=True)))

    def place_at(self, s_m: float) -> RoadPlace:
        """Road, lane and road coordinates of the route at s."""
        i, share = self._between(s_m)
        leg = self.legs[self._leg[i]]
        road_s_m, t_m = (a + share * (b - a) for a, b in zip(self._place[i], self._place[i + 1], strict=True))
        return RoadPlace(leg.road, leg.lane, road_s_m, t_m)

    def to_world(self, s_m: float) -> tuple[float, float, float]:
        """Map coordinates (x, y, z) of the lane centre; `curve` is its plane projection."""
        place = self.place_at(s_m)
        return self.road_map.roads[place.road].surface.to_world(place.s_m, place.t_m)

    def normals(self) -> tuple[np.ndarray, np.ndarray]:
        """Along the lane centre: (N,) s, and (N, 3) unit normals of the surface (up)."""
        places, leg_of = np.array(self._place), np.array(self._leg)
        normals, half_m = [], HALF_TRACK_M * self.road_map.scale.length
        for index, leg in enumerate(self.legs):
            surface = self.road_map.roads[leg.road].surface
            s_m, t_m = places[leg_of == index].T
            level = np.zeros_like(s_m)
            # Between the wheels, not at a point: a lateral shape may have edges.
            left = surface.points(s_m, t_m + half_m, level) - surface.points(s_m, t_m - half_m, level)
            up = np.cross(surface.frames(s_m)[1][:, 0], left)
            normals.append(up / np.linalg.norm(up, axis=1, keepdims=True))
        return np.array(self._s), np.concatenate(normals)

    @property
    def roads(self) -> tuple[str, ...]:
        """Ids of the roads of the route, in order, without those inside junctions."""
        passed = [leg.road for leg in self.legs if self.road_map.roads[leg.road].junction is None]
        return tuple(road for index, road in enumerate(passed) if index == 0 or road != passed[index - 1])

    @property
    def tightest_radius_m(self) -> float | None:
        """Minimum radius of the stretch; None when it is straight."""
        nodes, (start_m, end_m, _) = self.curve.nodes, self.stretch
        middle_m = (nodes.s_m[1:] + nodes.s_m[:-1]) / 2
        curvature = np.maximum(np.abs(nodes.curvature_start), np.abs(nodes.curvature_end))
        sharpest = float(curvature[(middle_m >= start_m) & (middle_m <= end_m)].max())
        return 1 / sharpest if sharpest > 1e-6 else None

    def _between(self, s_m: float) -> tuple[int, float]:
        """Index of the sample before s, and the ratio in [0, 1] of the distance to the next one."""
        s_m = min(max(self.curve.wrap(s_m), 0.0), self.length_m)
        i = min(max(bisect_right(self._s, s_m) - 1, 0), len(self._s) - 2)
        span_m = self._s[i + 1] - self._s[i]
        return i, (s_m - self._s[i]) / span_m if span_m > 0 else 0.0


def find_route(road_map: RoadMap, through: Sequence[str] = (), seed: int | None = None) -> Route:
    """The longest closed route of a map, or the longest open one where there is no closed route.

    With road ids in `through`: the shortest route over these roads in this order; closed when the last is the first.
    With a seed: a random lane at each junction. Raises OpenDriveError when there is no such route.
    """
    network = Network(road_map)
    if through:
        path = network.path_through(through)
    else:
        path = network.paths(seed)[0]
    return Route(road_map, path.legs, path.is_closed)


class LaneStrip(NamedTuple):
    """The centre line of one leg with its borders."""

    nodes: Nodes  # of the lane's centre line, in driving direction
    lane: np.ndarray  # (N + 1, 3): width, t of the left and of the right line's inner edge
    place: np.ndarray  # (N + 1, 2): s and t of the road


def lane_strip(road: Road, leg: Leg) -> LaneStrip:
    """The centre line of a leg, sampled at the nodes of the road's reference line."""
    section = road.sections[leg.section]
    start_m, end_m = section.s_m, min(section.end_m, road.curve.length_m)
    nodes_m = road.curve.nodes.s_m
    inside = nodes_m[(nodes_m > start_m + 1e-6) & (nodes_m < end_m - 1e-6)]
    s_m = np.concatenate([[start_m], inside, [end_m]])

    # A border has the id of the lane inside it; left and right as seen along the road.
    left_id, right_id = (leg.lane, leg.lane - 1) if leg.lane > 0 else (leg.lane + 1, leg.lane)
    left, left_slope = section.border_m(left_id, road.lane_offset, s_m)
    right, right_slope = section.border_m(right_id, road.lane_offset, s_m)
    centre = (left + right) / 2
    nodes = _shifted(road.curve, s_m, centre, (left_slope + right_slope) / 2)
    width = left - right
    left_line = width / 2 - _reach(section, left_id, s_m, is_right_side=True)
    right_line = _reach(section, right_id, s_m, is_right_side=False) - width / 2
    place = np.column_stack([s_m, centre])
    if road.is_driven_forwards(leg.lane):
        return LaneStrip(nodes, np.column_stack([width, left_line, right_line]), place)
    lane = np.column_stack([width, -right_line, -left_line])
    return LaneStrip(_reversed(nodes), lane[::-1], place[::-1])


def _reach(section: LaneSection, lane_id: int, s_m: np.ndarray, is_right_side: bool) -> np.ndarray:
    """Distance that the paint on a border extends to its right (seen along the road), or to its left, at each s."""
    lane = section.lanes.get(lane_id)
    if lane is None or not lane.marks:
        return np.zeros_like(s_m)
    starts_m = np.array([mark.s_m for mark in lane.marks])
    reaches = np.array([0.0, *(mark.reach_right_m if is_right_side else mark.reach_left_m for mark in lane.marks)])
    return reaches[np.searchsorted(starts_m, s_m - section.s_m + 1e-9, side="right")]


def _shifted(curve: Curve, s_m: np.ndarray, t_m: np.ndarray, slope: np.ndarray) -> Nodes:
    """Nodes of the line at t(s) beside a curve."""
    x, y, heading, _ = curve.poses(s_m)
    first = np.searchsorted(curve.nodes.s_m, (s_m[:-1] + s_m[1:]) / 2, side="right") - 1
    ramp = (curve.nodes.curvature_end - curve.nodes.curvature_start) / np.diff(curve.nodes.s_m)
    start = curve.nodes.curvature_start[first] + ramp[first] * (s_m[:-1] - curve.nodes.s_m[first])
    end = start + ramp[first] * np.diff(s_m)
    # Curvature may jump at a node, so it is given per interval; speed is ds of this line over ds of the curve.
    skew_start, skew_end = np.arctan2(slope[:-1], 1 - start * t_m[:-1]), np.arctan2(slope[1:], 1 - end * t_m[1:])
    speed_start = np.hypot(1 - start * t_m[:-1], slope[:-1])
    speed_end = np.hypot(1 - end * t_m[1:], slope[1:])
    skew_rate = (skew_end - skew_start) / np.diff(s_m)
    along = np.concatenate([[0.0], np.cumsum(np.diff(s_m) * (speed_start + speed_end) / 2)])
    return Nodes(
        along,
        x - t_m * np.sin(heading),
        y + t_m * np.cos(heading),
        heading + np.append(skew_start, skew_end[-1]),
        (start + skew_rate) / speed_start,
        (end + skew_rate) / speed_end,
    )


def _reversed(nodes: Nodes) -> Nodes:
    return Nodes(
        (nodes.s_m[-1] - nodes.s_m)[::-1].copy(),
        nodes.x_m[::-1],
        nodes.y_m[::-1],
        nodes.heading_rad[::-1] + math.pi,
        -nodes.curvature_end[::-1],
        -nodes.curvature_start[::-1],
    )
