"""The client: connects, and connects again when the server has gone and come back."""

import os
import socket
import time

from lkas.integration.events.connection import Connection, is_own_user
from lkas.integration.events.endpoint import Endpoint
from lkas.integration.events.messages import EventError, EventMessage, encode

RETRY_S = 0.25


class EventClient(Endpoint):
    """Connected to a server whenever there is one.

    with EventClient() as client:
        client.start()
        client.send({"type": "user_message", "message": "Hello from UI!"})
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__(path)
        self._due_s = 0.0  # of the next try to connect

    @property
    def is_connected(self) -> bool:
        return bool(self._connections)

    def start(self) -> None:
        """Connect if there is a server, and keep trying from then on. A client starts once."""
        if self._has_started:
            raise EventError(f"{self.path}: this client was started before; make a new one")
        self._connect()
        self._has_started = True
        self._loop.start()

    def send(self, message: EventMessage) -> bool:
        """Hand a message over, from any thread, without waiting.

        False: there is no server, or it is too far behind. True is no receipt: a server that dies now may not have
        read it. Raises MalformedEventError for what is neither str nor dict, or longer than 64 KiB.
        """
        line = encode(message)
        with self._lock:
            return sum(self._hand_over(connection, line) for connection in self._connections) > 0

    def _before_wait(self) -> float | None:
        super()._before_wait()
        if not self._connections and time.monotonic() >= self._due_s:
            self._connect()
            super()._before_wait()
        return None if self._connections else max(0.0, self._due_s - time.monotonic())

    def _connect(self) -> None:
        """One try, which never waits."""
        self._due_s = time.monotonic() + RETRY_S
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.setblocking(False)
        try:
            peer.connect(os.fspath(self.path))
            if is_own_user(peer):
                self._add(Connection(peer))
                return
        except OSError:  # not there yet, dead, or its queue is full: the next try may find it
            pass
        peer.close()
