"""The two ports to processes: orders go to those who have subscribed, each new subscriber is greeted."""

from collections.abc import Callable

import zmq

from lkas.integration.zmq.broadcaster import read_subscriptions
from lkas.integration.zmq.messages import Order, encode

MAX_RECEIVERS = 64


class OrderPort:
    """One XPUB socket whose topics are names of processes or of parameter categories."""

    def __init__(self, socket: zmq.Socket, on_malformed: Callable[[str], None]) -> None:
        self._socket = socket
        self._on_malformed = on_malformed
        self._receivers: set[bytes] = set()

    def poll(self) -> list[str]:
        """Topics that somebody has subscribed to since the last call."""
        fresh: dict[bytes, None] = {}
        for kind, topic in read_subscriptions(self._socket, self._on_malformed):
            if kind == "unsubscribe":
                self._receivers.discard(topic)
                fresh.pop(topic, None)
            elif topic in self._receivers or len(self._receivers) < MAX_RECEIVERS:
                self._receivers.add(topic)
                fresh[topic] = None
        return [topic.decode(errors="replace") for topic in fresh]

    def has_receiver(self, topic: str) -> bool:
        return topic.encode() in self._receivers

    def send(self, topic: str, order: Order) -> None:
        self._socket.send_multipart([topic.encode(), encode(order)], zmq.NOBLOCK)
