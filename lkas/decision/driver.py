"""What the driver does at the wheel and the indicator, as far as decision is told; left positive.

There is no torque sensor in this pipeline: an override and the indicator arrive as actions (`override`, `indicator`)
from whatever reads the car's controls. While the driver steers, decision is in MANUAL and keeps its hands off.
"""

from enum import StrEnum
from typing import Any

INDICATOR_LINGERS_S = 2.0  # after it goes out a wheel may still be on the line


class Side(StrEnum):
    """Which indicator is on."""

    LEFT = "left"
    RIGHT = "right"
    OFF = "off"


class Driver:
    """Whether the driver steers, and why one thinks so."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another world: hands off, indicator off."""
        self._overrides = False
        self._indicator = Side.OFF
        self._lingers_s = 0.0
        self._lingering = Side.OFF

    def override(self, active: Any) -> None:
        """The driver takes the wheel, or lets go of it. Raises ValueError unless told a bool."""
        if not isinstance(active, bool):
            raise ValueError(f"override: active = {active!r}: expected true or false")
        self._overrides = active

    def set_indicator(self, side: Any) -> None:
        """Raises ValueError for anything but left, right and off."""
        try:
            chosen = Side(side)
        except ValueError:
            raise ValueError(f"indicator: side = {side!r}: expected left, right or off") from None
        if chosen is Side.OFF and self._indicator is not Side.OFF:
            self._lingering, self._lingers_s = self._indicator, INDICATOR_LINGERS_S
        self._indicator = chosen

    def advance(self, dt_s: float) -> None:
        self._lingers_s = max(0.0, self._lingers_s - dt_s)

    @property
    def steers(self) -> str | None:
        """Why the driver steers now, or None."""
        if self._overrides:
            return "the driver steers"
        if self._indicator is not Side.OFF:
            return f"indicator {self._indicator}: yields to a lane change"
        return None

    def intends(self, side: Side) -> bool:
        """Whether crossing the line on this side is, or was a moment ago, what the driver wants."""
        return self._indicator is side or (self._lingers_s > 0.0 and self._lingering is side)
