"""Other vehicles on the road: one ahead in the ego lane, others in adjacent and oncoming lanes.

Positions are in coordinates of the ego car's route: s along it, and a lane relative to the ego lane. The lead vehicle
keeps its distance; no vehicle changes lane. All randomness comes from the seed and the ego car's motion.
"""

import math
from itertools import pairwise

import numpy as np
from msgspec import Struct

from simulation.embedded.renderer.vehicle_models import SIZES
from simulation.embedded.renderer.vehicles import PAINTS
from simulation.embedded.renderer.view import Vehicle
from simulation.opendrive.network import DRIVABLE
from simulation.opendrive.routes import Route

LEAD_GAP_M = 24.0, 48.0  # range from the ego origin; a new value is drawn every LEAD_PERIOD_S
LEAD_PERIOD_S = 12.0
BESIDE, ONCOMING = 2, 3  # number of vehicles around the ego car in adjacent and oncoming lanes
AHEAD_M, BEHIND_M = 210.0, 40.0  # distances at which vehicles appear and are removed
ONCOMING_MPS = 12.0, 24.0
BESIDE_MPS = -2.5, 3.5  # relative to the ego car
MIN_GAP_M = 14.0  # between two vehicles in one lane
BRAKING_MPS2 = -0.8


class _TrafficVehicle(Struct):
    s_m: float  # along the ego car's route; not wrapped
    speed_mps: float  # along the route, negative: oncoming
    kind: int
    colour: int
    acceleration_mps2: float = 0.0


