"""A stub server in a separate process, for tests: start, query, inject faults, kill, restart on its port."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from typing import Any

import msgpack

from tests.support.carla_server.server import DESTROY_CARS, SET_FAULTS, STATE
from tests.support.stack import ROOT, free_port

START_S, CALL_S, LIFETIME_S = 120.0, 60.0, 3600.0
READY = re.compile(r"on port \d+")
ATTEMPTS = 3


class StubServer:
    """Every wait has a deadline, and the process ends with the test that started it."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[str] | None = None
        for _ in range(ATTEMPTS):
            self.port = free_port()
            if self._has_started():
                return
        raise AssertionError(f"the stub server did not start in {ATTEMPTS} attempts")

    def start(self) -> None:
        """Start it again, on the same port."""
        assert self._has_started(), f"the stub server did not start again on port {self.port}"

    def _has_started(self) -> bool:
        """Start the process; return False when it ended, because another process took the port in between."""
        command = [sys.executable, "-m", "tests.support.carla_server"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--lifetime", str(LIFETIME_S), *self._arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LKAS_PARENT": str(os.getpid()), "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline() if ready else ""
        if not READY.search(line):
            self._end(signal.SIGKILL)
            return False
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def state(self) -> dict[str, Any]:
        """Return the state of the server."""
        return self._call(STATE)

    def set_faults(self, **faults: Any) -> None:
        """Switch faults on or off, by their names in `Faults`."""
        self._call(SET_FAULTS, faults)

    def destroy_cars(self) -> None:
        """Destroy all cars."""
        self._call(DESTROY_CARS)

    def kill(self) -> None:
        """Kill the process, like a crash."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.communicate(timeout=CALL_S)
            self._process = None

    def _call(self, method: str, *parameters: Any) -> Any:
        with socket.create_connection(("127.0.0.1", self.port), timeout=CALL_S) as connection:
            connection.sendall(msgpack.packb([0, 1, method, [[False], *parameters]]))
            unpacker = msgpack.Unpacker(raw=False)
            while chunk := connection.recv(65536):
                unpacker.feed(chunk)
                for _, _, _, result in unpacker:
                    is_ok, *value = result[0] if result[0] != [] else [1]
                    assert is_ok in (1, False), value
                    return value[0] if value else None
        raise AssertionError(f"{method}: the stub server closed the connection")
