"""Fan-out: every message goes to every viewer, and a slow viewer delays no other.

Each viewer has an `Outbox` of bounded size: the newest frame, the newest message of each topic, and a short queue of
messages that must all arrive (events, acks). A viewer that reads slowly misses what was replaced in the meantime.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from lkas.integration.zmq.messages import State
from viewer.event_log import EventLog
from viewer.wire import MAX_CREDIT, PageFrame

MAX_EVENTS = 100
FRESH_S = 1.0  # a new viewer gets no telemetry older than this
STREAM_SHARE = 0.75  # of the seats, for streams at most: pages of operators always find one
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
        self.events = EventLog()
        self.newest_frame: PageFrame | None = None
        self.frame_s: float | None = None  # monotonic, when it arrived
        self._outboxes: set[Outbox] = set()
        self._seats: dict[str, int] = {"page": 0, "stream": 0}
        self._topics: dict[str, tuple[str, float, bool]] = {}  # text, its arrival (monotonic s), whether it stays valid
        self._events: deque[str] = deque(maxlen=MAX_EVENTS)
        self._on_viewers: Callable[[bool], None] = lambda has_viewers: None
        self._closed = False

    def __len__(self) -> int:
        """The number of pages and streams."""
        return sum(self._seats.values())

    @property
    def wants_frames(self) -> bool:
        """Whether anybody takes frames now."""
        return bool(self._outboxes)

    @property
    def is_paused(self) -> bool:
        """Whether the simulation is paused, by its newest state; it sends one ten times a second then."""
        found = self.newest("state")
        return found is not None and found[1] <= FRESH_S and msgspec.json.decode(found[0], type=State).paused

    def is_full(self, kind: str) -> bool:
        """Return whether a "page" or a "stream" finds no seat. Streams leave some to pages."""
        if kind == "stream" and self._seats["stream"] >= max(1, int(STREAM_SHARE * self.max_clients)):
            return True
        return len(self) >= self.max_clients

    def newest(self, topic: str) -> tuple[str, float] | None:
        """Return the newest message of a topic and its age in s, or None before the first."""
        if topic not in self._topics:
            return None
        text, arrival_s, _ = self._topics[topic]
        return text, time.monotonic() - arrival_s

    def set_viewers_callback(self, callback: Callable[[bool], None]) -> None:
        """Call `callback` with True when the first viewer joins and with False when the last one has left."""
        self._on_viewers = callback

    def full_reason(self, kind: str) -> str:
        """Return why `is_full`."""
        return (
            f"{self._seats['page']} pages and {self._seats['stream']} streams are served: no seat is left for another "
            f"{kind}; viewer.max_clients = {self.max_clients}, of which streams get {STREAM_SHARE:.0%}"
        )

    @contextmanager
    def seat(self, kind: str) -> Iterator[None]:
        """Take a seat inside the `with` block."""
        self._seats[kind] += 1
        try:
            yield
        finally:
            self._seats[kind] -= 1

    @contextmanager
    def subscribed(self, outbox: Outbox, seat: str | None = "page") -> Iterator[Outbox]:
        """Deliver every message to this outbox inside the `with` block. `seat` None: for a single frame.

        It first gets the newest frame of a paused simulation, what is known of each topic, and the events.
        """
        for topic, (text, arrival_s, stays_valid) in self._topics.items():
            if stays_valid or time.monotonic() - arrival_s <= FRESH_S:
                outbox.offer_topic(topic, text)
        for text in self._events:
            outbox.offer_message(text)
        if self.newest_frame is not None and seat is not None and self.is_paused:
            outbox.offer_frame(self.newest_frame)
        self._outboxes.add(outbox)
        if self._closed:
            outbox.close()
        if len(self._outboxes) == 1:
            self._on_viewers(True)
        try:
            with contextlib.nullcontext() if seat is None else self.seat(seat):
                yield outbox
        finally:
            self._outboxes.discard(outbox)
            if not self._outboxes:
                self._on_viewers(False)

    def publish_frame(self, frame: PageFrame) -> None:
        self.newest_frame, self.frame_s = frame, time.monotonic()
        for outbox in self._outboxes:
            outbox.offer_frame(frame)

    def publish_topic(self, topic: str, text: str, *, stays_valid: bool = False) -> None:
        """Send the newest message of a topic. `stays_valid`: a new viewer gets it, however old it is."""
        self._topics[topic] = text, time.monotonic(), stays_valid
        for outbox in self._outboxes:
            outbox.offer_topic(topic, text)

    def publish_event(self, text: str) -> None:
        self.events.add(text)
        self._events.append(text)
        for outbox in self._outboxes:
            outbox.offer_message(text)

    def close(self) -> None:
        """Close the outbox of every viewer, also of those that join later."""
        self._closed = True
        for outbox in self._outboxes:
            outbox.close()
