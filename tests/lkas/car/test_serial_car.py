"""A car on a serial line, over a pseudo terminal, with the microcontroller's program on the other end."""

import math
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.car import SerialCar
from lkas.car.command import CarConfig
from lkas.car.lines import CommandLine, LineSplitter, StateLine, decode
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import VehicleConfig
from tests.lkas.car.driver import BlankCamera
from tests.support.stack import PATIENCE_S, ROOT, wait_until

ROUNDS = int(os.environ.get("LKAS_NEUTRAL_ROUNDS", "5"))  # of each failure; `make nightly` does 50
LIMIT_S = 0.1  # from the failure to neutral
SHARES = st.floats(-1, 1).map(lambda value: round(value, 3))


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


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    target = tmp_path_factory.mktemp("board") / "board"
    sources = [Path(__file__).with_name("board.c"), ROOT / "examples" / "car" / "microcontroller.c"]
    subprocess.run(["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, *sources], check=True)
    return target


@pytest.fixture
def board(program):
    board = Board(program)
    yield board
    board.close()


@given(SHARES, st.floats(0, 1), st.floats(0, 1), st.integers(0, 65535))
def test_a_command_comes_back_from_its_line(steering, throttle, brake, sequence):
    line = CommandLine(sequence=sequence, steering=steering, throttle=round(throttle, 3), brake=round(brake, 3))
    assert decode(line.encode()) == line


@given(st.none() | SHARES, st.none() | SHARES, st.none() | SHARES)
def test_a_state_comes_back_from_its_line(speed_mps, yaw_rate_radps, steering):
    line = StateLine(sequence=1, speed_mps=speed_mps, yaw_rate_radps=yaw_rate_radps, steering=steering)
    assert decode(line.encode()) == line


@given(st.binary(max_size=80))
def test_rubbish_is_no_line(data):
    decode(data)
    splitter = LineSplitter()
    for _ in range(4):
        splitter.feed(data)
    assert len(splitter._rest) <= 64


@given(st.integers(1, 20), st.integers(1, 255))
def test_a_flipped_byte_is_noticed(position, change):
    line = bytearray(CommandLine(sequence=12, steering=-0.5, throttle=0.25, brake=0.0).encode())
    line[position % (len(line) - 2)] ^= change
    found = decode(bytes(line))
    assert found is None or found == decode(CommandLine(sequence=12, steering=-0.5, throttle=0.25, brake=0.0).encode())


@pytest.mark.parametrize(
    "text",
    [b"$C,1,1001,0,0", b"$C,1,0,-1,0", b"$C,1,0,0,1001", b"$C,70000,0,0,0", b"$C,1,0,0", b"$X,1", b"$N", b"$C,1,,0,0"],
)
def test_values_out_of_range_are_no_command(text):
    total = 0
    for byte in text[1:]:
        total ^= byte
    assert decode(text + b"*%02X\r\n" % total) is None


def test_what_the_car_senses_becomes_its_state(board):
    car = SerialCar(board.port, camera=BlankCamera())
    try:
        board.sense(1500, -250)
        state = wait_until(lambda: _sensed(car, 1.5), "the car's speed arrives")
        assert state.yaw_rate_radps == -0.25
        assert state.max_steer_rad == pytest.approx(math.radians(35.0))
    finally:
        car.close()


def _sensed(car, speed_mps):
    state = car.tick(None).state
    time.sleep(0.01)
    return state if state.speed_mps == speed_mps else None


@pytest.mark.parametrize(
    ("sign", "centre", "expected"), [(1, 0.0, 250), (-1, 0.0, -250), (1, 0.1, 350), (-1, -0.1, -350)]
)
def test_sign_and_centre_are_applied_to_the_servo(board, sign, centre, expected):
    car = SerialCar(board.port, camera=BlankCamera(), car=CarConfig(steering_sign=sign, steering_centre=centre))
    try:
        now_ns = time.monotonic_ns()
        car.tick(ControlMessage(steering=0.25, throttle=0.1, brake=0.0, valid_until=now_ns / 1e9 + 5))
        board.wait_for(f"steer {expected}")
    finally:
        car.close()


@pytest.mark.parametrize("failure", ["kill", "stop", "hang", "expire", "pull"])
def test_any_failure_puts_the_car_into_neutral(program, failure):
    rng = random.Random(failure)
    slowest_s = 0.0
    for _ in range(ROUNDS):
        board = Board(program)
        try:
            slowest_s = max(slowest_s, _neutral_after(board, failure, rng))
        finally:
            board.close()
    print(f"{failure}: neutral after {slowest_s * 1000:.0f} ms at most")


def _neutral_after(board, failure, rng):
    """Seconds from the failure to neutral; one that this machine held up is asked again."""
    for _ in range(3):
        command = [sys.executable, "-m", "tests.lkas.car.driver", board.port]
        driver = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
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
            passed_s = (board.wait_for("drive 0 0") - failed_ns) / 1e9
        finally:
            driver.kill()
            driver.communicate(timeout=PATIENCE_S)
        if passed_s <= LIMIT_S:
            return passed_s
    raise AssertionError(f"{failure}: neutral only after {passed_s:.3f} s")


def test_the_car_goes_on_when_the_cable_is_back(program, tmp_path):
    link = tmp_path / "tty"
    first = Board(program)
    link.symlink_to(first.port)
    car = SerialCar(str(link), camera=BlankCamera())
    try:
        assert car._port.is_open
        first.close()
        wait_until(lambda: (car.tick(None), not car._port.is_open)[1], "the pulled cable is noticed")
        second = Board(program)
        link.unlink()
        link.symlink_to(second.port)
        try:
            second.sense(700, 0)
            wait_until(lambda: _sensed(car, 0.7), "the car is heard again")
        finally:
            second.close()
    finally:
        car.close()


def test_a_line_that_is_not_there_is_an_error_that_names_it(tmp_path):
    with pytest.raises(OSError, match="nothing"):
        SerialCar(str(tmp_path / "nothing"), camera=BlankCamera())
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="not a serial line"):
        SerialCar(str(file), camera=BlankCamera())
    with pytest.raises(ValueError, match="baud 12345"):
        SerialCar("/dev/null", camera=BlankCamera(), baud=12345, vehicle=VehicleConfig())
