"""One to many: every subscriber gets every message; one that falls behind misses some, which are counted.

    publisher = Publisher("robot_commands")
    publisher.send({"cmd": "move", "pos": [1.0, 2.0, 3.0]})

    subscriber = Subscriber("robot_commands")
    message = subscriber.recv(timeout=100)      # milliseconds

Several publishers may share a name. A subscriber gets what is sent after it was made.
"""

from typing import Any, Unpack

from lkas.integration.shared_memory.sockets._ring import NOTHING
from lkas.integration.shared_memory.sockets.endpoint import CAPACITY_BYTES, SLOTS, Endpoint, EndpointOptions


class Publisher(Endpoint):
    """Sends to all subscribers of a name."""

    pattern = "pubsub"

    def __init__(self, name: str, **options: Unpack[EndpointOptions]) -> None:
        super().__init__(name, **options)
        self._receivers = self._open_receivers("sub")

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Send an object to every subscriber; return whether at least one got it.

        With a timeout (ms; None: no limit) it waits for a first subscriber, and for room where one is behind. Costs
        the serializer, and a copy for each subscriber. SHMSerializationError for an object that it cannot
        serialize, SHMBufferFullError for one that is larger than every inbox.
        """
        kind, parts = self._encode(item)
        handed, dropped = self._receivers.send_to_all(kind, parts, timeout)
        if dropped:
            self._count_drops(dropped)
        elif not handed:
            self._dropped += 1  # no subscriber, which is usual
        return handed > 0


class Subscriber(Endpoint):
    """Receives the messages of all publishers of a name.

    `slots` messages and `capacity` bytes may wait for it; more are dropped and counted. With `copy=False`
    arrays and raw bytes are read-only views of the inbox, which occupy their room until they are released.
    """

    pattern = "pubsub"

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
        _, self._inbox = self._open_inbox("sub", slots, capacity, copy)

    def recv(self, timeout: float | None = None) -> Any:
        """Return the next object; SHMTimeoutError when none came within the timeout (ms; None: no limit).

        Costs a copy and the serializer; sleeps in the kernel. SHMSerializationError for a message that
        cannot be read; the next call goes on with the next one.
        """
        taken = self._inbox.take(self._copy)
        return self._decode(self._wait(timeout) if taken is NOTHING else taken)
