"""One supervised process: start, heartbeats, end, restart. What happens to it is an event."""

import contextlib
import logging
import os
import selectors
import signal
import subprocess
from collections.abc import Callable
from functools import partial

from msgspec import Struct

from lkas.clock import Clock
from lkas.health import NOT_RESPONDING, Level
from lkas.runtime.child_output import ChildOutput
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.processes import Process, Restart

log = logging.getLogger(__name__)

HEALTHY_AFTER_S = 5.0  # a process that ran this long is restarted without a pause
FIRST_BACKOFF_S = 0.25
MAX_BACKOFF_S = 5.0
NOT_RESPONDING_AFTER_S = 0.8  # without a heartbeat


class ProcessState(Struct, frozen=True, kw_only=True):
    """The state of a process, for the status display and the broker."""

    name: str
    pid: int | None
    state: str  # starting, running, not responding for N s, restarting or finished
    restarts: int


EventSink = Callable[[Level, str], None]  # level, one sentence


class WatchedProcess:
    """One process to keep running, and its current run."""

    def __init__(
        self,
        process: Process,
        clock: Clock,
        selector: selectors.BaseSelector,
        log_line: Callable[[str, str], str],
        on_event: EventSink | None,
    ) -> None:
        self.process = process
        self._log_line = partial(log_line, process.name)
        self._on_event = on_event
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
        self._gone_ns: int | None = None  # since when the process is gone or does not respond
        self._silence_s: float | None = None  # for which it was silent when it was killed

    @property
    def state(self) -> ProcessState:
        if self._is_finished:
            word = "finished"
        elif self._popen is None:
            word = "restarting"
        elif self.process.heartbeat_limit_s is not None and self._last_beat_ns is None:
            word = "starting"
        elif (silent_s := self._silent_s()) >= NOT_RESPONDING_AFTER_S:
            word = f"{NOT_RESPONDING} for {silent_s:.0f} s"
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
        if self.process.heartbeat_limit_s is None:
            self._tell_back()

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
            self._watch_silence()
            return None
        silence_s, self._silence_s = self._silence_s, None
        self._release()
        is_refused = code == EXIT_USAGE and self.restarts == 0
        if is_refused or (code == 0 and self.process.restart is Restart.ON_FAILURE):
            self._is_finished = True
            return code
        ran_s = (self._clock.now_ns() - self._started_ns) / 1e9
        if silence_s is None:
            self._schedule_restart(f"ended ({_describe(code)}) after {ran_s:.1f} s")
        else:
            self._schedule_restart(f"did not respond for {silence_s:.1f} s and was killed")
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
        self._gone_ns = self._gone_ns or self._clock.now_ns()
        self._tell("warning", f"{what}: restarting{pause}")

    def _silent_s(self) -> float:
        """Return the time since the last heartbeat; 0 before the first."""
        return 0.0 if self._last_beat_ns is None else (self._clock.now_ns() - self._last_beat_ns) / 1e9

    def _watch_silence(self) -> None:
        """Tell when the process hangs, and kill it when it hangs for too long."""
        limit_s = self.process.heartbeat_limit_s
        silent_s = self._silent_s()
        if limit_s is None or self._popen is None or silent_s < NOT_RESPONDING_AFTER_S:
            return
        if self._gone_ns is None:
            self._gone_ns = self._last_beat_ns
            self._tell("warning", f"does not respond (pid {self._popen.pid}); it is killed after {limit_s:g} s")
        if silent_s > limit_s:
            self._silence_s = silent_s
            self._popen.kill()
            self._popen.wait()

    def _tell_back(self) -> None:
        if self._gone_ns is not None:
            away_s = (self._clock.now_ns() - self._gone_ns) / 1e9
            self._gone_ns = None
            self._tell("info", f"is back after {away_s:.1f} s")

    def _tell(self, level: Level, what: str) -> None:
        text = f"{self.process.name} {what}"
        log.log(logging.INFO if level == "info" else logging.WARNING, "%s", text)
        if self._on_event is not None:
            self._on_event(level, text)

    def _read_heartbeat(self) -> None:
        assert self._heartbeat_fd is not None
        with contextlib.suppress(BlockingIOError):
            if os.read(self._heartbeat_fd, 4096):
                self._last_beat_ns = self._clock.now_ns()
                self._tell_back()
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
