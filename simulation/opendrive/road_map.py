"""A road map: roads, links between them, and junctions."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec import Struct

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

    @cached_property
    def surface(self) -> Surface:
        """Road surface: map coordinates in space and back."""
        return Surface(self.curve, self.profiles)

    def is_driven_forwards(self, lane_id: int) -> bool:
        """Whether a lane is driven in the direction of increasing s."""
        return (lane_id < 0) == self.is_right_hand


class RoadMap(Struct, frozen=True):
    """The content of one file."""

    path: Path
    roads: dict[str, Road]
    junctions: dict[str, tuple[Connection, ...]]
    unsupported: tuple[str, ...] = ()  # elements of the file that are ignored
    notices: tuple[Notice, ...] = ()  # pieces of the file that were skipped or repaired
