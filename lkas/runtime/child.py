"""What a supervised process gets from its supervisor, and how it answers: settings in, heartbeats out.

A child ends when it is told to (SIGTERM, SIGINT) and when its parent is gone, whatever killed the parent.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Mapping

from lkas.config import Configuration, from_json
from lkas.parameters import Section
from lkas.runtime import log

ENVIRONMENT_KEY = "LKAS_CHILD"
PARENT_KEY = "LKAS_PARENT"  # pid of the supervisor, of a program that is to end with it
HEARTBEAT_PERIOD_NS = 100_000_000
_PR_SET_PDEATHSIG = 1


class Child:
    """One supervised process: its name, its configuration and its heartbeat."""

    def __init__(
        self,
        *,
        name: str,
        instance: str,
        configuration: str,
        broadcast: bool = False,
        verbose: bool = False,
        heartbeat_fd: int | None = None,
    ) -> None:
        self.name = name
        self.instance = instance
        self.broadcast = broadcast
        self._configuration = configuration
        self._verbose = verbose
        self._heartbeat_fd = heartbeat_fd
        self._next_heartbeat_ns = 0
        self.stopping = False

    @classmethod
    def from_environment(cls) -> "Child":
        """The child this process was started as. Raises SystemExit(2) when it was started by hand."""
        text = os.environ.pop(ENVIRONMENT_KEY, None)
        if text is None:
            print("this process is started by `lkas`; see `lkas --help`", file=sys.stderr)
            raise SystemExit(2)
        child = cls(**json.loads(text))
        log.set_up(child.name, child._verbose)
        os.environ["LKAS_INSTANCE"] = child.instance
        die_with_parent(_supervisor_pid())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, child._on_signal)
        return child

    def configuration(self, sections: Mapping[str, type[Section]]) -> Configuration:
        """The sections this process asked for, already checked by the supervisor."""
        return from_json(sections, self._configuration)

    def heartbeat(self) -> None:
        """Say `still going round`; called once per loop, sent ten times a second at most."""
        now_ns = time.monotonic_ns()
        if self._heartbeat_fd is None or now_ns < self._next_heartbeat_ns:
            return
        self._next_heartbeat_ns = now_ns + HEARTBEAT_PERIOD_NS
        try:
            os.write(self._heartbeat_fd, b".")
        except BlockingIOError:
            pass  # the supervisor is busy; it has plenty of beats to read
        except BrokenPipeError:
            self.stopping = True

    def goes_on(self) -> bool:
        """Whether to go on with what is waited for: a heartbeat, and False once it is told to stop."""
        self.heartbeat()
        return not self.stopping

    def _on_signal(self, number: int, frame: object) -> None:
        self.stopping = True


def die_with_supervisor() -> None:
    """`die_with_parent` for a program that a supervisor may have started, or a person."""
    pid = _supervisor_pid()
    if pid is not None:
        die_with_parent(pid)


def die_with_parent(pid: int | None = None) -> None:
    """Have the kernel send SIGTERM when the parent process ends, however it ends (Linux).

    `pid` is the parent's: one that was killed while this process was still starting has left it to another by now.
    """
    parent = os.getppid() if pid is None else pid
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _supervisor_pid() -> int | None:
    """Told once: what this process starts in its turn is nothing of the supervisor's."""
    text = os.environ.pop(PARENT_KEY, None)
    return None if text is None else int(text)
