"""The supervised side of a process: it receives settings from its supervisor and sends heartbeats back.

A child ends on SIGTERM or SIGINT, and when its parent process ends for any reason.
"""

import atexit
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping

from lkas.config import Configuration, from_json
from lkas.parameters import Section
from lkas.runtime import log
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.heartbeat import Heartbeat
from lkas.runtime.stop_signals import stop_signals

ENVIRONMENT_KEY = "LKAS_CHILD"
PARENT_KEY = "LKAS_PARENT"  # pid of the supervisor; the started program ends with it
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
        log_format: str = log.LogFormat.TEXT,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self.name = name
        self.instance = instance
        self.broadcast = broadcast
        self._configuration = configuration
        self._log_options = log.LogOptions(verbose=verbose, format=log.LogFormat(log_format))
        self._heartbeat = heartbeat or Heartbeat(None)
        self.stopping = False

    @classmethod
    def from_environment(cls) -> "Child":
        """Read the settings of this process. Raises SystemExit(2) when a user started it by hand."""
        text = os.environ.pop(ENVIRONMENT_KEY, None)
        if text is None:
            print("this process is started by `lkas`; see `lkas --help`", file=sys.stderr)
            raise SystemExit(EXIT_USAGE)
        child = cls(**json.loads(text), heartbeat=Heartbeat.from_environment())
        atexit.register(log.set_up(child.name, child._log_options).close)
        os.environ["LKAS_INSTANCE"] = child.instance
        die_with_parent(_supervisor_pid())
        for number in stop_signals():
            signal.signal(number, child._on_signal)
        return child

    def configuration(self, sections: Mapping[str, type[Section]]) -> Configuration:
        """Return the requested sections. The supervisor has already checked them."""
        return from_json(sections, self._configuration)

    def heartbeat(self) -> None:
        """Report that the loop is running. Called once per cycle."""
        if not self._heartbeat.beat():
            self.stopping = True

    def keeps_running(self) -> bool:
        """Send a heartbeat and return False once the process is to stop. For loops that wait for something."""
        self.heartbeat()
        return not self.stopping

    def _on_signal(self, number: int, frame: object) -> None:
        self.stopping = True


def die_with_supervisor() -> None:
    """Do as `die_with_parent` when a supervisor started this program; do nothing when a user did."""
    pid = _supervisor_pid()
    if pid is not None:
        die_with_parent(pid)


def die_with_parent(pid: int | None = None) -> None:
    """Have the kernel send SIGTERM when the parent process ends for any reason (Linux).

    `pid` is the parent's, as known when this process was started: a parent that was killed since then is no longer the
    one that `os.getppid` returns.
    """
    parent = os.getppid() if pid is None else pid
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the request
        os.kill(os.getpid(), signal.SIGTERM)


def _supervisor_pid() -> int | None:
    """Read the variable once and remove it: it does not apply to what this process starts."""
    text = os.environ.pop(PARENT_KEY, None)
    return None if text is None else int(text)
