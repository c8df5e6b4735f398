"""Keeps processes running: compares the wanted processes with the running ones, about ten times a second.

It knows processes, exit codes and heartbeats, but not what the processes do. A process that ends is restarted at once;
one that repeatedly ends soon after its start is restarted after increasing pauses. Exit code 2 (usage or
configuration) of a first start is final: a retry would fail in the same way, so the whole run stops with that code.
After a restart the same code is retried (another program may have taken the port), and the other processes keep
running.
"""

import selectors
from collections.abc import Callable, Iterable

from lkas.clock import Clock, MonotonicClock
from lkas.runtime.processes import Process
from lkas.runtime.watched_process import EventSink, ProcessState, WatchedProcess

CHECK_PERIOD_S = 0.1
MAX_STEP_S = 0.5  # time beyond this between two steps is time in which the supervisor itself did not run


class Supervisor:
    """Runs processes until `stop`, or until one of them ends the run."""

    def __init__(
        self,
        processes: Iterable[Process],
        *,
        clock: Clock | None = None,
        on_change: Callable[[list[ProcessState]], None] | None = None,
        on_event: EventSink | None = None,
        log_line: Callable[[str, str], str] = lambda name, line: line,
    ) -> None:
        """`log_line(process, line)` returns how a line on the standard error of a process is printed.

        `on_event` is called, besides the log, when a process ends, hangs, is killed or is back.
        """
        self._clock = clock or MonotonicClock()
        self._on_change = on_change
        self._selector = selectors.DefaultSelector()
        self._watched = [
            WatchedProcess(process, self._clock, self._selector, log_line, on_event) for process in processes
        ]
        self._reported: list[ProcessState] = []
        self._stepped_ns = self._clock.now_ns()
        self.exit_code: int | None = None  # set when a process ended the run

    @property
    def states(self) -> list[ProcessState]:
        return [watched.state for watched in self._watched]

    @property
    def restarts(self) -> int:
        return sum(watched.restarts for watched in self._watched)

    def step(self, timeout_s: float = CHECK_PERIOD_S) -> None:
        """Start the processes that are due, wait for an event, then handle those that ended or hang."""
        for watched in self._watched:
            watched.start_when_due()
        for key, _ in self._selector.select(timeout_s):
            key.data()
        now_ns = self._clock.now_ns()
        absent_ns = max(0, now_ns - self._stepped_ns - round(MAX_STEP_S * 1e9))
        self._stepped_ns = now_ns
        for watched in self._watched:
            watched.excuse(absent_ns)
            code = watched.check()
            if code is not None and self.exit_code is None:
                self.exit_code = code
        self._report()

    def stop(self) -> None:
        """Terminate all in the reverse order of their start; kill those that do not end in time."""
        for watched in reversed(self._watched):
            watched.terminate()
        for watched in reversed(self._watched):
            watched.wait_or_kill()
        self._selector.close()

    def _report(self) -> None:
        states = self.states
        if states != self._reported:
            self._reported = states
            if self._on_change:
                self._on_change(states)
