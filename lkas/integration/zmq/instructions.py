"""The two ports for instructions to processes, which subscribe by name."""

from collections.abc import Callable

import zmq

from lkas.integration.zmq.broadcaster import read_subscriptions
from lkas.integration.zmq.messages import Instruction, encode

MAX_RECEIVERS = 64


class InstructionPort:
    """An XPUB socket whose topics are names of processes or of parameter categories."""

    def __init__(self, socket: zmq.Socket, on_malformed: Callable[[str], None]) -> None:
        self._socket = socket
        self._on_malformed = on_malformed
        self._receivers: set[bytes] = set()

    def poll(self) -> list[str]:
        """Return the topics that were subscribed to since the last call."""
        added: dict[bytes, None] = {}
        for kind, topic in read_subscriptions(self._socket, self._on_malformed):
            if kind == "unsubscribe":
                self._receivers.discard(topic)
                added.pop(topic, None)
            elif topic in self._receivers or len(self._receivers) < MAX_RECEIVERS:
                self._receivers.add(topic)
                added[topic] = None
        return [topic.decode(errors="replace") for topic in added]

    def has_receiver(self, topic: str) -> bool:
        return topic.encode() in self._receivers

    def send(self, topic: str, instruction: Instruction) -> None:
        self._socket.send_multipart([topic.encode(), encode(instruction)], zmq.NOBLOCK)
