"""A road map: its roads, how they go on to each other, and the junctions between them."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from msgspec import Struct

from simulation.opendrive.geometry import Curve, Nodes, joined
from simulation.opendrive.lanes import Cubic, LaneSection
from simulation.opendrive.surface import Profiles, Surface


class Link(Struct, frozen=True):
    """What a road goes on to: a road (which end of it), or a junction."""

    kind: Literal["road", "junction"]
    id: str
    contact: Literal["start", "end"] | None


class Connection(Struct, frozen=True):
    """A way through a junction: from a lane of the incoming road to one of the connecting road."""

    incoming_road: str
    connecting_road: str
    contact: Literal["start", "end"]
    lanes: dict[int, int]


class Road(Struct, frozen=True, dict=True):
    """One road: its reference line and the lanes beside it."""

    id: str
    length_m: float
    junction: str | None
    geometry: tuple[Nodes, ...]
    lane_offset: tuple[Cubic, ...]
    sections: tuple[LaneSection, ...]
    predecessor: Link | None
    successor: Link | None
    profiles: Profiles = Profiles()
    is_right_hand: bool = True  # traffic; lanes with negative ids are then driven forwards

    @cached_property
    def curve(self) -> Curve:
        """The reference line in the plane; s as in the file."""
        return Curve(joined(self.geometry))

    @cached_property
    def surface(self) -> Surface:
        """Map coordinates in space and back."""
        return Surface(self.curve, self.profiles)

    def is_driven_forwards(self, lane_id: int) -> bool:
        """Whether traffic on a lane goes the way s grows."""
        return (lane_id < 0) == self.is_right_hand


class RoadMap(Struct, frozen=True):
    """Everything read from one file."""

    path: Path
    roads: dict[str, Road]
    junctions: dict[str, tuple[Connection, ...]]
    not_read: tuple[str, ...] = ()  # what the file holds beyond what is read here
