"""A road map: roads, links between them, and junctions."""

from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct

from lkas.scale import FULL_SIZE, Scale, scale_of_lane
from simulation.opendrive.geometry import Curve, join_nodes
from simulation.opendrive.lanes import Cubic, LaneSection
from simulation.opendrive.notices import Notice
from simulation.opendrive.plan_view import PlanPiece
from simulation.opendrive.surface import Profiles, Surface


class Link(Struct, frozen=True):
    """Link from the end of a road to a road (and which end of it), or to a junction."""

    kind: Literal["road", "junction"]
    id: str
    contact: Literal["start", "end"] | None


class Connection(Struct, frozen=True):
    """A connection in a junction: from lanes of the incoming road to lanes of the connecting road."""

    incoming_road: str
    connecting_road: str
    contact: Literal["start", "end"]
    lanes: dict[int, int]


class Road(Struct, frozen=True, dict=True):
    """One road: its reference line and the lanes beside it."""

    id: str
    length_m: float
    junction: str | None
    plan: tuple[PlanPiece, ...]
    lane_offset: tuple[Cubic, ...]
    sections: tuple[LaneSection, ...]
    predecessor: Link | None
    successor: Link | None
    profiles: Profiles = Profiles()
    is_right_hand: bool = True  # right-hand traffic: lanes with negative ids are driven in the direction of s

    @cached_property
    def curve(self) -> Curve:
        """Plane reference line; s as in the file."""
        return Curve(join_nodes([piece.nodes for piece in self.plan]))

    def heading_rad(self, s_m: float) -> float:
        """Heading of the reference line; at its ends without computing its nodes."""
        if s_m <= 0.0:
            return self.plan[0].heading_rad
        if s_m >= self.length_m and self.plan[-1].cubic is None:
            return self.plan[-1].end_heading_rad
        return self.curve.pose(s_m)[2]

    @cached_property
    def surface(self) -> Surface:
        """Road surface: map coordinates in space and back."""
        return Surface(self.curve, self.profiles)

    def is_driven_forwards(self, lane_id: int) -> bool:
        """Whether a lane is driven in the direction of increasing s."""
        return (lane_id < 0) == self.is_right_hand

    @cached_property
    def bounds_m(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest (x, y) that the reference line can reach."""
        boxes = np.array([piece.bounds_m() for piece in self.plan])
        return boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)


class RoadMap(Struct, frozen=True, dict=True):
    """The content of one file."""

    path: Path
    roads: dict[str, Road]
    junctions: dict[str, tuple[Connection, ...]]
    unsupported: tuple[str, ...] = ()  # elements of the file that are ignored
    notices: tuple[Notice, ...] = ()  # pieces of the file that were skipped or repaired

    @cached_property
    def scale(self) -> Scale:
        """The scale of the roads, from their widest driving lane."""
        widths_m = [
            width.a
            for road in self.roads.values()
            for section in road.sections
            for lane in section.lanes.values()
            if lane.type == "driving"
            for width in lane.widths
        ]
        widest_m = max(widths_m, default=0.0)
        return scale_of_lane(widest_m) if widest_m > 0.0 else FULL_SIZE

    def near(self, points_m: np.ndarray, reach_m: float) -> "RoadMap":
        """This map with only the roads whose bounds are within `reach_m` of one of the (N, 2) points."""
        low, high = (
            np.array(corners) for corners in zip(*(road.bounds_m for road in self.roads.values()), strict=True)
        )
        is_near = np.zeros(len(low), bool)
        for point in points_m:
            away_m = np.maximum(np.maximum(low - point, point - high), 0.0)
            is_near |= np.einsum("ij,ij->i", away_m, away_m) < reach_m**2
        roads = {
            road_id: road for (road_id, road), near in zip(self.roads.items(), is_near.tolist(), strict=True) if near
        }
        return msgspec.structs.replace(self, roads=roads)
