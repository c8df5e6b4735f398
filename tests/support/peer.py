"""A second process in a test: runs a function of a module in a new interpreter and talks to the test line by line."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import Any

DEADLINE_S = 120.0


class Peer:
    """Runs `module.function(**arguments)` in its own process and reads its standard output as lines."""

    def __init__(self, module: str, function: str, **arguments: Any) -> None:
        code = f"import json, sys, {module} as m; m.{function}(**json.loads(sys.argv[1]))"
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", code, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._pending = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """Return the next line that the peer prints. Raises AssertionError when it ends or takes too long."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                assert selector.select(max(0.0, deadline - time.monotonic())), f"no line within {DEADLINE_S:g} s"
                chunk = os.read(self._process.stdout.fileno(), 65536)
                assert chunk, f"the peer ended with {self._process.wait()} before its next line"
                self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode()

    def release(self) -> None:
        """Let `wait_for_release` in the peer return."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Send SIGKILL and wait until the process has ended."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(DEADLINE_S)

    def wait(self) -> int:
        return self._process.wait(DEADLINE_S)

    def stop(self) -> None:
        """End the process, whatever the test has done with it."""
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()


def print_line(text: object) -> None:
    """Print one line for the test. Called in the peer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wait_for_release() -> None:
    """Sleep until the test calls `release` or ends. Called in the peer."""
    sys.stdin.read()
