"""The lane graph of a map and the paths through it: straightest, random, or over named roads."""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.road_map import Link, RoadMap

MAX_STARTS = 10_000  # lanes of a map that is searched completely
MAX_LEGS, MAX_PATH_M = 1000, 200e3  # of a path that is not given by road ids
MIN_LANE_WIDTH_M = 2.0
DRIVABLE = (
    "driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "bus", "taxi", "HOV"
)  # fmt: skip


class Leg(NamedTuple):
    """One lane of one lane section."""

    road: str
    section: int
    lane: int


State = tuple[Leg, int]  # of a search: a leg, and the number of named roads that were reached


class LanePath(NamedTuple):
    """Consecutive legs; a closed path returns to its first leg."""

    legs: list[Leg]
    is_closed: bool
    length_m: float  # along the roads, not the lanes


class Network:
    """The drivable lanes of a map and their links. Paths never change lanes."""

    def __init__(self, road_map: RoadMap) -> None:
        self._map = road_map
        self._min_lane_width_m = MIN_LANE_WIDTH_M * road_map.scale.length
        self._length_m = {  # of all legs
            Leg(road.id, index, lane_id): section.end_m - section.s_m
            for road in road_map.roads.values()
            for index, section in enumerate(road.sections)
            for lane_id in section.lanes
        }
        self._drivable = {leg for leg in self._length_m if self._is_drivable(leg)}
        if not self._drivable:
            raise OpenDriveError(
                f"{road_map.path}: no lane of type driving is at least {self._min_lane_width_m:.2g} m wide"
            )

    def starts(self) -> list[Leg]:
        """Possible first legs of a path: those outside junctions and along the road's direction come first."""
        roads = self._map.roads

        def order(leg: Leg) -> tuple:
            is_forward = self._is_forward(leg)
            along = leg.section if is_forward else -leg.section
            return roads[leg.road].junction is not None, not is_forward, leg.road, along, -leg.lane

        return sorted(self._drivable, key=order)

    def paths(self, seed: int | None = None) -> list[LanePath]:
        """All distinct paths, closed and longer ones first; each contains a leg that no earlier path contains.

        At a junction the straightest lane is taken, with a seed a random one. A path that runs into a cycle becomes
        that cycle, without the legs that lead to it.
        """
        choose = self._straightest if seed is None else _random_choice(random.Random(seed))
        chosen: dict[Leg, Leg | None] = {}
        covered: set[Leg] = set()
        # Of a large map, each cycle is followed once, from the first start that leads to it.
        into_cycles: set[Leg] | None = set() if len(self._drivable) > MAX_STARTS else None
        paths = []
        for start in self.starts():
            if start not in covered:
                path = self._follow(start, choose, chosen, into_cycles)
                if path is not None:
                    covered.update(path.legs, [start])
                    paths.append(path)
        paths.sort(key=lambda path: (path.is_closed, path.length_m), reverse=True)
        known: set[Leg] = set()
        distinct = []
        for path in paths:
            if not known.issuperset(path.legs):
                distinct.append(path)
                known.update(path.legs)
        return distinct

    def path_through(self, roads: Sequence[str]) -> LanePath:
        """The shortest path over the roads with these ids in this order; closed when the last is also the first."""
        for road_id in roads:
            if road_id not in self._map.roads:
                hint = "`simulation maps` lists its roads"
                raise OpenDriveError(f"{self._map.path}: route: there is no road {road_id} in this file; {hint}")
        starts = [leg for leg in self.starts() if leg.road == roads[0] and not self._comes_from(leg, roads[0])]
        paths = [path for start in starts if (path := self._shortest(start, roads)) is not None]
        if not paths:
            raise OpenDriveError(
                f"{self._map.path}: route: no lane leads over the roads {', '.join(roads)} in this order"
            )
        return min(paths, key=lambda path: path.length_m)

    def following(self, leg: Leg) -> list[Leg]:
        """All drivable successors of a leg."""
        return [candidate for candidate in self._candidates(leg) if candidate in self._drivable]

    def straight_on(self, leg: Leg) -> Leg | None:
        """The drivable successor with the smallest change of heading; None at the end of a road."""
        return self._straightest(leg, self.following(leg))

    def _path(self, legs: list[Leg], is_closed: bool) -> LanePath:
        return LanePath(legs, is_closed, sum(map(self._length_m.__getitem__, legs)))

    def _follow(
        self,
        start: Leg,
        choose: Callable[[Leg, list[Leg]], Leg | None],
        chosen: dict[Leg, Leg | None],
        into_cycles: set[Leg] | None,
    ) -> LanePath | None:
        """The path from `start`; closed when it returns to one of its legs, which then becomes the first.

        `into_cycles` collects the legs that lead to a cycle; None when the path reaches one of them.
        """
        legs, seen, length_m = [start], {start: 0}, 0.0
        here = start
        while len(legs) < MAX_LEGS and length_m < MAX_PATH_M:
            if here not in chosen:
                chosen[here] = choose(here, self.following(here))
            length_m += self._length_m[here]
            following = chosen[here]
            if following is None:
                break
            if into_cycles is not None and (following in into_cycles or following in seen):
                is_known = following in into_cycles
                into_cycles.update(legs)
                if is_known:
                    return None
            if following in seen:
                return self._path(legs[seen[following] :], is_closed=True)
            seen[following] = len(legs)
            legs.append(following)
            here = following
        return self._path(legs, is_closed=False)

    def _shortest(self, start: Leg, roads: Sequence[str]) -> LanePath | None:
        """Dijkstra over (leg, number of roads reached). An open path continues to the end of the last road."""
        is_closed = len(roads) > 1 and roads[0] == roads[-1]
        first: State = (start, 1)
        before: dict[State, State | None] = {first: None}
        distance_m: dict[State, float] = {first: 0.0}
        heap: list[tuple[float, State]] = [(0.0, first)]
        while heap:
            far_m, state = heapq.heappop(heap)
            if far_m > distance_m[state]:
                continue
            leg, reached = state
            following = self.following(leg)
            if reached == len(roads) and not is_closed and not any(other.road == leg.road for other in following):
                return self._path(_reconstruct(before, state), is_closed=False)
            for other in following:
                if is_closed and reached == len(roads) - 1 and other == start:
                    return self._path(_reconstruct(before, state), is_closed=True)
                arrives = reached < len(roads) and other.road == roads[reached]
                further = (other, reached + arrives)
                if reached == len(roads) and other.road != leg.road:
                    continue
                length_m = far_m + self._length_m[leg]
                if length_m < distance_m.get(further, math.inf):
                    distance_m[further], before[further] = length_m, state
                    heapq.heappush(heap, (length_m, further))
        return None

    def _comes_from(self, leg: Leg, road_id: str) -> bool:
        """Whether a lane of the same road leads into this leg, so that it is not the start of the road."""
        section = leg.section - (1 if self._is_forward(leg) else -1)
        if not 0 <= section < len(self._map.roads[road_id].sections):
            return False
        return any(leg in self.following(other) for other in self._drivable if other[:2] == (road_id, section))

    def _straightest(self, leg: Leg, candidates: list[Leg]) -> Leg | None:
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        heading = self._end_heading(leg)

        def turn_rad(candidate: Leg) -> float:
            # Compares end headings: all connecting roads of a junction start straight on.
            return abs(math.remainder(self._end_heading(candidate) - heading, 2 * math.pi))

        return min(candidates, key=turn_rad)

    def _candidates(self, leg: Leg) -> list[Leg]:
        road = self._map.roads[leg.road]
        is_forward = self._is_forward(leg)
        lane = road.sections[leg.section].lanes[leg.lane]
        lane_id = lane.successor if is_forward else lane.predecessor
        section = leg.section + (1 if is_forward else -1)
        if 0 <= section < len(road.sections):
            return [] if lane_id is None else [Leg(road.id, section, lane_id)]
        link = road.successor if is_forward else road.predecessor
        if link is None:
            return []
        if link.kind == "road":
            return [] if lane_id is None else self._entered(link, lane_id)
        paths = [c for c in self._map.junctions.get(link.id, ()) if c.incoming_road == road.id and leg.lane in c.lanes]
        return [
            entered
            for path in paths
            for entered in self._entered(Link("road", path.connecting_road, path.contact), path.lanes[leg.lane])
        ]

    def _entered(self, link: Link, lane_id: int) -> list[Leg]:
        """The leg at one end of a road; empty where that lane is driven towards this end."""
        road = self._map.roads[link.id]
        if road.is_driven_forwards(lane_id) != (link.contact == "start"):
            return []
        return [Leg(road.id, 0 if link.contact == "start" else len(road.sections) - 1, lane_id)]

    def _is_forward(self, leg: Leg) -> bool:
        return self._map.roads[leg.road].is_driven_forwards(leg.lane)

    def _end_heading(self, leg: Leg) -> float:
        """Driving direction at the end of a leg."""
        road = self._map.roads[leg.road]
        section = road.sections[leg.section]
        if self._is_forward(leg):
            return road.heading_rad(section.end_m)
        return road.heading_rad(section.s_m) + math.pi

    def _is_drivable(self, leg: Leg) -> bool:
        road = self._map.roads[leg.road]
        section = road.sections[leg.section]
        if leg.lane == 0 or section.lanes[leg.lane].type not in DRIVABLE or self._length_m[leg] < 1e-3:
            return False
        inner_m, outer_m = section.span_m(leg.lane, road.lane_offset, (section.s_m + section.end_m) / 2)
        return abs(outer_m - inner_m) >= self._min_lane_width_m


def _random_choice(chance: random.Random) -> Callable[[Leg, list[Leg]], Leg | None]:
    return lambda _, candidates: chance.choice(sorted(candidates)) if candidates else None


def _reconstruct(before: dict[State, State | None], state: State | None) -> list[Leg]:
    """The legs from the start of a search to a state."""
    legs = []
    while state is not None:
        legs.append(state[0])
        state = before[state]
    return legs[::-1]
