"""The stretch of a map that an evaluation drives by default.

It is the longest of all stretches that take the link with the smallest change of heading at each junction and end where
the road ends, at their own start, before a bend tighter than R = 20 m (of a model road: 4.2 m times its scale), before
a stretch without markings or too narrow for a car, or after 5 km. In a map of more than 10,000 lanes only stretches
from the first 60 are compared.
"""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from lkas.scale import FULL_SIZE
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.network import MAX_STARTS, MIN_LANE_WIDTH_M, Leg, Network
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.routes import Route, Stretch, lane_strip

MIN_RADIUS_M = 20.0
MIN_MODEL_RADIUS_M = 4.2  # of a model road, at full size: its bends are as sharp as crossings
MAX_LENGTH_M = 5000.0
MIN_LENGTH_M = 50.0
SEARCHED_STARTS = 60  # in a map that is not searched completely
UNMARKED = "before a stretch without markings"
NARROW, ROAD_END = "where its lane ends", "at the road's end"
OWN_ROUTE, OWN_START, FAR = "where it meets its own route", "at its own start", "after 5 km"

StraightOn = Callable[[Leg], Leg | None]


class Obstruction(NamedTuple):
    """A part of a leg that the default route avoids; s from the start of the leg."""

    from_m: float
    to_m: float
    reason: str


class LegClearance(NamedTuple):
    """The obstructions of a leg, in order."""

    length_m: float
    obstructions: tuple[Obstruction, ...]


Clearance = Callable[[Leg], LegClearance]


class Candidate(NamedTuple):
    """A stretch and the legs it lies on; s from the start of the first leg."""

    legs: tuple[Leg, ...]
    start_m: float
    end_m: float
    end_reason: str
    is_closed: bool

    @property
    def length_m(self) -> float:
        return self.end_m - self.start_m


def default_route(road_map: RoadMap) -> Route:
    """Find the default route. Raises OpenDriveError when no stretch of the map is long enough to drive."""
    network = Network(road_map)
    straight_on, clearance = (
        functools.cache(network.straight_on),
        functools.cache(functools.partial(_clearance, road_map)),
    )
    starts = network.starts()
    if len(starts) > MAX_STARTS:
        starts = starts[:SEARCHED_STARTS]
    candidates = [stretch for start in starts for stretch in _candidates(start, straight_on, clearance)]
    best = max(candidates, key=lambda stretch: stretch.length_m, default=None)
    min_length_m = MIN_LENGTH_M * road_map.scale.length
    if best is None or best.length_m < min_length_m:
        length_m = 0.0 if best is None else best.length_m
        raise OpenDriveError(
            f"{road_map.path}: the longest stretch with markings and no bend tighter than "
            f"R = {min_radius_m(road_map):.3g} m is {length_m:.0f} m long, expected at least {min_length_m:.3g} m; "
            "name roads to go over, or take --route turns"
        )
    if best.is_closed:
        return Route(road_map, best.legs, is_closed=True, stretch=Stretch(0.0, best.end_m, best.end_reason))
    return Route(road_map, best.legs, is_closed=False, stretch=Stretch(best.start_m, best.end_m, best.end_reason))


def min_radius_m(road_map: RoadMap) -> float:
    """Return the radius of the sharpest bends that the default route drives."""
    scale = road_map.scale
    return MIN_RADIUS_M if scale == FULL_SIZE else MIN_MODEL_RADIUS_M * scale.length


def _clearance(road_map: RoadMap, leg: Leg) -> LegClearance:
    """Find the obstructions of one leg, per interval between the nodes of its centre line."""
    strip = lane_strip(road_map.roads[leg.road], leg)
    nodes, (width_m, left_m, right_m) = strip.nodes, strip.lane.T
    curvature = np.maximum(np.abs(nodes.curvature_start), np.abs(nodes.curvature_end))
    is_unmarked = (left_m > width_m / 2 - 1e-9) & (right_m < 1e-9 - width_m / 2)
    reasons = np.full(len(curvature), None, dtype=object)
    reasons[is_unmarked[:-1] & is_unmarked[1:]] = UNMARKED
    reasons[np.minimum(width_m[:-1], width_m[1:]) < MIN_LANE_WIDTH_M * road_map.scale.length] = NARROW
    sharpest_m = min_radius_m(road_map)
    reasons[curvature > 1 / sharpest_m] = f"before a bend tighter than R = {sharpest_m:.3g} m"
    obstructions: list[Obstruction] = []
    for reason, from_m, to_m in zip(reasons.tolist(), nodes.s_m[:-1].tolist(), nodes.s_m[1:].tolist(), strict=True):
        if reason is None:
            continue
        if obstructions and obstructions[-1].reason == reason and from_m - obstructions[-1].to_m < 1e-6:
            obstructions[-1] = obstructions[-1]._replace(to_m=to_m)
        else:
            obstructions.append(Obstruction(from_m, to_m, reason))
    return LegClearance(float(nodes.s_m[-1]), tuple(obstructions))


def _candidates(start: Leg, straight_on: StraightOn, clearance: Clearance) -> Iterator[Candidate]:
    """The longest stretch from each possible start on a leg: its own start, and the end of each obstruction."""
    length_m, obstructions = clearance(start)
    starts_m = [0.0, *(obstruction.to_m for obstruction in obstructions)]
    for start_m, obstruction in zip(starts_m, (*obstructions, None), strict=True):
        if start_m >= length_m - 1e-6 or (obstruction is not None and obstruction.from_m <= start_m):
            continue
        if obstruction is not None or length_m - start_m > MAX_LENGTH_M:
            end_m, end_reason = (length_m, FAR) if obstruction is None else (obstruction.from_m, obstruction.reason)
            yield _limit_length(Candidate((start,), start_m, end_m, end_reason, is_closed=False))
        else:
            yield _candidate_from(start, start_m, straight_on, clearance)


def _candidate_from(start: Leg, start_m: float, straight_on: StraightOn, clearance: Clearance) -> Candidate:
    """Follow the straightest links from `start_m` on a leg; the rest of that leg has no obstructions."""
    legs, end_m, seen = [start], clearance(start).length_m, {start}
    while end_m - start_m < MAX_LENGTH_M:
        leg = straight_on(legs[-1])
        if leg is None:
            return Candidate(tuple(legs), start_m, end_m, ROAD_END, is_closed=False)
        if leg == start and start_m == 0.0:
            return Candidate(tuple(legs), start_m, end_m, OWN_START, is_closed=True)
        if leg in seen and leg != start:
            return Candidate(tuple(legs), start_m, end_m, OWN_ROUTE, is_closed=False)
        legs.append(leg)
        seen.add(leg)
        length_m, obstructions = clearance(leg)
        if obstructions:
            first = obstructions[0]
            return _limit_length(Candidate(tuple(legs), start_m, end_m + first.from_m, first.reason, is_closed=False))
        end_m += length_m
    return _limit_length(Candidate(tuple(legs), start_m, end_m, FAR, is_closed=False))


def _limit_length(candidate: Candidate) -> Candidate:
    if candidate.length_m <= MAX_LENGTH_M:
        return candidate
    return candidate._replace(end_m=candidate.start_m + MAX_LENGTH_M, end_reason=FAR)
