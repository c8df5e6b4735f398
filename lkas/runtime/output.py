"""Output that never blocks a program: what it prints waits in a bounded queue until a thread has written it.

A full pipe, a stopped terminal, a full disk or a closed reader costs lines of output, never a cycle. Lines that are
lost are counted, and the number is written as soon as writing works again.
"""

import errno
import io
import os
import queue
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

MAX_PIECES = 1024  # waiting to be written; a line is one or two pieces
MAX_PIECE_CHARS = 16_384  # longer ones are cut
DRAIN_LIMIT_S = 0.5  # that the end of a program waits for its reader
LOG_FILE_BYTES = 10_000_000  # a log file is rotated at this size
LOG_FILE_BACKUPS = 4  # FILE.1 is the newest

Sink = Callable[[str], None]  # writes a text and returns when it is written; OSError when it is lost


class QueuedWriter:
    """Passes text to a sink in a thread. `put` never waits, and may be called from any thread or signal handler."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lost_lines = 0
        self._reported_lines = 0
        self._ends_line = True
        self._thread = threading.Thread(target=self._write_all, name="output", daemon=True)
        self._thread.start()

    def put(self, text: str) -> None:
        """Queue a text, or count its lines as lost when the queue is full."""
        if self._pieces.qsize() >= MAX_PIECES:
            self._lost_lines += text.count("\n")
            return
        if len(text) > MAX_PIECE_CHARS:
            text = text[:MAX_PIECE_CHARS] + "[...]\n"
        self._pieces.put(text)

    def close(self) -> None:
        """Write what waits, for at most DRAIN_LIMIT_S."""
        self._pieces.put(None)
        self._thread.join(DRAIN_LIMIT_S)

    def _write_all(self) -> None:
        while True:
            text = self._pieces.get()
            if text is None:
                self._report_lost()
                return
            if self._report_lost():
                self._write(text)
            else:
                self._lost_lines += text.count("\n")

    def _report_lost(self) -> bool:
        """Write how many lines were lost since the last report; return False when that fails as well."""
        lost = self._lost_lines - self._reported_lines
        if not lost:
            return True
        start = "" if self._ends_line else "\n"
        try:
            self._sink(
                f"{start}[{lost} line{'s' * (lost != 1)} of output lost here: not read in time, or not writable]\n"
            )
        except (OSError, ValueError):
            return False
        self._reported_lines += lost
        self._ends_line = True
        return True

    def _write(self, text: str) -> None:
        try:
            self._sink(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._lost_lines += text.count("\n")
        else:
            self._ends_line = text.endswith("\n")


class OutputStream(io.TextIOBase):
    """Replaces sys.stdout or sys.stderr: looks like `original` and writes through queues."""

    def __init__(self, original: TextIO, *more: Sink) -> None:
        self.original = original
        self._encoding = getattr(original, "encoding", None) or "utf-8"
        self._writers = [QueuedWriter(sink) for sink in (_sink_of(original, self._encoding), *more)]

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._encoding

    @property
    def errors(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return "backslashreplace"

    def fileno(self) -> int:
        return self.original.fileno()

    def isatty(self) -> bool:
        return self.original.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"expected str, found {type(text).__name__}")
        if text:
            for writer in self._writers:
                writer.put(text)
        return len(text)

    def close_writers(self) -> None:
        """Write what waits, for a bounded time."""
        for writer in self._writers:
            writer.close()


class RotatingFile:
    """A text file that is renamed to FILE.1 when it is full; LOG_FILE_BACKUPS old ones are kept. A sink."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending. Raises OSError."""
        self._path = path
        self._file = path.open("ab", buffering=0)

    def __call__(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        if os.fstat(self._file.fileno()).st_size + len(data) > LOG_FILE_BYTES:
            self._rotate()
        _write_fully(self._file.fileno(), data)

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(LOG_FILE_BACKUPS, 0, -1):
            older = self._backup(number - 1)
            if older.exists():
                older.replace(self._backup(number))
        self._file = self._path.open("ab", buffering=0)

    def _backup(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")


def _sink_of(stream: TextIO, encoding: str) -> Sink:
    """Write to the descriptor itself where there is one: a stream keeps what it could not write, and tries again."""
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):

        def write_to_stream(text: str) -> None:
            stream.write(text)
            stream.flush()

        return write_to_stream
    return lambda text: _write_fully(descriptor, text.encode(encoding, "backslashreplace"))


def _write_fully(descriptor: int, data: bytes) -> None:
    """Write all bytes to a descriptor that may be in non-blocking mode. Raises OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            poll = select.poll()  # select() cannot watch descriptors above 1023
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
