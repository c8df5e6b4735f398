"""Bounds a run in real time: a `--duration` is world time, and a world that does not start or is paused has none."""

from lkas.clock import Clock

FACTOR = 2.0  # a busy machine may run a world at half speed
START_S = 60.0


class RunLimitError(Exception):
    """The run took too long; the text says what was expected."""


class RunLimit:
    """The latest end of a run."""

    def __init__(self, duration_s: float | None, clock: Clock) -> None:
        """`duration_s` is in world time; None: unlimited."""
        self._duration_s = duration_s
        self._clock = clock
        self._start_ns = clock.now_ns()

    def check(self) -> None:
        """Raise RunLimitError when FACTOR times the duration and START_S have passed in real time."""
        if self._duration_s is None:
            return
        limit_s = FACTOR * self._duration_s + START_S
        if (self._clock.now_ns() - self._start_ns) / 1e9 > limit_s:
            raise RunLimitError(
                f"--duration {self._duration_s:g}: the world did not reach this time within {limit_s:g} s of real "
                "time; it did not start, was paused or is too slow: see the messages above"
            )
