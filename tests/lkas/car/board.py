"""The microcontroller of a serial car on a pseudo terminal, and a driver that fails while it drives."""

import queue
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.support.stack import PATIENCE_S, ROOT

FAILURES = ("kill", "stop", "hang", "expire", "pull")  # of the driving process, its command, or the cable


def build_board(folder: Path) -> Path:
    """Compile examples/car/microcontroller.c for this machine; return the program."""
    target = folder / "board"
    sources = [Path(__file__).with_name("board.c"), ROOT / "examples" / "car" / "microcontroller.c"]
    subprocess.run(["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, *sources], check=True)
    return target


class Board:
    """The compiled microcontroller on a pseudo terminal of its own."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()
        self._changes: queue.Queue[tuple[int, str]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def sense(self, speed_mm_s: int, yaw_mrad_s: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{speed_mm_s} {yaw_mrad_s}\n")
        self._process.stdin.flush()

    def wait_for(self, change: str) -> int:
        """Monotonic ns at which the board did this."""
        while True:
            now_ns, found = self._changes.get(timeout=PATIENCE_S)
            if found == change:
                return now_ns

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            now_ns, _, change = line.strip().partition(" ")
            self._changes.put((int(now_ns), change))


def neutral_after_s(program: Path, failure: str, rng: random.Random) -> float:
    """Drive a car, let it fail, and return the seconds from there until its board is in neutral."""
    board = Board(program)
    command = [sys.executable, "-m", "tests.lkas.car.driver", board.port]
    driver = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert driver.stdin is not None
    assert driver.stdout is not None
    try:
        board.wait_for("drive 300 0")
        time.sleep(rng.uniform(0.02, 0.1))
        if failure in ("kill", "stop"):
            failed_ns = time.monotonic_ns()
            driver.send_signal(signal.SIGKILL if failure == "kill" else signal.SIGSTOP)
        else:
            driver.stdin.write(f"{failure}\n")
            driver.stdin.flush()
            failed_ns = int(driver.stdout.readline())
        return (board.wait_for("drive 0 0") - failed_ns) / 1e9
    finally:
        driver.kill()
        driver.communicate(timeout=PATIENCE_S)
        board.close()
