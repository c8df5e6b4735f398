"""A serial line that never waits: opened raw, written and read as far as it goes, opened again when it comes back."""

import contextlib
import errno
import os
import termios
import time

REOPEN_S = 0.5
READ_BYTES = 4096
MAX_READS = 16  # in one call, so that a flood cannot hold the loop


class SerialPort:
    """`path` such as /dev/ttyACM0 at `baud` bits a second, 8N1, no flow control. Raises OSError."""

    def __init__(self, path: str, baud: int = 115200) -> None:
        self.path, self._baud = path, baud
        self._fd: int | None = self._open()
        self._retry_s = 0.0
        self.lost_bytes = 0  # that the line did not take

    @property
    def is_open(self) -> bool:
        return self._fd is not None

    def write(self, data: bytes) -> bool:
        """Return whether the line took all of it; a line that is gone is tried again every half second."""
        if not self._ready():
            return False
        assert self._fd is not None
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            written = 0
        except OSError:
            self._lose()
            return False
        self.lost_bytes += len(data) - written
        return written == len(data)

    def read(self) -> bytes:
        """Return what came, or nothing."""
        chunks: list[bytes] = []
        if not self._ready():
            return b""
        assert self._fd is not None
        try:
            for _ in range(MAX_READS):
                chunk = os.read(self._fd, READ_BYTES)
                if not chunk:
                    self._lose()
                    break
                chunks.append(chunk)
        except BlockingIOError:
            pass
        except OSError:
            self._lose()
        return b"".join(chunks)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._retry_s = float("inf")

    def _ready(self) -> bool:
        if self._fd is None and time.monotonic() >= self._retry_s:
            self._retry_s = time.monotonic() + REOPEN_S
            with contextlib.suppress(OSError, termios.error):
                self._fd = self._open()
        return self._fd is not None

    def _lose(self) -> None:
        """The cable was pulled."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None
        self._retry_s = time.monotonic() + REOPEN_S

    def _open(self) -> int:
        speed = getattr(termios, f"B{self._baud}", None)
        if speed is None:
            raise ValueError(f"baud {self._baud}: expected a standard rate such as 115200")
        fd = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not os.isatty(fd):
                raise OSError(errno.ENOTTY, "not a serial line", self.path)
            attributes = termios.tcgetattr(fd)
            attributes[0] = attributes[1] = attributes[3] = 0  # raw: no translation, no echo, no signals
            attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
            attributes[4] = attributes[5] = speed
            attributes[6][termios.VMIN], attributes[6][termios.VTIME] = (
                1,
                0,
            )  # an empty line is EAGAIN, a lost one is 0 bytes
            termios.tcsetattr(fd, termios.TCSANOW, attributes)
            termios.tcflush(fd, termios.TCIOFLUSH)
        except BaseException:
            os.close(fd)
            raise
        return fd
