"""Milliseconds that a call may take."""

import time
from collections.abc import Iterator

from lkas.integration.shared_memory.sockets._ring import Bell

LONG_S = 3600.0  # one sleep of somebody who waits for ever


def deadline_of(timeout_ms: float | None) -> float | None:
    """The monotonic time when the wait is over; None: never."""
    if timeout_ms is None:
        return None
    if not timeout_ms >= 0:
        raise ValueError(f"timeout {timeout_ms!r}: expected milliseconds, 0 or more, or None to wait for ever")
    return time.monotonic() + timeout_ms / 1000


def left_s(deadline: float | None) -> float:
    return LONG_S if deadline is None else deadline - time.monotonic()


def rounds(bell: Bell, timeout_ms: float | None) -> Iterator[None]:
    """One round, and another whenever there may be room or a new receiver, until the time is over."""
    deadline = deadline_of(timeout_ms)
    while True:
        word = bell.watch()
        yield
        left = left_s(deadline)
        if left <= 0:
            return
        bell.wait(word, left)
