"""The rows of lkas: channels for the latest value, sockets for queued messages."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct

from lkas.bench.ipc.row import (
    HEIGHT,
    QUEUED,
    QUEUED_KINDS,
    SMALL_BYTES,
    STAMP,
    TIMEOUT_MS,
    WIDTH,
    Receiver,
    Row,
    Sender,
    request,
    streaming,
)


class Small(Struct, frozen=True, gc=False):
    content: Annotated[bytes, Meta(extra={"bytes": SMALL_BYTES})]


class Channels(Row):
    name = "lkas"
    kinds = ("control", "control_full", "small", "frame", "frame_in_place")

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
            content: Any = bytearray(SMALL_BYTES)  # any buffer works

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


class Sockets(Row):
    """Pusher and Puller (raw bytes), Requester and Replier (msgpack)."""

    name = "lkas"
    kinds = QUEUED_KINDS

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        from lkas.integration.shared_memory import SHMTimeoutError
        from lkas.integration.shared_memory.sockets import Pusher, Requester

        if kind == "stream":
            pusher = Pusher(topic, serializer="raw")

            def push(content: bytearray) -> None:
                if not pusher.send(content, TIMEOUT_MS):
                    raise TimeoutError("no puller receives")

            return Sender(streaming(push), pusher.close)
        requester = Requester(topic, serializer="msgpack")

        def ask(stamp: int) -> None:
            requester.send(request(stamp), TIMEOUT_MS)
            while True:
                try:
                    answer = requester.recv(TIMEOUT_MS if wakes else 0)
                except SHMTimeoutError:
                    continue
                if answer["stamp"] == stamp:
                    return

        return Sender(ask, requester.close)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        from lkas.integration.shared_memory import SHMTimeoutError
        from lkas.integration.shared_memory.sockets import Puller, Replier

        if kind == "stream":
            puller = Puller(topic, serializer="raw", slots=QUEUED)

            def pull(timeout: float = 0.0) -> int | None:
                try:
                    return STAMP.unpack_from(puller.recv(timeout * 1000))[0]
                except SHMTimeoutError:
                    return None

            return Receiver(pull, pull, pull, puller.close)
        replier = Replier(topic, serializer="msgpack")

        def answer(timeout: float = 0.0) -> int | None:
            try:
                asked = replier.recv(timeout * 1000)
            except SHMTimeoutError:
                return None
            replier.send(asked)
            return asked["stamp"]

        return Receiver(answer, answer, answer, replier.close)
