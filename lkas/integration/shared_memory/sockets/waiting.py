"""Timeouts of calls, in milliseconds."""

import time
from collections.abc import Iterator

from lkas.integration.shared_memory.sockets._ring import Bell

MAX_SLEEP_S = 3600.0  # one sleep of a wait without limit


def deadline_of(timeout_ms: float | None) -> float | None:
    """Return the monotonic time at which the timeout expires; None: never. ValueError for a negative timeout."""
    if timeout_ms is None:
        return None
    if not timeout_ms >= 0:
        raise ValueError(f"timeout {timeout_ms!r}: expected milliseconds, 0 or more, or None for no limit")
    return time.monotonic() + timeout_ms / 1000


def left_s(deadline: float | None) -> float:
    return MAX_SLEEP_S if deadline is None else deadline - time.monotonic()


def rounds(bell: Bell, timeout_ms: float | None) -> Iterator[None]:
    """Yield once, and again whenever there may be room or a new receiver, until the timeout expires."""
    deadline = deadline_of(timeout_ms)
    while True:
        word = bell.watch()
        yield
        left = left_s(deadline)
        if left <= 0:
            return
        bell.wait(word, left)
