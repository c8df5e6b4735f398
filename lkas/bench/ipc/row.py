"""A row of `lkas bench ipc`: one way to send messages from one process to another, and the messages themselves.

A row gives a `Sender` and a `Receiver` for each kind of message it can carry. `send(stamp)` publishes a message
that carries the stamp; `poll()` receives the newest message and returns its stamp, or None; `wait(s)` does the same
and sleeps until there is one. Kinds with the latest value:

- control: nine fields, written as values and read as attributes
- control_full: our ControlMessage with every field set
- small: 64 bytes
- frame: 800 x 600 x 3 bytes, copied in and out
- frame_in_place: the same without a copy on either side, where a row can

Kinds with queued messages:

- stream: 64 bytes, at full speed, as fast as the receiver takes them; none may be lost
- round_trip: a small dict as msgpack to another process and a reply; a sender's `send` is the whole round trip
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
QUEUED = 1000  # messages that may wait, in each row
TIMEOUT_MS = 5000  # for room in a queue, or a reply


class Nine(Struct):
    """Nine numbers, as a Python program would unpack them."""

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
    bare_poll: Callable[[], Any]  # the library's own call, when there is no message
    close: Callable[[], Any]


class Row:
    """One line of the table. `shared` is the result of `prepare`, passed to both processes."""

    name: str
    kinds: tuple[str, ...] = ("control", "small", "frame")
    has_many_readers = True

    @staticmethod
    def missing() -> str | None:
        """Return why this row cannot be measured here, or None."""
        return None

    @staticmethod
    def prepare(context: Any) -> Any:
        """Create what the processes inherit; called once, in the parent."""
        return None

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        raise NotImplementedError

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        raise NotImplementedError


def sleeping(poll: Callable[[], int | None]) -> Callable[[float], int | None]:
    """Return a `wait` for rows without one: it polls every 50 us."""

    def wait(timeout: float) -> int | None:
        end = time.monotonic() + timeout
        while (stamp := poll()) is None and time.monotonic() < end:
            time.sleep(50e-6)
        return stamp

    return wait


def payload(kind: str) -> bytearray:
    return bytearray({"control": NINE.size, "small": SMALL_BYTES}.get(kind, FRAME_BYTES))


def packing(kind: str, send: Callable[[Any], Any]) -> Callable[[int], Any]:
    """Return a `send` that packs the stamp, or all nine fields, into bytes."""
    if kind == "control":
        return lambda stamp: send(NINE.pack(*NINE_VALUES, stamp))
    buffer = payload(kind)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send


def unpacked(kind: str, content: Any) -> int:
    return Nine(*NINE.unpack(content)).stamp if kind == "control" else STAMP.unpack_from(content)[0]


def request(stamp: int) -> dict[str, Any]:
    return {"query": "status", "stamp": stamp, "values": [1.0, 2.0, 3.0]}


def streaming(send: Callable[[bytearray], Any]) -> Callable[[int], Any]:
    buffer = bytearray(SMALL_BYTES)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send
