"""Watches the memory of the own process, for servers whose peers decide how much is stored."""

import os
from pathlib import Path

CHECK_PERIOD_NS = 100_000_000
STATM = Path("/proc/self/statm")


class MemoryWatch:
    """Compares the memory of its own (not that of shared segments) with the first look, ten times a second."""

    def __init__(self, max_growth_bytes: int) -> None:
        self._max_growth_bytes = max_growth_bytes
        self._first_bytes: int | None = None
        self._due_ns = 0

    def excess_bytes(self, now_ns: int) -> int | None:
        """Return by how much the memory has grown when that is more than allowed, else None.

        `now_ns` is monotonic. Always None on a system without /proc.
        """
        if now_ns < self._due_ns:
            return None
        self._due_ns = now_ns + CHECK_PERIOD_NS
        used_bytes = _own_bytes()
        if used_bytes is None:
            return None
        if self._first_bytes is None:
            self._first_bytes = used_bytes
        growth_bytes = used_bytes - self._first_bytes
        return growth_bytes if growth_bytes > self._max_growth_bytes else None


def _own_bytes() -> int | None:
    try:
        _, resident, shared, *_ = STATM.read_text().split()
        return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
