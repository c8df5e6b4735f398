"""A VESC over a pseudo terminal: the frames that arrive, and the speed that comes back."""

import os
import struct
import time
import tty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.car import VescCar
from lkas.car.vesc_frames import GET_VALUES, FrameSplitter, crc16, frame, motor_values, set_servo
from lkas.integration.shared_memory.messages import ControlMessage
from tests.lkas.car.driver import BlankCamera
from tests.support.stack import wait_until


def test_the_checksum_is_that_of_the_standard():
    assert crc16(b"123456789") == 0x31C3  # CRC-16/XMODEM's check value


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=4), st.binary(max_size=20).filter(lambda b: 2 not in b))
def test_frames_are_found_between_other_bytes(payloads, rubbish):
    stream = rubbish + b"".join(frame(payload) for payload in payloads)
    splitter = FrameSplitter()
    found = [payload for position in range(len(stream)) for payload in splitter.feed(stream[position : position + 1])]
    assert found == payloads


@given(st.binary(max_size=300))
def test_rubbish_raises_nothing_and_is_bounded(data):
    splitter = FrameSplitter()
    for _ in range(5):
        splitter.feed(data)
    assert len(splitter._rest) <= 260


def values_payload(erpm: int) -> bytes:
    return bytes((GET_VALUES,)) + bytes(22) + struct.pack(">i", erpm) + bytes(30)


def test_the_speed_stands_behind_temperatures_and_currents():
    values = motor_values(values_payload(-1234))
    assert values is not None
    assert values.erpm == -1234
    assert motor_values(b"\x04short") is None


def test_a_command_becomes_servo_and_current_and_the_speed_comes_back():
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    car = VescCar(os.ttyname(slave), camera=BlankCamera(), mps_per_erpm=0.001, servo_centre=0.5, servo_range=0.4)
    splitter, seen = FrameSplitter(), []
    try:

        def drive() -> bool:
            now_s = time.monotonic()
            control = ControlMessage(steering=0.5, throttle=0.25, brake=0.0, valid_until=now_s + 1.0)
            os.write(master, frame(values_payload(2000)))
            state = car.tick(control).state
            time.sleep(0.01)
            seen.extend(splitter.feed(os.read(master, 4096)))
            return state.speed_mps == pytest.approx(2.0)

        wait_until(drive, "the speed arrives")
        assert set_servo(0.7)[2:5] in seen
        assert struct.pack(">Bi", 6, 5000) in seen  # 0.25 of 20 A
        car.tick(None)
        time.sleep(0.01)
        assert struct.pack(">Bi", 6, 0) in splitter.feed(os.read(master, 4096))
    finally:
        car.close()
        os.close(master)
        os.close(slave)
