"""Runs a supervisor until Ctrl-C, SIGTERM, SIGHUP or the end of one of its processes."""

import signal
from collections import deque
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from lkas.health import Level
from lkas.runtime.exit_codes import exit_code_of_signal
from lkas.runtime.stop_signals import stop_signals
from lkas.runtime.supervisor import Supervisor
from lkas.runtime.watched_process import ProcessState

if TYPE_CHECKING:
    from lkas.integration.zmq.client import SupervisorClient

MAX_WAITING_EVENTS = 100


class StopSignals:
    """Remembers the first SIGINT, SIGTERM or SIGHUP as the exit code that it stands for."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        for number in stop_signals():
            signal.signal(number, self._remember)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.exit_code is None:
            self.exit_code = exit_code_of_signal(number)


def supervise(supervisor: Supervisor, stop: StopSignals, each_step: Callable[[], None] | None = None) -> int:
    """Keep the processes running and return the exit code of whatever ended the run.

    `each_step` is called about ten times a second.
    """
    try:
        while True:
            supervisor.step()
            if each_step is not None:
                each_step()
            for code in (stop.exit_code, supervisor.exit_code):
                if code is not None:
                    return code
    finally:
        supervisor.stop()


class EventSender:
    """Sends the supervisor's events to the broker; those that happen while it is away wait until it is back."""

    def __init__(self, client: "SupervisorClient") -> None:
        self._client = client
        self._waiting: deque[tuple[Level, str]] = deque(maxlen=MAX_WAITING_EVENTS)

    def add(self, level: Level, text: str) -> None:
        """Queue an event: level and one sentence."""
        self._waiting.append((level, text))
        self.send()

    def send(self) -> None:
        """Send what waits, if the broker takes it."""
        while self._waiting and self._client.send_event("process", *self._waiting[0]):
            self._waiting.popleft()


def states_sender(client: "SupervisorClient") -> Callable[[Sequence[ProcessState]], None]:
    """Return a function that sends process states to the broker."""
    from lkas.integration.zmq.messages import ProcessEntry

    def send(states: Sequence[ProcessState]) -> None:
        client.send_processes(
            tuple(
                ProcessEntry(name=state.name, pid=state.pid, state=state.state, restarts=state.restarts)
                for state in states
            )
        )

    return send
