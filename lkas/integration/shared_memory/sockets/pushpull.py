"""Distribute work: each item goes to one worker, in turn.

    pusher = Pusher("frames_to_annotate")
    pusher.send(item, timeout=1000)             # milliseconds; False when every worker is full

    puller = Puller("frames_to_annotate")
    item = puller.recv()

Several pushers may share a name. A worker without room is skipped. The items that a worker had not received when
it died or closed go to the others; the item it was working on is lost.
"""

import time
from typing import Any, Unpack

from lkas.integration.shared_memory.sockets._ring import NOTHING
from lkas.integration.shared_memory.sockets.endpoint import (
    CAPACITY_BYTES,
    CHECK_PERIOD_S,
    SLOTS,
    Endpoint,
    EndpointOptions,
)


class Pusher(Endpoint):
    """Sends work to the pullers of a name."""

    pattern = "pushpull"

    def __init__(self, name: str, **options: Unpack[EndpointOptions]) -> None:
        super().__init__(name, **options)
        self._receivers = self._open_receivers("pull")
        self._push_next, self._push_plain = self._receivers.push_next, self._receivers.push_next_plain
        self._is_raw = options.get("serializer") == "raw"

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Send an object to the next worker with room; False: there was none within the timeout (ms; None: no limit).

        Costs the serializer and one copy. SHMSerializationError for an object that it cannot serialize,
        SHMBufferFullError for one that is larger than every inbox.
        """
        if self._is_raw and self._push_plain(item) is not None:
            return True
        kind, parts = self._encode(item)
        if self._push_next(kind, parts, 0, 0) is None and self._receivers.send_to_next(kind, parts, timeout) is None:
            self._dropped += 1
            return False
        return True


class Puller(Endpoint):
    """Receives its share of the work, and when idle the items of dead workers.

    `slots` messages and `capacity` bytes may wait for it. With `copy=False` arrays and raw bytes are read-only views of
    the inbox, which occupy their room until they are released.
    """

    pattern = "pushpull"
    keeps_messages = True

    def __init__(
        self,
        name: str,
        *,
        copy: bool = True,
        slots: int = SLOTS,
        capacity: int = CAPACITY_BYTES,
        **options: Unpack[EndpointOptions],
    ) -> None:
        super().__init__(name, **options)
        _, self._inbox = self._open_inbox("pull", slots, capacity, copy)
        self._check_due = 0.0

    def recv(self, timeout: float | None = None) -> Any:
        """Return the next object; SHMTimeoutError when none came within the timeout (ms; None: no limit).

        Costs a copy and the serializer; sleeps in the kernel. SHMSerializationError for a message that
        cannot be read; the next call goes on with the next one.
        """
        taken = self._inbox.take(self._copy)
        return self._decode(self._wait(timeout, self._take_inherited) if taken is NOTHING else taken)

    def _take_inherited(self) -> Any:
        """Return a message of a dead worker, or NOTHING."""
        now_s = time.monotonic()
        if now_s >= self._check_due:
            self._check_due = now_s + CHECK_PERIOD_S
            self._inboxes += self._registry.adopt_inboxes("pull")
        while len(self._inboxes) > 1:
            emptied = self._inboxes[-1]
            taken = emptied.take(self._copy)
            if taken is not NOTHING:
                return taken
            self._inboxes.pop().close(True)
            self._received += emptied.received
            self._bytes += emptied.bytes
        return NOTHING
