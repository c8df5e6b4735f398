"""One connected peer: lines out without ever waiting, lines in, a bounded store for what it has not taken yet."""

import os
import socket
import struct

from lkas.integration.events.messages import LineSplitter

MAX_WAITING_BYTES = 256 * 1024  # beside what the kernel keeps
RECEIVE_BYTES = 64 * 1024


class Connection:
    """A connected, non-blocking stream socket. The endpoint's lock guards `send` and `flush`."""

    def __init__(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        self.socket = peer
        self.is_broken = False
        self._waiting = bytearray()
        self._splitter = LineSplitter()

    @property
    def has_waiting(self) -> bool:
        """Whether something is to be sent as soon as there is room."""
        return bool(self._waiting)

    def send(self, line: bytes) -> bool:
        """Hand a line over, to the peer or to the store. False: the peer is gone, or too far behind for this line."""
        if self.is_broken or len(self._waiting) + len(line) > MAX_WAITING_BYTES:
            return False
        self._waiting += line
        self.flush()
        return not self.is_broken

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        try:
            while self._waiting:
                del self._waiting[: self.socket.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.is_broken = True

    def receive(self) -> list[bytes]:
        """The lines that are there now. Raises ConnectionError when the peer is gone, MalformedEventError for a line
        without end."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        if not data:
            raise ConnectionError("the peer has closed the connection")
        return self._splitter.feed(data)

    def close(self) -> None:
        self.is_broken = True
        self.socket.close()


def is_own_user(peer: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user; the kernel vouches for it."""
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid == os.getuid()
