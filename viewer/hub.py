"""The fan-out: everything that comes in goes to every viewer, and a slow one costs nobody anything.

Each viewer has an `Outbox` of bounded size: the newest frame, the newest message of each topic, and a short list of
those that must all arrive (events, acks). Whoever reads slowly misses what was replaced in the meantime.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from viewer.wire import MAX_CREDIT, Frame

EVENTS_KEPT = 100
FRESH_S = 1.0  # a newcomer is not shown telemetry older than this, as if it were live
_MESSAGES_KEPT = 2 * EVENTS_KEPT


class Outbox:
    """What waits for one viewer. `next` hands it out, the most urgent first.

    A page says how many frames it can take (`grant`), so that a hidden tab or a slow line never builds up a queue in
    the kernel. `credit=None`: whoever reads this takes every frame.
    """

    def __init__(self, *, credit: int | None = 0, telemetry: bool = True) -> None:
        self._credit = credit
        self._takes_telemetry = telemetry
        self._frame: Frame | None = None
        self._topics: dict[str, str] = {}
        self._messages: deque[str] = deque(maxlen=_MESSAGES_KEPT)
        self._changed = asyncio.Event()
        self._closed = False
        self.frames_replaced = 0

    def offer_frame(self, frame: Frame) -> None:
        """Keep this frame in place of one that was not sent yet."""
        self.frames_replaced += self._frame is not None
        self._frame = frame
        self._changed.set()

    def offer_topic(self, topic: str, text: str) -> None:
        """Keep this message in place of an older one of its topic."""
        if self._takes_telemetry:
            self._topics[topic] = text
            self._changed.set()

    def offer_message(self, text: str) -> None:
        """Keep this one as well; the oldest goes when there are too many."""
        if self._takes_telemetry:
            self._messages.append(text)
            self._changed.set()

    def grant(self, frames: int) -> None:
        """The viewer has room for so many more frames."""
        if self._credit is not None:
            self._credit = min(self._credit + frames, MAX_CREDIT)
            self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def next(self) -> Frame | str | None:
        """The next thing to send, or None when the outbox is closed."""
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
    """All viewers of this process, and what a new one is told first."""

    def __init__(self, max_clients: int) -> None:
        self.max_clients = max_clients
        self._outboxes: set[Outbox] = set()
        self._topics: dict[str, tuple[str, float]] = {}  # text, and until when (monotonic s) a newcomer gets it
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)
        self._on_watched: Callable[[bool], None] = lambda watched: None
        self._closed = False

    def __len__(self) -> int:
        return len(self._outboxes)

    @property
    def is_full(self) -> bool:
        return len(self._outboxes) >= self.max_clients

    def on_watched(self, callback: Callable[[bool], None]) -> None:
        """Call this with True when the first viewer comes, with False when the last one has gone."""
        self._on_watched = callback

    @contextmanager
    def joined(self, outbox: Outbox) -> Iterator[Outbox]:
        """Deliver to this outbox while the block runs."""
        for topic, (text, good_until_s) in self._topics.items():
            if time.monotonic() <= good_until_s:
                outbox.offer_topic(topic, text)
        for text in self._events:
            outbox.offer_message(text)
        self._outboxes.add(outbox)
        if self._closed:
            outbox.close()
        if len(self._outboxes) == 1:
            self._on_watched(True)
        try:
            yield outbox
        finally:
            self._outboxes.discard(outbox)
            if not self._outboxes:
                self._on_watched(False)

    def publish_frame(self, frame: Frame) -> None:
        for outbox in self._outboxes:
            outbox.offer_frame(frame)

    def publish_topic(self, topic: str, text: str, *, lasting: bool = False) -> None:
        """Give everybody the newest of a topic; a lasting one is true until it is replaced, however old."""
        self._topics[topic] = text, math.inf if lasting else time.monotonic() + FRESH_S
        for outbox in self._outboxes:
            outbox.offer_topic(topic, text)

    def publish_event(self, text: str) -> None:
        self._events.append(text)
        for outbox in self._outboxes:
            outbox.offer_message(text)

    def close(self) -> None:
        """Send everybody home; nobody can join for long any more."""
        self._closed = True
        for outbox in self._outboxes:
            outbox.close()
