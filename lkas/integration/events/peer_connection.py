"""A connected peer: sends lines without blocking, receives lines, and keeps a bounded buffer of unsent data."""

import os
import socket
import struct

from lkas.integration.events.messages import LineSplitter

MAX_WAITING_BYTES = 256 * 1024  # in addition to the kernel's buffer
RECEIVE_BYTES = 64 * 1024


class PeerConnection:
    """A connected, non-blocking stream socket. The endpoint's lock guards `send` and `flush`."""

    def __init__(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        self.socket = peer
        self.is_broken = False
        self._waiting = bytearray()
        self._splitter = LineSplitter()

    @property
    def has_waiting(self) -> bool:
        """Whether unsent data waits for room in the kernel's buffer."""
        return bool(self._waiting)

    def send(self, line: bytes) -> bool:
        """Send or buffer a line. Returns False when the peer is disconnected, or the buffer has no room for it."""
        if self.is_broken or len(self._waiting) + len(line) > MAX_WAITING_BYTES:
            return False
        self._waiting += line
        self.flush()
        return not self.is_broken

    def flush(self) -> None:
        """Send the buffered data, as far as the kernel takes it."""
        try:
            while self._waiting:
                del self._waiting[: self.socket.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.is_broken = True

    def receive(self) -> list[bytes]:
        """Return the complete lines that have arrived. Raises ConnectionError when the peer has disconnected,
        MalformedEventError for a line that is too long."""
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
    """Return whether the process at the other end belongs to this user, according to the kernel."""
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return uid == os.getuid()
