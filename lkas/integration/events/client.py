"""The client: connects to the server, and again after the server has restarted."""

import os
import socket
import time

from lkas.integration.events.endpoint import Endpoint
from lkas.integration.events.messages import EventError, EventMessage, encode
from lkas.integration.events.peer_connection import PeerConnection, is_own_user

RETRY_S = 0.25


class EventClient(Endpoint):
    """Connects to the server of a path as soon as one runs.

    with EventClient() as client:
        client.start()
        client.send({"type": "user_message", "message": "Hello from UI!"})
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__(path)
        self._due_s = 0.0  # of the next attempt to connect

    @property
    def is_connected(self) -> bool:
        return bool(self._connections)

    def start(self) -> None:
        """Connect now, or keep trying until there is a server. A client starts once."""
        if self._has_started:
            raise EventError(f"{self.path}: this client was started before; create a new one")
        self._connect()
        self._has_started = True
        self._loop.start()

    def send(self, message: EventMessage) -> bool:
        """Send a message from any thread without blocking.

        False: there is no server, or it does not read fast enough. True is no receipt: a server that ends now may not
        have read it. Raises MalformedEventError for a message that is neither str nor dict, or longer than 64 KiB.
        """
        line = encode(message)
        with self._lock:
            return sum(self._send_line(connection, line) for connection in self._connections) > 0

    def _before_wait(self) -> float | None:
        super()._before_wait()
        if not self._connections and time.monotonic() >= self._due_s:
            self._connect()
            super()._before_wait()
        return None if self._connections else max(0.0, self._due_s - time.monotonic())

    def _connect(self) -> None:
        """Try once, without blocking."""
        self._due_s = time.monotonic() + RETRY_S
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.setblocking(False)
        try:
            peer.connect(os.fspath(self.path))
            if is_own_user(peer):
                self._add(PeerConnection(peer))
                return
        except OSError:  # no server yet, or its queue is full: the next attempt may succeed
            pass
        peer.close()
