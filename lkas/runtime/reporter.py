"""Reports the states of the supervised processes: on every change, and once a second in case a receiver restarts."""

from collections.abc import Callable, Sequence

from lkas.clock import Clock, MonotonicClock
from lkas.runtime.watched_process import ProcessState

REPORT_PERIOD_NS = 1_000_000_000


class ProcessReporter:
    """Passes process states to `send`."""

    def __init__(self, send: Callable[[Sequence[ProcessState]], None], clock: Clock | None = None) -> None:
        self._send = send
        self._clock = clock or MonotonicClock()
        self._states: Sequence[ProcessState] = ()
        self._due_ns = 0

    def update(self, states: Sequence[ProcessState]) -> None:
        """Send changed states at once."""
        self._states = states
        self._due_ns = 0
        self.repeat()

    def repeat(self) -> None:
        """Send the newest states again when a second has passed."""
        now_ns = self._clock.now_ns()
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + REPORT_PERIOD_NS
            self._send(self._states)
