"""Which lane leads to which, and the ways through a map: the straightest, one drawn by lot, or through named roads."""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.road_map import Link, RoadMap

MAX_LEGS = 1000
MIN_LANE_WIDTH_M = 2.0
DRIVABLE = ("driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane")


class Leg(NamedTuple):
    """One lane of one lane section."""

    road: str
    section: int
    lane: int


State = tuple[Leg, int]  # of a search: a leg, and how many of the roads to go over have been reached


class Way(NamedTuple):
    """Legs one after the other; a closed way comes back to its first."""

    legs: list[Leg]
    is_closed: bool
    length_m: float  # along the roads, not the lanes


class Network:
    """The drivable lanes of a map. Lanes are left only where they lead: nobody changes lane on a way."""

    def __init__(self, road_map: RoadMap) -> None:
        self._map = road_map
        self._drivable = {
            Leg(road.id, index, lane_id)
            for road in road_map.roads.values()
            for index, section in enumerate(road.sections)
            for lane_id in section.lanes
            if self._is_drivable(Leg(road.id, index, lane_id))
        }
        if not self._drivable:
            raise OpenDriveError(f"{road_map.path}: no lane of type driving is at least {MIN_LANE_WIDTH_M:g} m wide")

    def starts(self) -> list[Leg]:
        """Where a way may begin: outside junctions and driving along the road where possible."""
        roads = self._map.roads

        def order(leg: Leg) -> tuple:
            is_forward = self._is_forward(leg)
            along = leg.section if is_forward else -leg.section
            return roads[leg.road].junction is not None, not is_forward, leg.road, along, -leg.lane

        return sorted(self._drivable, key=order)

    def ways(self, seed: int | None = None) -> list[Way]:
        """Closed ways first, longer ones first; each goes over a lane that those before it do not.

        At a junction the straightest lane is taken, with a seed one by lot. A way that runs into a circle is that
        circle, without what leads there.
        """
        choose = self._straightest if seed is None else _by_lot(random.Random(seed))
        chosen: dict[Leg, Leg | None] = {}
        covered: set[Leg] = set()
        ways = []
        for start in self.starts():
            if start not in covered:
                way = self._follow(start, choose, chosen)
                covered.update(way.legs, [start])
                ways.append(way)
        ways.sort(key=lambda way: (way.is_closed, way.length_m), reverse=True)
        gone: set[Leg] = set()
        distinct = []
        for way in ways:
            if not gone.issuperset(way.legs):
                distinct.append(way)
                gone.update(way.legs)
        return distinct

    def way_through(self, roads: Sequence[str]) -> Way:
        """The shortest way over the roads with these ids in this order, closed when the last is the first again."""
        for road_id in roads:
            if road_id not in self._map.roads:
                hint = "`simulation maps` lists its roads"
                raise OpenDriveError(f"{self._map.path}: route: there is no road {road_id} in this file; {hint}")
        starts = [leg for leg in self.starts() if leg.road == roads[0] and not self._comes_from(leg, roads[0])]
        ways = [way for start in starts if (way := self._shortest(start, roads)) is not None]
        if not ways:
            raise OpenDriveError(
                f"{self._map.path}: route: no lane leads over the roads {', '.join(roads)} in this order"
            )
        return min(ways, key=lambda way: way.length_m)

    def following(self, leg: Leg) -> list[Leg]:
        """Every drivable leg that this one leads to."""
        return [candidate for candidate in self._candidates(leg) if candidate in self._drivable]

    def straight_on(self, leg: Leg) -> Leg | None:
        """The drivable leg that this one leads to with the smallest change of heading; None at the end of a road."""
        return self._straightest(leg, self.following(leg))

    def _way(self, legs: list[Leg], is_closed: bool) -> Way:
        return Way(legs, is_closed, sum(self._length_m(leg) for leg in legs))

    def _follow(self, start: Leg, choose: Callable[[Leg, list[Leg]], Leg | None], chosen: dict[Leg, Leg | None]) -> Way:
        """The way from `start` on; closed when it comes back to one of its own legs, which then is the first."""
        legs, seen = [start], {start: 0}
        while len(legs) < MAX_LEGS:
            here = legs[-1]
            if here not in chosen:
                chosen[here] = choose(here, self.following(here))
            following = chosen[here]
            if following is None:
                break
            if following in seen:
                return self._way(legs[seen[following] :], is_closed=True)
            seen[following] = len(legs)
            legs.append(following)
        return self._way(legs, is_closed=False)

    def _shortest(self, start: Leg, roads: Sequence[str]) -> Way | None:
        """Dijkstra over (leg, how many of the roads are behind it). An open way goes on to the last road's end."""
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
                return self._way(_walked(before, state), is_closed=False)
            for other in following:
                if is_closed and reached == len(roads) - 1 and other == start:
                    return self._way(_walked(before, state), is_closed=True)
                arrives = reached < len(roads) and other.road == roads[reached]
                further = (other, reached + arrives)
                if reached == len(roads) and other.road != leg.road:
                    continue
                length_m = far_m + self._length_m(leg)
                if length_m < distance_m.get(further, math.inf):
                    distance_m[further], before[further] = length_m, state
                    heapq.heappush(heap, (length_m, further))
        return None

    def _comes_from(self, leg: Leg, road_id: str) -> bool:
        """Whether a lane of the same road leads into this leg, which then is not the road's beginning."""
        section = leg.section - (1 if self._is_forward(leg) else -1)
        if not 0 <= section < len(self._map.roads[road_id].sections):
            return False
        return any(leg in self.following(other) for other in self._drivable if other[:2] == (road_id, section))

    def _straightest(self, leg: Leg, candidates: list[Leg]) -> Leg | None:
        heading = self._end_heading(leg)

        def turn_rad(candidate: Leg) -> float:
            # Where a way leads counts, not how it begins: every way through a junction begins straight on.
            return abs(math.remainder(self._end_heading(candidate) - heading, 2 * math.pi))

        return min(candidates, key=turn_rad, default=None)

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
        ways = [c for c in self._map.junctions.get(link.id, ()) if c.incoming_road == road.id and leg.lane in c.lanes]
        return [
            entered
            for way in ways
            for entered in self._entered(Link("road", way.connecting_road, way.contact), way.lanes[leg.lane])
        ]

    def _entered(self, link: Link, lane_id: int) -> list[Leg]:
        """The leg at one end of a road; none where that lane leads out of it, against the traffic."""
        road = self._map.roads.get(link.id)
        if road is None:
            raise OpenDriveError(f"{self._map.path}: a link names road {link.id}, which is not in the file")
        if road.is_driven_forwards(lane_id) != (link.contact == "start"):
            return []
        return [Leg(road.id, 0 if link.contact == "start" else len(road.sections) - 1, lane_id)]

    def _is_forward(self, leg: Leg) -> bool:
        return self._map.roads[leg.road].is_driven_forwards(leg.lane)

    def _length_m(self, leg: Leg) -> float:
        section = self._map.roads[leg.road].sections[leg.section]
        return section.end_m - section.s_m

    def _end_heading(self, leg: Leg) -> float:
        """Driving direction at the end of a leg."""
        road = self._map.roads[leg.road]
        section = road.sections[leg.section]
        if self._is_forward(leg):
            return road.curve.pose(section.end_m)[2]
        return road.curve.pose(section.s_m)[2] + math.pi

    def _is_drivable(self, leg: Leg) -> bool:
        road = self._map.roads[leg.road]
        section = road.sections[leg.section]
        if leg.lane == 0 or section.lanes[leg.lane].type not in DRIVABLE or self._length_m(leg) < 1e-3:
            return False
        middle_m = np.array([(section.s_m + section.end_m) / 2])
        return bool(section.width_m(leg.lane, road.lane_offset, middle_m)[0] >= MIN_LANE_WIDTH_M)


def _by_lot(chance: random.Random) -> Callable[[Leg, list[Leg]], Leg | None]:
    return lambda _, candidates: chance.choice(sorted(candidates)) if candidates else None


def _walked(before: dict[State, State | None], state: State | None) -> list[Leg]:
    """The legs from the start of a search to one of its states."""
    legs = []
    while state is not None:
        legs.append(state[0])
        state = before[state]
    return legs[::-1]
