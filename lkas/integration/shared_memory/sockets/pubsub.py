"""One to many: every subscriber gets every message; one that falls behind misses some, counted.

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
        self._receivers = self._open_way("sub")

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Hand an object to every subscriber: whether anybody has it.

        With a timeout (ms; None: for ever) it waits for a first subscriber, and for room where one is behind. Costs
        what the serializer takes, and a copy for each subscriber. SHMSerializationError for an object that it can not
        take, SHMBufferFullError for one that is larger than every inbox.
        """
        kind, parts = self._encode(item)
        handed, dropped = self._receivers.send_to_all(kind, parts, timeout)
        if dropped or not handed:
            self._dropped += dropped or 1
        return handed > 0


class Subscriber(Endpoint):
    """Receives what all publishers of a name send.

    `slots` messages and `capacity` bytes wait for it; what finds no room is dropped and counted. With `copy=False`
    arrays and raw bytes are read-only views of the inbox, which hold their room until they are gone.
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
        """The next object; SHMTimeoutError when none came within the timeout (ms; None: wait for ever).

        Costs a copy, and what the serializer takes; it sleeps in the kernel. SHMSerializationError for a message that
        can not be read; the next one is.
        """
        taken = self._inbox.take(self._copy)
        return self._open(self._wait(timeout) if taken is NOTHING else taken)
