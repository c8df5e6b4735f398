"""A viewer as its users start it: a process of its own, on a free port."""

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

PATIENCE_S = 60.0  # of whoever asks a viewer
START_S = 60.0
STOP_S = 60.0


class ViewerProcess:
    """A running viewer: its URL and its process."""

    def __init__(self, process: subprocess.Popen, url: str) -> None:
        self.process = process
        self.url = url
        self.host = url.removeprefix("http://").rstrip("/")
        self.websocket_url = f"ws://{self.host}/ws"

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


def get(url: str, **options: Any) -> httpx.Response:
    """What a viewer answers, however busy the machine."""
    return httpx.get(url, timeout=PATIENCE_S, **options)


@contextmanager
def running_viewer(ports: Ports, *arguments: str) -> Iterator[ViewerProcess]:
    """Start a viewer of the broker at these ports; ended and waited for on the way out."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer", "--port", "0", "--broker", f"{ports.host}:{ports.base}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("LKAS_")},
    )
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True)
    reader.start()
    try:
        found = re.search(r"http://\S+", lines.get(timeout=START_S))
        assert found, "the viewer printed no URL"
        yield ViewerProcess(process, found.group())
    except Empty:
        raise AssertionError(f"no URL within {START_S} s; exit code {process.poll()}") from None
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        reader.join(STOP_S)
        process.stdout.close()
