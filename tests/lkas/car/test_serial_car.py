"""A car on a serial line, over a pseudo terminal, with the microcontroller's program on the other end."""

import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.car import SerialCar
from lkas.car.command import SteeringWiring
from lkas.car.lines import CommandLine, LineSplitter, StateLine, decode
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import VehicleConfig
from tests.lkas.car.board import FAILURES, Board, build_board, neutral_after_s
from tests.lkas.car.driver import BlankCamera
from tests.support.stack import PATIENCE_S, wait_until

SHARES = st.floats(-1, 1).map(lambda value: round(value, 3))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build_board(tmp_path_factory.mktemp("board"))


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
    car = SerialCar(board.port, camera=BlankCamera(), wiring=SteeringWiring(sign=sign, centre=centre))
    try:
        now_ns = time.monotonic_ns()
        car.tick(ControlMessage(steering=0.25, throttle=0.1, brake=0.0, valid_until=now_ns / 1e9 + 5))
        board.wait_for(f"steer {expected}")
    finally:
        car.close()


@pytest.mark.parametrize("failure", FAILURES)
def test_any_failure_puts_the_car_into_neutral(program, failure):
    """How fast: `python -m benchmarks.neutral_times`."""
    assert neutral_after_s(program, failure, random.Random(failure)) < PATIENCE_S


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
