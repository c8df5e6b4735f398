"""The stretch of a map that an evaluation drives when nobody names a route.

It begins where it is longest, takes the link with the smallest change of heading at each junction, and ends where the
road ends, at its own start, before a stretch that is tighter than R = 20 m, without markings or no wider than a car,
or after 5 km.
"""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.network import MIN_LANE_WIDTH_M, Leg, Network
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.routes import Route, Stretch, strip_of

TIGHTEST_RADIUS_M = 20.0
LONGEST_M = 5000.0
SHORTEST_M = 50.0  # a shorter stretch is no drive
TIGHT, UNMARKED = "before a bend tighter than R = 20 m", "before a stretch without markings"
NARROW, ROAD_END = "where its lane ends", "at the road's end"
OWN_WAY, OWN_START, FAR = "where it meets its own way", "at its own start", "after 5 km"

StraightOn = Callable[[Leg], Leg | None]


class Block(NamedTuple):
    """A piece of a leg that the default route does not drive over; s from the leg's begin."""

    from_m: float
    to_m: float
    reason: str


class Clear(NamedTuple):
    """What can be driven of a leg."""

    length_m: float
    blocks: tuple[Block, ...]


class Found(NamedTuple):
    """A stretch and the legs it lies on; s from the first leg's begin."""

    legs: tuple[Leg, ...]
    begin_m: float
    end_m: float
    ends: str
    is_closed: bool

    @property
    def length_m(self) -> float:
        return self.end_m - self.begin_m


def default_route(road_map: RoadMap) -> Route:
    """Raises OpenDriveError when no stretch of the map is long enough to drive."""
    network = Network(road_map)
    starts, straight_on = network.starts(), functools.cache(network.straight_on)
    clear = {leg: _clear(road_map, leg) for leg in starts}
    found = [stretch for start in starts for stretch in _stretches(start, straight_on, clear)]
    best = max(found, key=lambda stretch: stretch.length_m, default=None)
    if best is None or best.length_m < SHORTEST_M:
        length_m = 0.0 if best is None else best.length_m
        raise OpenDriveError(
            f"{road_map.path}: the longest stretch with markings and no bend tighter than R = 20 m is "
            f"{length_m:.0f} m long, expected at least {SHORTEST_M:g} m; name roads to go over, or take --route turns"
        )
    if best.is_closed:
        return Route(road_map, best.legs, is_closed=True, stretch=Stretch(0.0, best.end_m, best.ends))
    return Route(road_map, best.legs, is_closed=False, stretch=Stretch(best.begin_m, best.end_m, best.ends))


def _clear(road_map: RoadMap, leg: Leg) -> Clear:
    """What stands in the way on one leg, looked at between the nodes of its centre line."""
    strip = strip_of(road_map.roads[leg.road], leg)
    nodes, (width_m, left_m, right_m) = strip.nodes, strip.lane.T
    curvature = np.maximum(np.abs(nodes.curvature_start), np.abs(nodes.curvature_end))
    is_bare = (left_m > width_m / 2 - 1e-9) & (right_m < 1e-9 - width_m / 2)
    why = np.full(len(curvature), None, dtype=object)
    why[is_bare[:-1] & is_bare[1:]] = UNMARKED
    why[np.minimum(width_m[:-1], width_m[1:]) < MIN_LANE_WIDTH_M] = NARROW
    why[curvature > 1 / TIGHTEST_RADIUS_M] = TIGHT
    blocks: list[Block] = []
    for reason, from_m, to_m in zip(why.tolist(), nodes.s_m[:-1].tolist(), nodes.s_m[1:].tolist(), strict=True):
        if reason is None:
            continue
        if blocks and blocks[-1].reason == reason and from_m - blocks[-1].to_m < 1e-6:
            blocks[-1] = blocks[-1]._replace(to_m=to_m)
        else:
            blocks.append(Block(from_m, to_m, reason))
    return Clear(float(nodes.s_m[-1]), tuple(blocks))


def _stretches(start: Leg, straight_on: StraightOn, clear: dict[Leg, Clear]) -> Iterator[Found]:
    """The longest stretch from each place of a leg where one can begin: its begin, and behind each block."""
    length_m, blocks = clear[start]
    begins = [0.0, *(block.to_m for block in blocks)]
    for begin_m, block in zip(begins, (*blocks, None), strict=True):
        if begin_m >= length_m - 1e-6 or (block is not None and block.from_m <= begin_m):
            continue
        if block is not None or length_m - begin_m > LONGEST_M:
            end_m, ends = (length_m, FAR) if block is None else (block.from_m, block.reason)
            yield _no_longer(Found((start,), begin_m, end_m, ends, is_closed=False))
        else:
            yield _onwards(start, begin_m, straight_on, clear)


def _onwards(start: Leg, begin_m: float, straight_on: StraightOn, clear: dict[Leg, Clear]) -> Found:
    """From a place on a leg that is clear to its end. Back on that leg, the block it began behind ends it."""
    legs, end_m, seen = [start], clear[start].length_m, {start}
    while end_m - begin_m < LONGEST_M:
        leg = straight_on(legs[-1])
        if leg is None:
            return Found(tuple(legs), begin_m, end_m, ROAD_END, is_closed=False)
        if leg == start and begin_m == 0.0:
            return Found(tuple(legs), begin_m, end_m, OWN_START, is_closed=True)
        if leg in seen and leg != start:
            return Found(tuple(legs), begin_m, end_m, OWN_WAY, is_closed=False)
        legs.append(leg)
        seen.add(leg)
        length_m, blocks = clear[leg]
        if blocks:
            return _no_longer(Found(tuple(legs), begin_m, end_m + blocks[0].from_m, blocks[0].reason, is_closed=False))
        end_m += length_m
    return _no_longer(Found(tuple(legs), begin_m, end_m, FAR, is_closed=False))


def _no_longer(found: Found) -> Found:
    if found.length_m <= LONGEST_M:
        return found
    return found._replace(end_m=found.begin_m + LONGEST_M, ends=FAR)
