"""Determines which events of a scenario are active, and their combined effect."""

from collections.abc import Sequence
from typing import TypeVar

from simulation.embedded.disturbance import Disturbance
from simulation.evaluation.scenario_events import FrozenSpeed, Grip, ScenarioEvent, SideWind, SteeringOffset

GUST_EDGE_S = 0.2  # rise and fall time of a side wind

EventType = TypeVar("EventType", bound=ScenarioEvent)


class ActiveEvents:
    """Follows world time and travelled distance, and returns the active events."""

    def __init__(self, events: Sequence[ScenarioEvent]) -> None:
        self._events = tuple(events)
        self._starts_s: list[float | None] = [None] * len(self._events)
        self._now_s = 0.0
        self._frozen_mps: float | None = None

    def update(self, now_s: float, distance_m: float) -> None:
        """Add one tick; time and distance never decrease."""
        self._now_s = now_s
        for index, event in enumerate(self._events):
            is_due = now_s >= (event.at_s or 0.0) and distance_m >= (event.at_m or 0.0)
            if self._starts_s[index] is None and is_due:
                self._starts_s[index] = now_s

    def active(self, kind: type[EventType], at_s: float | None = None) -> EventType | None:
        """Return the active event of this kind, now or at an earlier time; of several, the last in the file."""
        at_s = self._now_s if at_s is None else at_s
        found = None
        for event, start_s in zip(self._events, self._starts_s, strict=True):
            if isinstance(event, kind) and start_s is not None and start_s <= at_s < start_s + _duration_s(event):
                found = event
        return found

    def disturbance(self) -> Disturbance:
        """Return the disturbances that act on the car now."""
        offset, grip = self.active(SteeringOffset), self.active(Grip)
        return Disturbance(
            side_wind_mps=self._side_wind_mps(),
            steering_offset_deg=0.0 if offset is None else offset.offset_deg,
            friction_ratio=1.0 if grip is None else grip.friction_ratio,
        )

    def reported_speed_mps(self, speed_mps: float | None) -> float | None:
        """Return the speed that the car reports."""
        if self.active(FrozenSpeed) is None:
            self._frozen_mps = speed_mps
        return self._frozen_mps

    def _side_wind_mps(self) -> float:
        """Return the sum of all side winds."""
        total_mps = 0.0
        for event, start_s in zip(self._events, self._starts_s, strict=True):
            if isinstance(event, SideWind) and start_s is not None:
                elapsed_s, remaining_s = self._now_s - start_s, start_s + _duration_s(event) - self._now_s
                total_mps += event.speed_mps * min(1.0, max(0.0, min(elapsed_s, remaining_s) / GUST_EDGE_S))
        return total_mps


def _duration_s(event: ScenarioEvent) -> float:
    return float("inf") if event.duration_s is None else event.duration_s
