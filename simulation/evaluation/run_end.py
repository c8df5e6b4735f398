"""Decides when a run is over, and how much of it was completed."""

from msgspec import Struct

from lkas.scale import FULL_SIZE, Scale

MAX_OFFSET_M, MAX_OUTSIDE_S = 1.75, 3.0  # a larger offset, or a longer departure, ends the run
STANDSTILL_MPS, MAX_STANDSTILL_S = 0.1, 3.0  # a car that has driven and then stands longer ends the run
STARTED_M = 1.0  # after this distance the car has driven


class Goal(Struct, frozen=True, kw_only=True):
    """Distance or duration of a run; exactly one of them is set. Departures on excused stretches do not count."""

    distance_m: float | None
    duration_s: float | None
    excused: tuple[tuple[float, float], ...] = ()  # from, to; travelled distance in m
    road: Scale = FULL_SIZE  # of a model road

    def is_excused(self, distance_m: float) -> bool:
        """Return whether this travelled distance is on an excused stretch."""
        return any(from_m <= distance_m < to_m for from_m, to_m in self.excused)


class RunEnd:
    """Follows a run towards its goal."""

    def __init__(self, goal: Goal) -> None:
        self._max_offset_m, self._started_m = MAX_OFFSET_M * goal.road.length, STARTED_M * goal.road.length
        self._standstill_mps = STANDSTILL_MPS * goal.road.speed
        self.reason: str | None = None  # why the run is over; None: it continues
        self.completed_ratio = 0.0
        self.stopped_s = 0.0
        self._goal = goal
        self._standstill_s = 0.0
        self._has_driven = False

    def complete(self, reason: str) -> None:
        """Take the end of the world's own road as the goal."""
        if self.reason is None:
            self.reason, self.completed_ratio = reason, 1.0

    def update(
        self,
        now_s: float,
        distance_m: float,
        speed_mps: float | None,
        offset_m: float | None,
        step_s: float,
        *,
        outside_s: float,
    ) -> None:
        """Add one tick; `outside_s` is the duration of the current departure.

        Speed None: unknown, the car counts as driving. Offset None: unknown, or not counted yet.
        """
        self._has_driven = self._has_driven or distance_m > self._started_m
        is_standing = self._has_driven and speed_mps is not None and speed_mps < self._standstill_mps
        self._standstill_s = self._standstill_s + step_s if is_standing else 0.0
        self.stopped_s += step_s if is_standing else 0.0
        if self._goal.distance_m is not None:
            self.completed_ratio = min(1.0, distance_m / self._goal.distance_m)
        elif self._goal.duration_s is not None:
            self.completed_ratio = min(1.0, (now_s + 1e-9) / self._goal.duration_s)
        is_off = offset_m is not None and abs(offset_m) > self._max_offset_m
        if self.completed_ratio >= 1.0:
            self.reason = "completed"
        elif is_off and not self._goal.is_excused(distance_m):
            self.reason = f"more than {self._max_offset_m:.3g} m off the lane centre"
        elif outside_s > MAX_OUTSIDE_S:
            self.reason = f"outside its lane for more than {MAX_OUTSIDE_S:g} s"
        elif self._standstill_s > MAX_STANDSTILL_S:
            self.reason = "came to a stop"
