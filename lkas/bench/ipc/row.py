"""A row of `lkas bench ipc`: one way to bring messages from one process to another, and the messages themselves.

A row gives a `Sender` and a `Receiver` for each kind of message it can carry. `send(stamp)` makes a message that
carries the stamp visible; `poll()` returns the newest one's stamp once its content is in hand, or None; `wait(s)` is
the same, asleep until there is one. Kinds of the latest value:

- control: nine fields, written as values and read as attributes
- control_full: our ControlMessage with every field set
- small: 64 bytes
- frame: 800 x 600 x 3 bytes, copied in and out
- frame_in_place: the same without a copy on either side, where a row can

Kinds of queued messages:

- stream: 64 bytes, one after the other, as fast as the receiver takes them; none may be lost
- round_trip: a small dict as msgpack to another process and an answer back; a sender's `send` is the whole way
"""

import struct
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

WIDTH, HEIGHT = 800, 600
FRAME_BYTES = WIDTH * HEIGHT * 3
SMALL_BYTES = 64
NINE = struct.Struct("<8dq")
NINE_VALUES = (0.1, 0.2, 0.0, 1.0, 0.3, 0.4, 2.3, 5.0)
STAMP = struct.Struct("<q")
QUEUED_KINDS = ("stream", "round_trip")
QUEUED = 1000  # messages that may wait, at each row
PATIENCE_MS = 5000  # for room in a queue, or an answer


class Nine(Struct):
    """What a Python program would unpack nine numbers into."""

    steering: float
    throttle: float
    brake: float
    mode: float
    lateral_offset: float
    lateral_offset_meters: float
    heading_angle: float
    lane_width_pixels: float
    stamp: int


class Sender(Struct, frozen=True):
    send: Callable[[int], Any]
    close: Callable[[], Any]


class Receiver(Struct, frozen=True):
    poll: Callable[[], int | None]
    wait: Callable[[float], int | None]
    look: Callable[[], Any]  # the bare call of the library that finds nothing
    close: Callable[[], Any]


class Row:
    """One line of the table. `shared` is what `prepare` made, handed to both processes."""

    name: str
    kinds: tuple[str, ...] = ("control", "small", "frame")
    has_many_readers = True

    @staticmethod
    def missing() -> str | None:
        """Why this row can not be measured here, or None."""
        return None

    @staticmethod
    def prepare(context: Any) -> Any:
        """Made once in the parent, where a row needs something inherited."""
        return None

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        raise NotImplementedError

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        raise NotImplementedError


def sleeping(poll: Callable[[], int | None]) -> Callable[[float], int | None]:
    """A wait for rows without one: look every 50 us."""

    def wait(timeout: float) -> int | None:
        end = time.monotonic() + timeout
        while (stamp := poll()) is None and time.monotonic() < end:
            time.sleep(50e-6)
        return stamp

    return wait


def payload(kind: str) -> bytearray:
    return bytearray({"control": NINE.size, "small": SMALL_BYTES}.get(kind, FRAME_BYTES))


def packing(kind: str, send: Callable[[Any], Any]) -> Callable[[int], Any]:
    """Put the stamp, or all nine fields, into bytes, and send those."""
    if kind == "control":
        return lambda stamp: send(NINE.pack(*NINE_VALUES, stamp))
    buffer = payload(kind)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send


def unpacked(kind: str, content: Any) -> int:
    return Nine(*NINE.unpack(content)).stamp if kind == "control" else STAMP.unpack_from(content)[0]


def question(stamp: int) -> dict[str, Any]:
    return {"query": "status", "stamp": stamp, "values": [1.0, 2.0, 3.0]}


def streaming(send: Callable[[bytearray], Any]) -> Callable[[int], Any]:
    buffer = bytearray(SMALL_BYTES)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send
