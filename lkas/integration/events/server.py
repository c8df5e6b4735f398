"""The server: sends each message to every connected client and receives theirs."""

import logging
import os

from lkas.integration.events.endpoint import Endpoint
from lkas.integration.events.listener import Listener
from lkas.integration.events.messages import EventError, EventMessage, encode
from lkas.integration.events.peer_connection import PeerConnection, is_own_user
from lkas.runtime.instance import make_runtime_directory, runtime_directory

logger = logging.getLogger(__name__)

MAX_CLIENTS = 32


class EventServer(Endpoint):
    """Serves one path until stop(). A client that does not read misses messages and does not delay the others.

    with EventServer() as server:
        server.start()
        server.broadcast({"type": "departure", "text": "left line crossed"})
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__(path)
        self._listener: Listener | None = None

    @property
    def clients(self) -> int:
        """The number of connected clients."""
        return len(self._connections)

    def start(self) -> None:
        """Bind the path and serve it. Raises EventError when it cannot be used. A server starts once."""
        if self._has_started:
            raise EventError(f"{self.path}: this server was started before; create a new one")
        if self.path.parent == runtime_directory():
            make_runtime_directory()
        self._listener = Listener(self.path)
        self._has_started = True
        self._loop.start()

    def broadcast(self, message: EventMessage) -> int:
        """Send a message to every client, from any thread, without blocking. Returns the number of clients.

        Raises MalformedEventError for a message that is neither str nor dict, or longer than 64 KiB.
        """
        line = encode(message)
        with self._lock:
            return sum(self._send_line(connection, line) for connection in self._connections)

    def _before_wait(self) -> float | None:
        assert self._listener is not None
        self._loop.watch(self._listener.socket, self._accept)
        return super()._before_wait()

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            peer, _ = self._listener.socket.accept()
        except OSError as error:  # the client has disconnected, or this process has too many files open
            logger.debug("%s: no client accepted: %s", self.path, error)
            return
        if len(self._connections) >= MAX_CLIENTS or not is_own_user(peer):
            logger.warning(
                "%s: a client was refused: it belongs to another user, or %d are connected already",
                self.path,
                self.clients,
            )
            peer.close()
            return
        self._add(PeerConnection(peer))

    def _at_end(self) -> None:
        super()._at_end()
        assert self._listener is not None
        self._listener.close()
