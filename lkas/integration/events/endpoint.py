"""The common part of server and client: a path, handlers, connections and the thread that serves them."""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from lkas.integration.events.loop import SocketLoop
from lkas.integration.events.messages import EventMessage, MalformedEventError, decode, encode
from lkas.integration.events.peer_connection import PeerConnection
from lkas.runtime.instance import runtime_directory

logger = logging.getLogger(__name__)

SOCKET_NAME = "events.sock"

MessageHandler = Callable[[EventMessage], Any]
Reply = Callable[[EventMessage], bool]  # sends to the peer that asked; False when it could not be sent
RequestHandler = Callable[[EventMessage, Reply], Any]


class EventStats(Struct):
    """Counts since the start. A message is counted once for each peer."""

    sent: int = 0
    dropped: int = 0  # because the peer did not read fast enough
    received: int = 0
    malformed: int = 0


class Endpoint:
    """Calls its handlers in a thread of its own, one message at a time. Handlers should pass long work, and work for
    the thread of a user interface, to other threads. An exception in a handler is logged."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """`path` of the socket; default: `events.sock` in the runtime directory of the instance."""
        self.path = Path(path) if path is not None else runtime_directory() / SOCKET_NAME
        self.stats = EventStats()
        self._handlers: list[MessageHandler] = []
        self._request_handlers: list[RequestHandler] = []
        self._connections: list[PeerConnection] = []
        self._lock = threading.Lock()  # guards the connections and their unsent data
        self._loop = SocketLoop(type(self).__name__, self._before_wait, self._at_end)
        self._has_started = False

    def add_handler(self, handler: MessageHandler) -> None:
        """Call `handler(message)` for each message, a str or a dict as it was sent."""
        self._handlers.append(handler)

    def add_request_handler(self, handler: RequestHandler) -> None:
        """Call `handler(message, reply)` for each message; `reply(answer)` answers its sender, from any thread."""
        self._request_handlers.append(handler)

    def stop(self) -> None:
        """Close all connections and join the thread, unless a handler does not return. May be called twice."""
        if self._has_started:
            self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _send_line(self, connection: PeerConnection, line: bytes) -> bool:
        """Send a line and return whether the connection took it. The caller holds the lock."""
        is_sent = connection.send(line)
        if is_sent:
            self.stats.sent += 1
        elif not connection.is_broken:
            self.stats.dropped += 1
        if connection.is_broken or connection.has_waiting:
            self._loop.wake()
        return is_sent

    def _add(self, connection: PeerConnection) -> None:
        with self._lock:
            self._connections.append(connection)

    def _before_wait(self) -> float | None:
        with self._lock:
            broken = [connection for connection in self._connections if connection.is_broken]
        for connection in broken:
            self._drop(connection)
        for connection in self._connections:
            self._loop.watch(
                connection.socket, lambda peer=connection: self._serve(peer), is_writing=connection.has_waiting
            )
        return None

    def _serve(self, connection: PeerConnection) -> None:
        with self._lock:
            connection.flush()
        try:
            lines = connection.receive()
        except (OSError, MalformedEventError) as error:
            if isinstance(error, MalformedEventError):
                self._count_malformed(error)
            self._drop(connection)
            return
        for line in lines:
            self._take(line, connection)

    def _take(self, line: bytes, connection: PeerConnection) -> None:
        try:
            message = decode(line)
        except MalformedEventError as error:
            self._count_malformed(error)
            return
        self.stats.received += 1
        calls: list[Callable[[], Any]] = [partial(handler, message) for handler in self._handlers]
        calls += [partial(handler, message, partial(self._reply, connection)) for handler in self._request_handlers]
        for call in calls:
            try:
                call()
            except Exception:  # the other handlers and the next message are still served
                logger.exception("a handler of %s failed", self.path)

    def _reply(self, connection: PeerConnection, message: EventMessage) -> bool:
        line = encode(message)
        with self._lock:
            return connection in self._connections and self._send_line(connection, line)

    def _count_malformed(self, error: MalformedEventError) -> None:
        self.stats.malformed += 1
        if self.stats.malformed == 1:
            logger.warning("%s: %s (further ones are only counted)", self.path, error)

    def _drop(self, connection: PeerConnection) -> None:
        with self._lock:
            self._connections.remove(connection)
            self._loop.forget(connection.socket)
            connection.close()

    def _at_end(self) -> None:
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
