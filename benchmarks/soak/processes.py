"""The other processes of a long test: forked, supervised, measured; none outlives it."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_any
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lkas.runtime.child import die_with_parent

DEADLINE_S = 1800.0

_context = multiprocessing.get_context("fork")  # starts in milliseconds


class Broken(Exception):
    """A promise was broken; the text has the values."""


class Child:
    """Runs `role(connection, *args)` in a process. Its result is the last message; receive() raises its exception."""

    def __init__(self, role: Callable[..., Any], *args: Any) -> None:
        self.connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_run, args=(role, theirs, *args), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def receive(self, timeout_s: float = DEADLINE_S) -> Any:
        """Return the next message of the process."""
        if not self.connection.poll(timeout_s):
            raise Broken(f"process {self.pid} hangs: no message for {timeout_s:g} s")
        try:
            message = self.connection.recv()
        except EOFError:
            raise Broken(f"process {self.pid} ended with {self._process.exitcode} before its result") from None
        if isinstance(message, Exception):
            raise message
        return message

    def kill(self) -> None:
        """kill -9, and wait for the end of the process."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join(10.0)
        self.connection.close()


class Children:
    """Starts children, and stops them however the test ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def start(self, role: Callable[..., Any], *args: Any) -> Child:
        child = Child(role, *args)
        self._stack.callback(child.stop)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def receive_all(children: list[Child], meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """Return the next message of each, in their order; an error of one ends the wait. `meanwhile` runs every second."""
    results: dict[int, Any] = {}
    deadline = time.monotonic() + DEADLINE_S
    while len(results) < len(children):
        silent = [child.connection for child in children if child.pid not in results]
        ready = wait_any(silent, 1.0)
        meanwhile()
        if time.monotonic() > deadline:
            raise Broken(f"{len(silent)} processes hang: no message for {DEADLINE_S:g} s")
        for child in children:
            if child.connection in ready:
                results[child.pid] = child.receive()
    return [results[child.pid] for child in children]


def shared_counters(count: int) -> Any:
    """Return numbers shared with all children, 0 at first."""
    return _context.RawArray("q", count)


def shared_bytes(count: int) -> Any:
    return _context.RawArray("B", count)


class Growth:
    """Growth of this process's own memory after its first `warm_after` messages."""

    def __init__(self, warm_after: int) -> None:
        self._left = max(1, warm_after)
        self._warm_kb = 0

    def count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._warm_kb = _memory_kb()

    def result_kb(self) -> int:
        return _memory_kb() - self._warm_kb if self._left <= 0 else 0


def _memory_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])  # without shared and file-backed pages


def _run(role: Callable[..., Any], connection: Connection, *args: Any) -> None:
    die_with_parent()  # also when that is killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        connection.send(role(connection, *args))
    except Exception as error:
        connection.send(error)
