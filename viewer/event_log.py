"""The newest events with growing numbers, for requests that ask for those since a number, and for streams of them."""

import asyncio
from collections import deque

MAX_EVENTS = 1000


class EventLog:
    """Numbers start with 1; the oldest events are dropped."""

    def __init__(self) -> None:
        self.last = 0
        self._events: deque[tuple[int, str]] = deque(maxlen=MAX_EVENTS)
        self._changed = asyncio.Event()

    def add(self, text: str) -> None:
        """Append an event (JSON)."""
        self.last += 1
        self._events.append((self.last, text))
        self._changed.set()
        self._changed = asyncio.Event()

    def since(self, number: int) -> list[tuple[int, str]]:
        """Return the events after this number, with their numbers."""
        return [entry for entry in self._events if entry[0] > number]

    async def wait(self) -> None:
        """Wait for the next event."""
        await self._changed.wait()
