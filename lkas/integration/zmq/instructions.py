"""The two ports for instructions to processes, which subscribe by name."""

from collections.abc import Callable

import zmq

from lkas.integration.zmq.broadcaster import read_subscriptions
from lkas.integration.zmq.messages import Instruction, encode

MAX_RECEIVERS = 64


class InstructionPort:
    """An XPUB socket whose topics are names of processes or of parameter categories.

    Any peer can subscribe to any topic. Topics that a process has reported are confirmed: others make room for
    them, and a report brings back one whose subscription was not kept.
    """

    def __init__(self, socket: zmq.Socket, on_malformed: Callable[[str], None]) -> None:
        self._socket = socket
        self._on_malformed = on_malformed
        self._receivers: set[bytes] = set()
        self._confirmed: set[bytes] = set()
        self._left: set[bytes] = set()  # without a subscriber; a report may still arrive

    def poll(self) -> list[str]:
        """Return the topics that were subscribed to since the last call."""
        added: dict[bytes, None] = {}
        for kind, topic in read_subscriptions(self._socket, self._on_malformed):
            if kind == "unsubscribe":
                self._receivers.discard(topic)
                added.pop(topic, None)
                if len(self._left) >= MAX_RECEIVERS:
                    self._left.pop()
                self._left.add(topic)
                continue
            self._left.discard(topic)
            if self._admit(topic):
                added[topic] = None
        return [topic.decode(errors="replace") for topic in added]

    def confirm(self, topic: str) -> None:
        """A process has reported that it listens to this topic."""
        name = topic.encode()
        if name not in self._confirmed and len(self._confirmed) >= MAX_RECEIVERS:
            return
        self._confirmed.add(name)
        if name not in self._left:
            self._admit(name)

    def _admit(self, topic: bytes) -> bool:
        """Count a topic as received. A full table drops one that no process has confirmed."""
        if topic not in self._receivers and len(self._receivers) >= MAX_RECEIVERS:
            unconfirmed = next(iter(self._receivers - self._confirmed), None)
            if unconfirmed is None:
                return False
            self._receivers.discard(unconfirmed)
        self._receivers.add(topic)
        return True

    def has_receiver(self, topic: str) -> bool:
        return topic.encode() in self._receivers

    def send(self, topic: str, instruction: Instruction) -> None:
        self._socket.send_multipart([topic.encode(), encode(instruction)], zmq.NOBLOCK)
