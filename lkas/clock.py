"""Clocks. Ages and rates use monotonic time; world time comes from the world's messages."""

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock that can sleep; tests pass a `FakeClock`."""

    def now_ns(self) -> int: ...
    def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    """The monotonic clock of this machine, common to all its processes."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


class FakeClock:
    """A clock for tests: it moves only in `advance` and `sleep`."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now_ns += round(max(0.0, seconds) * 1e9)


class RateKeeper:
    """Keeps a loop at `rate_hz`. When the loop lags by more than `max_lag_s`, the missed cycles are skipped."""

    def __init__(self, rate_hz: float, clock: Clock, max_lag_s: float = 0.25) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._max_lag_ns = round(max_lag_s * 1e9)
        self._clock = clock
        self._due_ns = clock.now_ns()
        self.lost_cycles = 0  # skipped since the start

    def wait(self) -> None:
        """Sleep until the next cycle is due."""
        self._due_ns += self._period_ns
        now_ns = self._clock.now_ns()
        if now_ns - self._due_ns > self._max_lag_ns:
            self.lost_cycles += (now_ns - self._due_ns) // self._period_ns
            self._due_ns = now_ns
        self._clock.sleep((self._due_ns - now_ns) / 1e9)

    def restart(self) -> None:
        """Start a new schedule now, for instance after a pause."""
        self._due_ns = self._clock.now_ns()


class WorldClock:
    """Estimates the world time in a process that reads the world's messages.

    Now = the newest vehicle state's time + min(elapsed monotonic time x rate, one tick).
    """

    def __init__(self) -> None:
        self._timestamp_s: float | None = None
        self._published_ns = 0
        self._rate = 0.0
        self._tick_s = 0.0

    def update(self, timestamp_s: float, publish_ns: int, rate: float, tick_s: float) -> None:
        """Take the stamps of a vehicle state. World time may go back: a restarted world starts at 0."""
        if timestamp_s != self._timestamp_s:  # a world that waits repeats its state, and its time does not go back
            self._timestamp_s, self._published_ns = timestamp_s, publish_ns
        self._rate, self._tick_s = rate, tick_s

    def now_s(self, monotonic_ns: int) -> float | None:
        """Return the world time now, or None before the first vehicle state."""
        if self._timestamp_s is None:
            return None
        elapsed_s = max(0, monotonic_ns - self._published_ns) / 1e9
        return self._timestamp_s + min(elapsed_s * self._rate, self._tick_s)
