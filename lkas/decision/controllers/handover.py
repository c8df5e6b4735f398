"""Bumpless transfer between two controllers while driving."""

import math

HANDOVER_TIME_CONSTANT_S = 0.4  # of the decay of the difference between the old and the new command


class Handover:
    """Adds a decaying difference to a new controller's commands, so that the first equals the old controller's last."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the last command: no controller steers."""
        self._last_radpm: float | None = None
        self.difference_radpm = 0.0  # the present difference
        self._is_due = False

    def start(self) -> None:
        """Announce that the next command comes from another controller."""
        self._is_due = self._last_radpm is not None

    def follow(self, curvature_radpm: float, dt_s: float) -> float:
        """Return the curvature to drive for a controller's command, `dt_s` after the previous one."""
        if self._is_due and self._last_radpm is not None:
            self._is_due = False
            self.difference_radpm = self._last_radpm - curvature_radpm
        else:
            self.difference_radpm *= math.exp(-dt_s / HANDOVER_TIME_CONSTANT_S)
        self._last_radpm = curvature_radpm + self.difference_radpm
        return self._last_radpm
