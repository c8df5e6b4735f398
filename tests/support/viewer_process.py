"""Starts the command `viewer` as a process on a free port."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from typing import Any

import httpx

from lkas.integration.zmq.ports import Ports

TIMEOUT_S = 60.0  # of a request to a viewer
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class ViewerProcess:
    """A running viewer and its URLs."""

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process = process
        self.url = url
        self.host = url.removeprefix("http://").rstrip("/")
        self.websocket_url = f"ws://{self.host}/ws"

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


def get(url: str, **options: Any) -> httpx.Response:
    """GET with a timeout that a busy machine does not reach."""
    return httpx.get(url, timeout=TIMEOUT_S, **options)


@contextmanager
def running_viewer(ports: Ports, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[ViewerProcess]:
    """Start a viewer of the broker at these ports; terminate it at the end of the `with` block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer", "--port", "0", "--broker", f"{ports.host}:{ports.base}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("LKAS_")} | (environment or {}),
    )
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True)
    reader.start()
    try:
        found = re.search(r"http://\S+", lines.get(timeout=START_TIMEOUT_S))
        assert found, "the viewer printed no URL"
        yield ViewerProcess(process, found.group())
    except Empty:
        raise AssertionError(f"no URL within {START_TIMEOUT_S} s; exit code {process.poll()}") from None
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
        reader.join(STOP_TIMEOUT_S)
        process.stdout.close()
