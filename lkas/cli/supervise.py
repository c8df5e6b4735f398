"""Runs a supervisor until Ctrl-C, SIGTERM or the end of one of its processes."""

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lkas.runtime.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED
from lkas.runtime.supervisor import ProcessState, Supervisor

if TYPE_CHECKING:
    from lkas.integration.zmq.client import SupervisorClient


class StopSignals:
    """Remembers the first SIGINT or SIGTERM as the exit code that it stands for."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        signal.signal(signal.SIGINT, lambda *_: self._remember(EXIT_INTERRUPTED))
        signal.signal(signal.SIGTERM, lambda *_: self._remember(EXIT_TERMINATED))

    def _remember(self, exit_code: int) -> None:
        if self.exit_code is None:
            self.exit_code = exit_code


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
