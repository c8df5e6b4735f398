"""A stack of real processes for a test, with an instance and ports of its own; `close` checks that nothing is left."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lkas.integration.zmq import BrokerClient, Ports
from lkas.integration.zmq.ports import free_port_base

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0  # a busy machine starts and ends programs slowly


def free_port() -> int:
    """Return a free TCP port that neither outgoing connections nor brokers use, and that Chromium opens."""
    while True:
        port = random.randrange(7_000, 10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Yield a TCP port on which no process listens, or can start to listen meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = PATIENCE_S, period_s: float = 0.02) -> Any:
    """Return the first true value of `condition`. Raises AssertionError that names `what` after the time limit."""
    deadline = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(period_s)


def segments(instance: str) -> list[str]:
    """Return the files of this instance in shared memory."""
    return sorted(path.name for path in Path("/dev/shm").glob(f"lkas.*.{instance}.*"))


class Stack:
    """The programs of one instance. `close` ends them and checks that nothing is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = f"test-{uuid.uuid4().hex[:10]}"
        self.port_base = free_port_base()
        self.viewer_port = free_port()
        self.programs: list[subprocess.Popen[str]] = []
        self._viewer = BrokerClient(Ports(self.port_base), topics=("health",))
        self._health: dict[str, Any] = {}

    def start(self, program: str, *arguments: str, settings: bool = True) -> subprocess.Popen[str]:
        """Start `python -m program`. `output` returns what it prints."""
        shared = ["--set", f"zmq.port_base={self.port_base}"] if settings else []
        if program != "viewer":
            shared += ["--instance", self.instance]
        with (self.folder / f"{program}-{len(self.programs)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *arguments, *shared],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.programs.append(process)
        return process

    def lkas(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `lkas` command against this stack to its end."""
        return subprocess.run(
            [sys.executable, "-m", "lkas", *arguments, "--set", f"zmq.port_base={self.port_base}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def output(self) -> str:
        """Return everything the programs have printed so far."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def health(self) -> dict[str, Any]:
        """Return the newest health message of the broker, or an empty dict before the first."""
        self._health = self._viewer.poll().get("health", self._health)
        return self._health

    def pid_of(self, name: str) -> int | None:
        """Return the pid of a supervised process, as the broker reports it."""
        return next((row["pid"] for row in self.health().get("processes", []) if row["name"] == name), None)

    def close(self) -> None:
        """End all programs that still run."""
        self._viewer.close()
        for process in self.programs:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.programs:
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(
                    f"{process.args} did not end within {PATIENCE_S:g} s of SIGTERM\n{self.output()}"
                ) from None
        wait_until(lambda: not processes_of(self.instance), f"children of {self.instance} are gone")
        assert segments(self.instance) == []


def processes_of(instance: str) -> list[int]:
    """Return the pids of all processes of this instance, found by their environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if instance.encode() in text:
            found.append(int(entry.name))
    return found
