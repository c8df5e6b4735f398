"""Fan-out: every message goes to every viewer, and a slow viewer delays no other.

Each viewer has an `Outbox` of bounded size: the newest frame, the newest message of each topic, and a short queue of
messages that must all arrive (events, acks). A viewer that reads slowly misses what was replaced in the meantime.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from viewer.wire import MAX_CREDIT, PageFrame

MAX_EVENTS = 100
FRESH_S = 1.0  # a new viewer gets no telemetry older than this
_MAX_MESSAGES = 2 * MAX_EVENTS


class Outbox:
    """The messages that wait for one viewer; `next` returns the most urgent one.

    A page grants credit for the frames it can take, so that no queue builds up in the kernel for a hidden tab or a
    slow connection. `credit=None`: the reader takes every frame.
    """

    def __init__(self, *, credit: int | None = 0, telemetry: bool = True) -> None:
        self._credit = credit
        self._takes_telemetry = telemetry
        self._frame: PageFrame | None = None
        self._topics: dict[str, str] = {}
        self._messages: deque[str] = deque(maxlen=_MAX_MESSAGES)
        self._changed = asyncio.Event()
        self._closed = False
        self.frames_replaced = 0

    def offer_frame(self, frame: PageFrame) -> None:
        """Replace the frame that waits by this one."""
        self.frames_replaced += self._frame is not None
        self._frame = frame
        self._changed.set()

    def offer_topic(self, topic: str, text: str) -> None:
        """Replace the message of this topic that waits by this one."""
        if self._takes_telemetry:
            self._topics[topic] = text
            self._changed.set()

    def offer_message(self, text: str) -> None:
        """Append a message to the queue; the oldest is dropped when the queue is full."""
        if self._takes_telemetry:
            self._messages.append(text)
            self._changed.set()

    def grant(self, frames: int) -> None:
        """Add credit for so many frames, up to MAX_CREDIT."""
        if self._credit is not None:
            self._credit = min(self._credit + frames, MAX_CREDIT)
            self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def next(self) -> PageFrame | str | None:
        """Wait for the next item to send; None when the outbox is closed."""
        while not self._closed:
            if self._messages:
                return self._messages.popleft()
            if self._topics:
                return self._topics.pop(next(iter(self._topics)))
            if self._frame is not None and self._credit != 0:
                frame, self._frame = self._frame, None
                if self._credit is not None:
                    self._credit -= 1
                return frame
            self._changed.clear()
            await self._changed.wait()
        return None


class Hub:
    """All viewers of this process, and the messages that a new one receives first."""

    def __init__(self, max_clients: int) -> None:
        self.max_clients = max_clients
        self._outboxes: set[Outbox] = set()
        self._topics: dict[str, tuple[str, float]] = {}  # text, and until when (monotonic s) a new viewer gets it
        self._events: deque[str] = deque(maxlen=MAX_EVENTS)
        self._on_viewers: Callable[[bool], None] = lambda has_viewers: None
        self._closed = False

    def __len__(self) -> int:
        return len(self._outboxes)

    @property
    def is_full(self) -> bool:
        return len(self._outboxes) >= self.max_clients

    def set_viewers_callback(self, callback: Callable[[bool], None]) -> None:
        """Call `callback` with True when the first viewer joins and with False when the last one has left."""
        self._on_viewers = callback

    @contextmanager
    def subscribed(self, outbox: Outbox) -> Iterator[Outbox]:
        """Deliver every message to this outbox inside the `with` block."""
        for topic, (text, good_until_s) in self._topics.items():
            if time.monotonic() <= good_until_s:
                outbox.offer_topic(topic, text)
        for text in self._events:
            outbox.offer_message(text)
        self._outboxes.add(outbox)
        if self._closed:
            outbox.close()
        if len(self._outboxes) == 1:
            self._on_viewers(True)
        try:
            yield outbox
        finally:
            self._outboxes.discard(outbox)
            if not self._outboxes:
                self._on_viewers(False)

    def publish_frame(self, frame: PageFrame) -> None:
        for outbox in self._outboxes:
            outbox.offer_frame(frame)

    def publish_topic(self, topic: str, text: str, *, stays_valid: bool = False) -> None:
        """Send the newest message of a topic. `stays_valid`: a new viewer gets it, however old it is."""
        self._topics[topic] = text, math.inf if stays_valid else time.monotonic() + FRESH_S
        for outbox in self._outboxes:
            outbox.offer_topic(topic, text)

    def publish_event(self, text: str) -> None:
        self._events.append(text)
        for outbox in self._outboxes:
            outbox.offer_message(text)

    def close(self) -> None:
        """Close the outbox of every viewer, also of those that join later."""
        self._closed = True
        for outbox in self._outboxes:
            outbox.close()
