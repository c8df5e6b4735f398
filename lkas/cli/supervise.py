"""Runs a supervisor until Ctrl-C, SIGTERM or the end of one of its processes."""

import signal
from collections.abc import Callable

from lkas.runtime.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED
from lkas.runtime.supervisor import Supervisor


class StopRequest:
    """Remembers the first SIGINT or SIGTERM."""

    def __init__(self) -> None:
        self.exit_code: int | None = None
        signal.signal(signal.SIGINT, lambda *_: self._take(EXIT_INTERRUPTED))
        signal.signal(signal.SIGTERM, lambda *_: self._take(EXIT_TERMINATED))

    def _take(self, exit_code: int) -> None:
        if self.exit_code is None:
            self.exit_code = exit_code


def supervise(supervisor: Supervisor, stop: StopRequest, each_step: Callable[[], int | None]) -> int:
    """Keep the processes running; the exit code of whatever ended it.

    `each_step` is called about ten times a second and may end the run by returning an exit code.
    """
    try:
        while True:
            supervisor.step()
            for code in (stop.exit_code, supervisor.exit_code, each_step()):
                if code is not None:
                    return code
    finally:
        supervisor.stop()
