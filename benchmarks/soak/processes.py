"""The other processes of a proof: forked, watched, asked for their memory; none outlives it."""

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

_context = multiprocessing.get_context("fork")  # a child is there in milliseconds


class Broken(Exception):
    """A promise was broken: what, and by how much."""


class Child:
    """`role(connection, *args)` in a process of its own. What it returns is its last word; an exception is raised."""

    def __init__(self, role: Callable[..., Any], *args: Any) -> None:
        self.connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_run, args=(role, theirs, *args), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def hear(self, timeout_s: float = DEADLINE_S) -> Any:
        """The next thing it says."""
        if not self.connection.poll(timeout_s):
            raise Broken(f"process {self.pid} hangs: nothing heard of it for {timeout_s:g} s")
        try:
            said = self.connection.recv()
        except EOFError:
            raise Broken(f"process {self.pid} ended with {self._process.exitcode} and a word missing") from None
        if isinstance(said, Exception):
            raise said
        return said

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join(10.0)
        self.connection.close()


class Children:
    """Starts children, and ends them however the proof ends."""

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


def hear_all(children: list[Child], meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """The next word of each, in their order; an error of any ends the wait. `meanwhile` is called every second."""
    words: dict[int, Any] = {}
    deadline = time.monotonic() + DEADLINE_S
    while len(words) < len(children):
        silent = [child.connection for child in children if child.pid not in words]
        ready = wait_any(silent, 1.0)
        meanwhile()
        if time.monotonic() > deadline:
            raise Broken(f"{len(silent)} processes hang: nothing heard of them for {DEADLINE_S:g} s")
        for child in children:
            if child.connection in ready:
                words[child.pid] = child.hear()
    return [words[child.pid] for child in children]


def shared_counters(count: int) -> Any:
    """Numbers that all children see, 0 at first."""
    return _context.RawArray("q", count)


def shared_bytes(count: int) -> Any:
    return _context.RawArray("B", count)


class Growth:
    """Of this process's own memory, from the time when `warm_after` messages were through."""

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
    return int(status.split("RssAnon:")[1].split()[0])  # without shared pages and those of files


def _run(role: Callable[..., Any], connection: Connection, *args: Any) -> None:
    die_with_parent()  # however that ends
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        connection.send(role(connection, *args))
    except Exception as error:
        connection.send(error)