class Traffic:
    """Vehicles around one ego car."""

    def __init__(self, route: Route, seed: int) -> None:
        self._route = route
        self._random = np.random.default_rng([seed, 12])
        self._time_s = 0.0
        self._gap_m = self._target_gap_m = self._random.uniform(*LEAD_GAP_M)
        self._gap_due_s = LEAD_PERIOD_S
        self._others: tuple[_TrafficVehicle, list[_TrafficVehicle], list[_TrafficVehicle]] | None = None

    def step(self, s_m: float, speed_mps: float, dt_s: float) -> None:
        """Advance all vehicles. `s_m`, `speed_mps`: of the ego car along its route."""
        self._time_s += dt_s
        if self._others is None:
            self._others = self._spawn(s_m, speed_mps)
        lead, beside, oncoming = self._others
        self._follow_wrap(s_m)
        if self._time_s >= self._gap_due_s:
            self._gap_due_s += LEAD_PERIOD_S
            self._target_gap_m = self._random.uniform(*LEAD_GAP_M)
        self._step_lead(lead, s_m, speed_mps, dt_s)
        for other in (*beside, *oncoming):
            other.s_m += other.speed_mps * dt_s
        self._recycle(beside, s_m, speed_mps, is_oncoming=False)
        self._recycle(oncoming, s_m, speed_mps, is_oncoming=True)

    def vehicles(self) -> tuple[Vehicle, ...]:
        """All vehicles at their current poses, without those whose lane does not exist there."""
        if self._others is None:
            return ()
        lead, beside, oncoming = self._others
        placed = [self._vehicle_at(lead, 0)]
        placed += [self._vehicle_at(other, 1) for other in beside]
        placed += [self._vehicle_at(other, -1) for other in oncoming]
        return tuple(vehicle for vehicle in placed if vehicle is not None)

    def _spawn(
        self, s_m: float, speed_mps: float
    ) -> tuple[_TrafficVehicle, list[_TrafficVehicle], list[_TrafficVehicle]]:
        lead = self._new_vehicle(s_m + self._gap_m, speed_mps, kinds=(0, 1))
        beside = [self._new_vehicle(s_m + 18.0 + 60.0 * i, speed_mps, kinds=(0, 1, 2)) for i in range(BESIDE)]
        oncoming = [
            self._new_vehicle(
                s_m + 45.0 + i * AHEAD_M / ONCOMING, -self._random.uniform(*ONCOMING_MPS), kinds=(0, 1, 2)
            )
            for i in range(ONCOMING)
        ]
        return lead, beside, oncoming

    def _new_vehicle(self, s_m: float, speed_mps: float, kinds: tuple[int, ...]) -> _TrafficVehicle:
        return _TrafficVehicle(s_m, speed_mps, int(self._random.choice(kinds)), int(self._random.integers(len(PAINTS))))

    def _follow_wrap(self, s_m: float) -> None:
        """Shift all vehicles by one lap when the ego car's s wraps around on a closed route."""
        assert self._others is not None
        lead, beside, oncoming = self._others
        if self._route.is_closed and abs(lead.s_m - s_m) > self._route.length_m / 2:
            by_m = math.copysign(self._route.length_m, s_m - lead.s_m)
            for other in (lead, *beside, *oncoming):
                other.s_m += by_m

    def _step_lead(self, lead: _TrafficVehicle, s_m: float, speed_mps: float, dt_s: float) -> None:
        """Keep the target gap; the lead vehicle never falls back into the ego car, which does not brake for it."""
        gap_error_m = self._target_gap_m - (lead.s_m - s_m)
        target_mps = max(0.0, speed_mps + min(3.0, max(-3.0, 0.25 * gap_error_m)))
        change = min(4.0, max(-2.0, (target_mps - lead.speed_mps) / 0.5))
        lead.acceleration_mps2 = change
        lead.speed_mps = max(0.0, lead.speed_mps + change * dt_s)
        lead.s_m = max(lead.s_m + lead.speed_mps * dt_s, s_m + LEAD_GAP_M[0] / 2)

    def _recycle(self, others: list[_TrafficVehicle], s_m: float, speed_mps: float, *, is_oncoming: bool) -> None:
        """Replace vehicles out of range; keep distances within one lane."""
        others.sort(key=lambda other: -other.s_m)
        for ahead, behind in pairwise(others):
            if ahead.s_m - behind.s_m < MIN_GAP_M:
                ahead.speed_mps = behind.speed_mps = (ahead.speed_mps + behind.speed_mps) / 2
        for index, other in enumerate(others):
            if -BEHIND_M <= other.s_m - s_m <= AHEAD_M + 60:
                continue
            at_m = max(s_m + AHEAD_M, others[0].s_m + 2 * MIN_GAP_M + self._random.uniform(0, 60))
            if is_oncoming:
                speed = -self._random.uniform(*ONCOMING_MPS)
            else:
                speed = max(2.0, speed_mps + self._random.uniform(*BESIDE_MPS))
                at_m = s_m + (AHEAD_M if speed < speed_mps else -BEHIND_M)
            others[index] = self._new_vehicle(at_m, speed, kinds=(0, 1, 2))

    def _vehicle_at(self, other: _TrafficVehicle, side: int) -> Vehicle | None:
        """Pose in the ego lane (side 0), the adjacent lane of the same direction (1), or the oncoming lane (-1)."""
        route = self._route
        if not route.is_closed and not 0.0 < other.s_m < route.length_m:
            return None
        place = route.place_at(other.s_m)
        road = route.road_map.roads[place.road]
        section = next((part for part in reversed(road.sections) if part.s_m <= place.s_m + 1e-6), road.sections[0])
        lane_id = place.lane
        if side:
            same_direction = [
                lane for lane in (place.lane - 1, place.lane + 1) if lane * place.lane > 0 and lane in section.lanes
            ]
            across = [-1 if place.lane > 0 else 1] if abs(place.lane) == 1 or side < 0 else []
            candidates = same_direction if side > 0 else across
            drivable = [lane for lane in candidates if lane in section.lanes and section.lanes[lane].type in DRIVABLE]
            if not drivable:
                return None
            lane_id = drivable[-1]
        inner_m, outer_m = section.span_m(lane_id, road.lane_offset, place.s_m)
        if abs(outer_m - inner_m) < SIZES[other.kind].width + 0.2:
            return None
        middle_m = (inner_m + outer_m) / 2
        frame = road.surface.frame(place.s_m)
        axes = np.array([frame.ahead, frame.left, frame.up])
        above_m = road.surface.profiles.shape_m(np.array([place.s_m]), np.array([middle_m]))[0]
        origin = np.array(frame.origin) + middle_m * axes[1] + above_m * axes[2]
        if not road.is_driven_forwards(lane_id):
            axes *= [[-1.0], [-1.0], [1.0]]
        return Vehicle(origin, axes, other.kind, other.colour, other.acceleration_mps2 < BRAKING_MPS2)
