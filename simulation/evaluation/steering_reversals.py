"""Counts steering reversals."""

import math

REVERSAL_RAD = math.radians(2.0) / 15.0  # 2 degrees at the steering wheel, with a steering ratio of 15 : 1


class SteeringReversals:
    """Counts changes of the steering direction larger than `REVERSAL_RAD`."""

    def __init__(self) -> None:
        self.count = 0
        self._extreme_rad: float | None = None
        self._direction = 0

    def add(self, steer_rad: float) -> None:
        """Add the road-wheel angle of one tick."""
        if self._extreme_rad is None:
            self._extreme_rad = steer_rad
        change_rad = steer_rad - self._extreme_rad
        if change_rad * self._direction > 0:
            self._extreme_rad = steer_rad
        elif abs(change_rad) >= REVERSAL_RAD:
            self.count += self._direction != 0
            self._direction = 1 if change_rad > 0 else -1
            self._extreme_rad = steer_rad
