"""SIGINT, SIGTERM and SIGHUP: end a running world."""

import signal
from types import FrameType

from lkas.runtime.exit_codes import exit_code_of_signal
from lkas.runtime.stop_signals import stop_signals


class StopSignals:
    """Ends the program on a stop signal: at once during start-up, after the current step while it drives."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.finish_step = False
        for number in stop_signals():
            signal.signal(number, self._on_signal)

    @property
    def exit_code(self) -> int:
        return 0 if self.number is None else exit_code_of_signal(self.number)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.number = self.number or number
        if not self.finish_step:
            raise SystemExit(self.exit_code)
