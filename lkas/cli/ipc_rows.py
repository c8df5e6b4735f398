"""What `lkas bench ipc` compares: one class per way to bring the latest message from one process to another.

A row gives a `Sender` and a `Receiver` for each kind of message it can carry. `send(stamp)` makes a message that
carries the stamp visible; `poll()` returns the newest one's stamp once its content is in hand, or None; `wait(s)` is
the same, asleep until there is one. Kinds:

- control: nine fields, written as values and read as attributes
- control_full: our ControlMessage with every field set
- small: 64 bytes
- frame: 800 x 600 x 3 bytes, copied in and out
- frame_in_place: the same without a copy on either side, where a row can
"""

import contextlib
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct

WIDTH, HEIGHT = 800, 600
FRAME_BYTES = WIDTH * HEIGHT * 3
SMALL_BYTES = 64
NINE = struct.Struct("<8dq")
NINE_VALUES = (0.1, 0.2, 0.0, 1.0, 0.3, 0.4, 2.3, 5.0)
STAMP = struct.Struct("<q")
KINDS = ("control", "control_full", "small", "frame", "frame_in_place")


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


class Small(Struct, frozen=True, gc=False):
    content: Annotated[bytes, Meta(extra={"bytes": SMALL_BYTES})]


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


# ---------------------------------------------------------------- our channels


class Channels(Row):
    name = "lkas"
    kinds = KINDS

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        from lkas.integration.shared_memory import ControlChannel, ImageChannel, MessageChannel
        from lkas.integration.shared_memory.messages import ControlMode, DepartureStatus

        if kind.startswith("frame"):
            camera = ImageChannel(topic, create=True, width=WIDTH, height=HEIGHT)
            image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

            def lend(stamp: int) -> None:
                with camera.loan(capture_ns=stamp, timestamp=0.0):
                    pass

            send = lend if kind == "frame_in_place" else lambda stamp: camera.write(image, capture_ns=stamp)
            return Sender(send, lambda: (camera.close(), camera.unlink()))
        if kind == "small":
            small = MessageChannel(Small, topic, create=True)
            publish, pack = small.write, STAMP.pack_into
            content: Any = bytearray(SMALL_BYTES)  # any buffer will do

            def send_small(stamp: int) -> None:
                pack(content, 0, stamp)
                publish(Small(content))

            return Sender(send_small, lambda: (small.close(), small.unlink()))
        control = ControlChannel(topic, create=True)
        write, mode, status = control.write, ControlMode.LANE_KEEPING, DepartureStatus.CENTERED
        sends: dict[str, Callable[[int], Any]] = {
            "control": lambda stamp: write(
                steering=0.1, throttle=0.2, brake=0.0, mode=mode, lateral_offset=0.3, lateral_offset_meters=0.4,
                heading_angle=2.3, lane_width_pixels=5.0, capture_ns=stamp,
            ),
            "control_full": lambda stamp: write(
                steering=0.1, throttle=0.2, brake=0.0, mode=mode, lateral_offset=0.3, lateral_offset_meters=0.4,
                heading_angle=2.3, lane_width_pixels=5.0, departure_status=status, curvature=0.01, ttlc_left_s=2.0,
                ttlc_right_s=3.0, limiter=1, state_reason="both lines", valid_until=1.0, frame_id=1, timestamp=1.0,
                capture_ns=stamp, session=1,
            ),
        }  # fmt: skip
        return Sender(sends[kind], lambda: (control.close(), control.unlink()))

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        from lkas.integration.shared_memory import ControlChannel, ImageChannel, MessageChannel

        if kind == "small":
            small = MessageChannel(Small, topic)
            receive_small = small.read

            def unpacked(timeout: float = 0.0) -> int | None:
                message = receive_small(timeout)
                return None if message is None else STAMP.unpack_from(message.content)[0]

            return Receiver(unpacked, unpacked, receive_small, small.close)
        channel = (ImageChannel if kind.startswith("frame") else ControlChannel)(topic)
        read = channel.read

        def copied(timeout: float = 0.0) -> int | None:
            message = read(timeout)
            return None if message is None else message.capture_ns

        def in_place(timeout: float = 0.0) -> int | None:
            with channel.view(timeout) as message:  # pyright: ignore[reportAttributeAccessIssue]
                return None if message is None else message.capture_ns

        receive = in_place if kind == "frame_in_place" else copied
        return Receiver(receive, receive, read, channel.close)


# ---------------------------------------------------------------- what Python brings


def _sleeping(poll: Callable[[], int | None]) -> Callable[[float], int | None]:
    """A wait for rows without one: look every 50 us."""

    def wait(timeout: float) -> int | None:
        end = time.monotonic() + timeout
        while (stamp := poll()) is None and time.monotonic() < end:
            time.sleep(50e-6)
        return stamp

    return wait


