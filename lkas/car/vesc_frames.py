"""Frames of the VESC motor controller's serial protocol (bldc firmware 3 to 6: commands.c, packet.c).

    short frame: 2, length (1 byte), payload, CRC-16 (2 bytes, polynomial 0x1021, start 0), 3

Numbers in a payload are big-endian and scaled: duty 1e5, current 1e3 (A), servo position 1e3.
"""

import struct

from msgspec import Struct

START, STOP = 2, 3
GET_VALUES, SET_DUTY, SET_CURRENT, SET_CURRENT_BRAKE, SET_SERVO_POS, ALIVE = 4, 5, 6, 7, 12, 30
MAX_PAYLOAD_BYTES = 255
_ERPM_AT = 23  # in the answer to GET_VALUES, behind the temperatures, currents and the duty cycle


def crc16(data: bytes) -> int:
    """CRC-16/XMODEM."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def frame(payload: bytes) -> bytes:
    """Return a payload of at most 255 bytes as a short frame."""
    return bytes((START, len(payload))) + payload + struct.pack(">HB", crc16(payload), STOP)


def set_current(current_a: float) -> bytes:
    """Return the frame that drives the motor with this current; 0 lets it roll."""
    return frame(struct.pack(">Bi", SET_CURRENT, round(1000 * current_a)))


def set_brake(current_a: float) -> bytes:
    """Return the frame that brakes with this current."""
    return frame(struct.pack(">Bi", SET_CURRENT_BRAKE, round(1000 * current_a)))


def set_servo(position: float) -> bytes:
    """Return the frame that puts the servo to a position within [0, 1]."""
    return frame(struct.pack(">Bh", SET_SERVO_POS, round(1000 * position)))


def get_values() -> bytes:
    """Return the frame that asks for the motor's values."""
    return frame(bytes((GET_VALUES,)))


class MotorValues(Struct, frozen=True):
    """What is used of the answer to GET_VALUES."""

    erpm: int  # electrical revolutions per minute, signed


def motor_values(payload: bytes) -> MotorValues | None:
    """Return the values of an answer to GET_VALUES, or None for any other payload."""
    if len(payload) < _ERPM_AT + 4 or payload[0] != GET_VALUES:
        return None
    return MotorValues(struct.unpack_from(">i", payload, _ERPM_AT)[0])


class FrameSplitter:
    """Finds the valid short frames in a byte stream; other bytes are passed over and counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads of the frames that these bytes complete."""
        rest, found = self._rest + data, []
        while True:
            start = rest.find(START)
            if start < 0:
                self.dropped_bytes += len(rest)
                rest = b""
                break
            self.dropped_bytes += start
            rest = rest[start:]
            if len(rest) < 2 or len(rest) < rest[1] + 5:
                break
            length = rest[1]
            payload, (crc, stop) = rest[2 : 2 + length], struct.unpack_from(">HB", rest, 2 + length)
            if stop == STOP and crc == crc16(payload):
                found.append(payload)
                rest = rest[length + 5 :]
            else:
                self.dropped_bytes += 1
                rest = rest[1:]
        self._rest = rest
        return found
