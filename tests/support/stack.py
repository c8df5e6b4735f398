"""A whole stack of real processes for a test: its own instance and ports, and proof that nothing is left."""

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
PATIENCE_S = 120.0  # on a machine that does many other things a program needs its time to start, and to end


def free_port() -> int:
    """A TCP port that is free now: none that an outgoing connection could be given, nor a broker's, nor one that
    Chromium refuses to open."""
    while True:
        port = random.randrange(7_000, 10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A TCP port on which nobody listens, nor can begin to meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = PATIENCE_S, period_s: float = 0.02) -> Any:
    """The first true answer of `condition`; AssertionError naming `what` when the time is over."""
    deadline = time.monotonic() + limit_s
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(period_s)


def segments(instance: str) -> list[str]:
    """Files of this instance in shared memory."""
    return sorted(path.name for path in Path("/dev/shm").glob(f"lkas.*.{instance}.*"))


class Stack:
    """Programs of one instance; `close` ends them and proves that nothing is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = f"test-{uuid.uuid4().hex[:10]}"
        self.port_base = free_port_base()
        self.viewer_port = free_port()
        self.programs: list[subprocess.Popen[str]] = []
        self._viewer = BrokerClient(Ports(self.port_base), topics=("health",))
        self._health: dict[str, Any] = {}

    def start(self, program: str, *arguments: str, settings: bool = True) -> subprocess.Popen[str]:
        """Start `python -m program`; its output goes to a file that `output` reads."""
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
        """Run a one-shot `lkas` command against this stack."""
        return subprocess.run(
            [sys.executable, "-m", "lkas", *arguments, "--set", f"zmq.port_base={self.port_base}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def output(self) -> str:
        """Everything the programs have printed so far."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def health(self) -> dict[str, Any]:
        """The broker's newest health message, or an empty dict while there is none."""
        self._health = self._viewer.poll().get("health", self._health)
        return self._health

    def pid_of(self, name: str) -> int | None:
        """Pid of a supervised process, as the broker knows it."""
        return next((row["pid"] for row in self.health().get("processes", []) if row["name"] == name), None)

    def close(self) -> None:
        """End everything that still runs."""
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
    """Pids of all processes that belong to this instance, by their environment or command line."""
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