def _payload(kind: str) -> bytearray:
    return bytearray({"control": NINE.size, "small": SMALL_BYTES}.get(kind, FRAME_BYTES))


def _packing(kind: str, send: Callable[[Any], Any]) -> Callable[[int], Any]:
    """Put the stamp, or all nine fields, into bytes, and send those."""
    if kind == "control":
        return lambda stamp: send(NINE.pack(*NINE_VALUES, stamp))
    buffer = _payload(kind)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send


def _unpacked(kind: str, content: Any) -> int:
    return Nine(*NINE.unpack(content)).stamp if kind == "control" else STAMP.unpack_from(content)[0]


class Seqlock(Row):
    """Four slots in a shared mapping, sequence words through a memoryview: no barriers, no wake-up, no pins."""

    name = "Python seqlock"
    kinds = ("control", "small", "frame", "frame_in_place")
    SLOTS = 4

    @staticmethod
    def _map(topic: str, kind: str) -> tuple[list[memoryview], memoryview, int]:
        size = len(_payload(kind))
        stride = 64 + (size + 63) // 64 * 64
        with open(f"/dev/shm/lkas-bench-{topic}", "r+b") as file:
            mapping = mmap.mmap(file.fileno(), 64 + Seqlock.SLOTS * stride)
        view = memoryview(mapping)
        starts = [128 + i * stride for i in range(Seqlock.SLOTS)]
        return [view[start : start + size] for start in starts], view.cast("Q"), stride // 8

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        path = f"/dev/shm/lkas-bench-{topic}"
        with open(path, "wb") as file:
            file.truncate(64 + Seqlock.SLOTS * (64 + (len(_payload(kind)) + 63) // 64 * 64))
        slots, words, stride = Seqlock._map(topic, kind)
        sequence = 0

        def publish(fill: Callable[[memoryview], Any]) -> None:
            nonlocal sequence
            sequence += 1
            slot = sequence % Seqlock.SLOTS
            words[8 + slot * stride] = 2 * sequence - 1
            fill(slots[slot])
            words[8 + slot * stride] = 2 * sequence
            words[0] = sequence

        def send(content: Any) -> None:
            publish(lambda slot: slot.__setitem__(slice(None), content))

        def send_in_place(stamp: int) -> None:
            publish(lambda slot: STAMP.pack_into(slot, 0, stamp))

        return Sender(send_in_place if kind == "frame_in_place" else _packing(kind, send), lambda: os.unlink(path))

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        slots, words, stride = Seqlock._map(topic, kind)
        last, own = 0, bytearray(len(slots[0]))

        def poll() -> int | None:
            nonlocal last
            while (sequence := words[0]) != last:
                slot = sequence % Seqlock.SLOTS
                if words[8 + slot * stride] != 2 * sequence:
                    continue
                if kind == "frame":
                    own[:] = slots[slot]
                    content: Any = own
                else:
                    content = slots[slot] if kind == "frame_in_place" else bytes(slots[slot])
                if words[8 + slot * stride] == 2 * sequence:
                    last = sequence
                    return _unpacked(kind, content)
            return None

        return Receiver(poll, _sleeping(poll), poll, lambda: None)


class Pipe(Row):
    name = "multiprocessing.Pipe"
    has_many_readers = False

    @staticmethod
    def prepare(context: Any) -> Any:
        return context.Pipe(duplex=False)

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        return Sender(_packing(kind, shared[1].send_bytes), lambda: None)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        connection = shared[0]

        def wait(timeout: float = 0.0) -> int | None:
            return _unpacked(kind, connection.recv_bytes()) if connection.poll(timeout) else None

        return Receiver(wait, wait, connection.poll, lambda: None)


# ---------------------------------------------------------------- others


class Zmq(Row):
    """PUB and SUB with CONFLATE: the latest value, as the channels have it."""

    name = "pyzmq ipc"

    @staticmethod
    def _path(topic: str) -> str:
        return f"{tempfile.gettempdir()}/lkas-bench-{topic}"

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        import zmq

        socket = zmq.Context.instance().socket(zmq.PUB)
        socket.linger = 0
        socket.sndhwm = 1000 if kind in ("control", "small") else 8
        socket.bind(f"ipc://{Zmq._path(topic)}")

        def close() -> None:
            socket.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(Zmq._path(topic))

        return Sender(_packing(kind, socket.send), close)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        import zmq

        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.linger = 0
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"ipc://{Zmq._path(topic)}")

        def poll() -> int | None:
            try:
                return _unpacked(kind, socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return None

        def wait(timeout: float) -> int | None:
            return poll() if socket.poll(round(timeout * 1000)) else None

        return Receiver(poll, wait, poll, socket.close)
