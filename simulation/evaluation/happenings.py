"""Which events of a scenario are in force now."""

from collections.abc import Sequence
from typing import TypeVar

from simulation.embedded.disturbance import Disturbance
from simulation.evaluation.scenario_events import Event, FrozenSpeed, Grip, SideWind, SteeringOffset

GUST_EDGE_S = 0.2  # a wind rises and falls within

AnEvent = TypeVar("AnEvent", bound=Event)


class Happenings:
    """Fed with time and way of each tick; asked what is in force."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = tuple(events)
        self._began_s: list[float | None] = [None] * len(self._events)
        self._now_s = 0.0
        self._frozen_mps: float | None = None

    def update(self, now_s: float, distance_m: float) -> None:
        """A tick; times and ways only grow."""
        self._now_s = now_s
        for index, event in enumerate(self._events):
            is_due = now_s >= (event.at_s or 0.0) and distance_m >= (event.at_m or 0.0)
            if self._began_s[index] is None and is_due:
                self._began_s[index] = now_s

    def active(self, kind: type[AnEvent], at_s: float | None = None) -> AnEvent | None:
        """The event of this kind in force, now or at an earlier time; the last of the file where several are."""
        at_s = self._now_s if at_s is None else at_s
        found = None
        for event, began_s in zip(self._events, self._began_s, strict=True):
            if isinstance(event, kind) and began_s is not None and began_s <= at_s < began_s + _length_s(event):
                found = event
        return found

    def disturbance(self) -> Disturbance:
        """What acts on the car from outside now."""
        offset, grip = self.active(SteeringOffset), self.active(Grip)
        return Disturbance(
            side_wind_mps=self._side_wind_mps(),
            steering_offset_deg=0.0 if offset is None else offset.offset_deg,
            friction_ratio=1.0 if grip is None else grip.friction_ratio,
        )

    def reported_speed_mps(self, speed_mps: float | None) -> float | None:
        """The speed the car says it has."""
        if self.active(FrozenSpeed) is None:
            self._frozen_mps = speed_mps
        return self._frozen_mps

    def _side_wind_mps(self) -> float:
        """All winds together."""
        total_mps = 0.0
        for event, began_s in zip(self._events, self._began_s, strict=True):
            if isinstance(event, SideWind) and began_s is not None:
                since_s, left_s = self._now_s - began_s, began_s + _length_s(event) - self._now_s
                total_mps += event.speed_mps * min(1.0, max(0.0, min(since_s, left_s) / GUST_EDGE_S))
        return total_mps


def _length_s(event: Event) -> float:
    return float("inf") if event.duration_s is None else event.duration_s
