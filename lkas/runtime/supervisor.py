"""Keeps processes running: compares the wanted processes with the running ones, about ten times a second.

It knows processes, exit codes and heartbeats, but not what the processes do. A process that ends is restarted at once;
one that repeatedly ends soon after its start is restarted after increasing pauses. Exit code 2 (usage or
configuration) of a first start is final: a retry would fail in the same way, so the whole run stops with that code.
After a restart the same code is retried (another program may have taken the port), and the other processes keep
running.
"""

import contextlib
import logging
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterable
from functools import partial

from msgspec import Struct

from lkas.clock import Clock, MonotonicClock
from lkas.runtime.child_output import ChildOutput
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.processes import Process, Restart

log = logging.getLogger(__name__)

HEALTHY_AFTER_S = 5.0  # a process that ran this long is restarted without a pause
FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 5.0
CHECK_PERIOD_S = 0.1
MAX_STEP_S = 0.5  # time beyond this between two steps is time in which the supervisor itself did not run


class ProcessState(Struct, frozen=True, kw_only=True):
    """The state of a process, for the status display and the broker."""

    name: str
    pid: int | None
    state: str  # starting, running, restarting or finished
    restarts: int


class Supervisor:
    """Runs processes until `stop`, or until one of them ends the run."""

    def __init__(
        self,
        processes: Iterable[Process],
        *,
        clock: Clock | None = None,
        on_change: Callable[[list[ProcessState]], None] | None = None,
        log_line: Callable[[str, str], str] = lambda name, line: line,
    ) -> None:
        """`log_line(process, line)` returns how a line on the standard error of a process is printed."""
        self._clock = clock or MonotonicClock()
        self._on_change = on_change
        self._selector = selectors.DefaultSelector()
        self._watched = [_Watched(process, self._clock, self._selector, log_line) for process in processes]
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


class _Watched:
    """One process to keep running, and its current run."""

    def __init__(
        self,
        process: Process,
        clock: Clock,
        selector: selectors.BaseSelector,
        log_line: Callable[[str, str], str],
    ) -> None:
        self.process = process
        self._log_line = partial(log_line, process.name)
        self._output: ChildOutput | None = None
        self.restarts = 0
        self._clock = clock
        self._selector = selector
        self._popen: subprocess.Popen[bytes] | None = None
        self._pidfd: int | None = None
        self._heartbeat_fd: int | None = None
        self._started_ns = 0
        self._last_beat_ns: int | None = None
        self._due_ns = clock.now_ns()
        self._backoff_s = 0.0
        self._is_finished = False

    @property
    def state(self) -> ProcessState:
        if self._is_finished:
            word = "finished"
        elif self._popen is None:
            word = "restarting"
        elif self.process.heartbeat_limit_s is not None and self._last_beat_ns is None:
            word = "starting"
        else:
            word = "running"
        pid = self._popen.pid if self._popen else None
        return ProcessState(name=self.process.name, pid=pid, state=word, restarts=self.restarts)

    def start_when_due(self) -> None:
        if self._popen is not None or self._is_finished or self._clock.now_ns() < self._due_ns:
            return
        self._started_ns = self._clock.now_ns()
        try:
            self._start()
        except OSError as error:  # no descriptor, no process, no memory: another time there may be one
            self._release()
            self._schedule_restart(f"cannot be started: {error}")

    def _start(self) -> None:
        write_fd = None
        if self.process.heartbeat_limit_s is not None:
            self._heartbeat_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            self._selector.register(self._heartbeat_fd, selectors.EVENT_READ, self._read_heartbeat)
        try:
            self._popen = self._started(write_fd)
        finally:
            if write_fd is not None:
                os.close(write_fd)
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._output = ChildOutput(self._popen.stdout, self._popen.stderr, self._log_line)
        self._pidfd = _pidfd_of(self._popen.pid)
        if self._pidfd is not None:
            self._selector.register(self._pidfd, selectors.EVENT_READ, lambda: None)
        self._last_beat_ns = None

    def _started(self, write_fd: int | None) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.process.command,
            env={**os.environ, **self.process.child_environment(write_fd)},
            pass_fds=() if write_fd is None else (write_fd,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # the supervisor handles Ctrl-C and stops the processes in order
        )

    def excuse(self, absent_ns: int) -> None:
        """Do not count this time as silence: no process hangs when the whole machine was suspended."""
        if self._last_beat_ns is not None:
            self._last_beat_ns = min(self._last_beat_ns + absent_ns, self._clock.now_ns())

    def check(self) -> int | None:
        """Return the exit code of the whole run when this process has ended it, else None."""
        if self._popen is None:
            return None
        code = self._popen.poll()
        if code is None:
            self._kill_when_hung()
            return None
        self._release()
        is_refused = code == EXIT_USAGE and self.restarts == 0
        if is_refused or (code == 0 and self.process.restart is Restart.ON_FAILURE):
            self._is_finished = True
            return code
        ran_s = (self._clock.now_ns() - self._started_ns) / 1e9
        self._schedule_restart(f"ended ({_describe(code)}) after {ran_s:.1f} s")
        return None

    def terminate(self) -> None:
        if self._popen is not None:
            self._popen.terminate()

    def wait_or_kill(self) -> None:
        if self._popen is None:
            return
        try:
            self._popen.wait(self.process.stop_limit_s)
        except subprocess.TimeoutExpired:
            log.warning(
                "%s (pid %d) did not end within %g s of SIGTERM: killed",
                self.process.name,
                self._popen.pid,
                self.process.stop_limit_s,
            )
            self._popen.kill()
            self._popen.wait()
        self._release()
        self._is_finished = True

    def _schedule_restart(self, what: str) -> None:
        ran_s = (self._clock.now_ns() - self._started_ns) / 1e9
        healthy = ran_s >= HEALTHY_AFTER_S
        self._backoff_s = 0.0 if healthy else min(MAX_BACKOFF_S, max(FIRST_BACKOFF_S, 2 * self._backoff_s))
        self._due_ns = self._clock.now_ns() + round(self._backoff_s * 1e9)
        self.restarts += 1
        pause = f" in {self._backoff_s:g} s" if self._backoff_s else ""
        log.warning("%s %s: restarting%s", self.process.name, what, pause)

    def _kill_when_hung(self) -> None:
        limit_s = self.process.heartbeat_limit_s
        if limit_s is None or self._last_beat_ns is None or self._popen is None:
            return
        silent_s = (self._clock.now_ns() - self._last_beat_ns) / 1e9
        if silent_s > limit_s:
            log.warning("%s (pid %d) was silent for %.1f s: killed", self.process.name, self._popen.pid, silent_s)
            self._popen.kill()
            self._popen.wait()

    def _read_heartbeat(self) -> None:
        assert self._heartbeat_fd is not None
        with contextlib.suppress(BlockingIOError):
            if os.read(self._heartbeat_fd, 4096):
                self._last_beat_ns = self._clock.now_ns()
            else:  # closed: the process is ending
                self._close_heartbeat()

    def _close_heartbeat(self) -> None:
        if self._heartbeat_fd is not None:
            self._selector.unregister(self._heartbeat_fd)
            os.close(self._heartbeat_fd)
            self._heartbeat_fd = None

    def _release(self) -> None:
        self._close_heartbeat()
        if self._pidfd is not None:
            self._selector.unregister(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._popen = None
        if self._output is not None:
            self._output.finish()
            self._output = None


def _pidfd_of(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None: the supervisor looks ten times a second.

    Kernels before 5.3 have none, and some containers do not allow it.
    """
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _describe(code: int) -> str:
    """Describe an exit code: `exit code 1` or `SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
