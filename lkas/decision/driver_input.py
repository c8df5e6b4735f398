"""Input of the driver: the steering override and the indicator.

The pipeline has no torque sensor: both arrive as actions (`override`, `indicator`) from the program that reads the
car's controls. While the driver steers, decision is in MANUAL and sends no steering or pedal demand.
"""

from enum import StrEnum
from typing import Any

INDICATOR_HOLD_S = 2.0  # a wheel may still cross the line for this time after the indicator goes off


class IndicatorSide(StrEnum):
    """The indicator that is on."""

    LEFT = "left"
    RIGHT = "right"
    OFF = "off"


class DriverInput:
    """Keeps the override and the indicator, and says whether and why the driver steers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Clear the override and the indicator."""
        self._is_overriding = False
        self._indicator = IndicatorSide.OFF
        self._hold_s = 0.0
        self._held_side = IndicatorSide.OFF

    def override(self, active: Any) -> None:
        """Start or end the driver's override. Raises ValueError unless `active` is a bool."""
        if not isinstance(active, bool):
            raise ValueError(f"override: active = {active!r}: expected true or false")
        self._is_overriding = active

    def set_indicator(self, side: Any) -> None:
        """Set the indicator. Raises ValueError unless `side` is left, right or off."""
        try:
            chosen = IndicatorSide(side)
        except ValueError:
            raise ValueError(f"indicator: side = {side!r}: expected left, right or off") from None
        if chosen is IndicatorSide.OFF and self._indicator is not IndicatorSide.OFF:
            self._held_side, self._hold_s = self._indicator, INDICATOR_HOLD_S
        self._indicator = chosen

    def advance(self, dt_s: float) -> None:
        """Advance the hold time of the indicator by dt."""
        self._hold_s = max(0.0, self._hold_s - dt_s)

    @property
    def steering_reason(self) -> str | None:
        """Why the driver steers now; None while decision may steer."""
        if self._is_overriding:
            return "the driver steers"
        if self._indicator is not IndicatorSide.OFF:
            return f"indicator {self._indicator}: the driver changes lanes"
        return None

    def intends_to_cross(self, side: IndicatorSide) -> bool:
        """Return whether the driver indicates to this side, or did so within the last `INDICATOR_HOLD_S`."""
        return self._indicator is side or (self._hold_s > 0.0 and self._held_side is side)
