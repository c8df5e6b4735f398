"""The heartbeat of a supervised process: one byte in a pipe, at most ten times a second, while its loop runs."""

import os
import time

HEARTBEAT_KEY = "LKAS_HEARTBEAT"  # descriptor of the pipe
HEARTBEAT_PERIOD_NS = 100_000_000


class Heartbeat:
    """Tells the supervisor that a loop runs. Without a supervisor it does nothing."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._due_ns = 0

    @classmethod
    def from_environment(cls) -> "Heartbeat":
        """Read the variable once and remove it: it does not apply to what this process starts."""
        text = os.environ.pop(HEARTBEAT_KEY, None)
        return cls(None if text is None else int(text))

    def beat(self) -> bool:
        """Send a beat when one is due. Called once per cycle; returns False when the supervisor is gone."""
        now_ns = time.monotonic_ns()
        if self._descriptor is None or now_ns < self._due_ns:
            return True
        self._due_ns = now_ns + HEARTBEAT_PERIOD_NS
        try:
            os.write(self._descriptor, b".")
        except BlockingIOError:
            pass  # the pipe is full: the supervisor has beats to read
        except BrokenPipeError:
            return False
        return True
