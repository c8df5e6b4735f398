"""Changing the steering law while driving, without a bump."""

import math

HANDOVER_S = 0.4  # how fast the difference between the old law's command and the new one's fades


class Handover:
    """Adds to a new law's commands what makes the first of them the old law's last one, and lets that fade."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nobody steers: there is no last command to go on from."""
        self._last_radpm: float | None = None
        self.bump_radpm = 0.0  # what is left of the difference
        self._is_due = False

    def begin(self) -> None:
        """The next command comes from another law."""
        self._is_due = self._last_radpm is not None

    def follow(self, curvature_radpm: float, dt_s: float) -> float:
        """The curvature to drive, `dt_s` after the one before."""
        if self._is_due and self._last_radpm is not None:
            self._is_due = False
            self.bump_radpm = self._last_radpm - curvature_radpm
        else:
            self.bump_radpm *= math.exp(-dt_s / HANDOVER_S)
        self._last_radpm = curvature_radpm + self.bump_radpm
        return self._last_radpm
