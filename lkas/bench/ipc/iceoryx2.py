"""The rows of iceoryx2, where it is installed: publish-subscribe with a buffer of one, and its event service."""

import ctypes
import functools
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from lkas.bench.ipc.row import FRAME_BYTES, NINE_VALUES, QUEUED, SMALL_BYTES, STAMP, Receiver, Row, Sender, streaming

MAX_READERS = 16


class _Nine(ctypes.Structure):
    _fields_ = (
        ("steering", ctypes.c_double),
        ("throttle", ctypes.c_double),
        ("brake", ctypes.c_double),
        ("mode", ctypes.c_double),
        ("lateral_offset", ctypes.c_double),
        ("lateral_offset_meters", ctypes.c_double),
        ("heading_angle", ctypes.c_double),
        ("lane_width_pixels", ctypes.c_double),
        ("stamp", ctypes.c_int64),
    )


@functools.cache
def _node() -> Any:
    """This process's node."""
    iceoryx2 = import_module("iceoryx2")
    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    return iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)


def _services(topic: str, kind: str) -> tuple[Any, Any, Any]:
    iceoryx2 = import_module("iceoryx2")
    payload = _Nine if kind == "control" else iceoryx2.Slice[ctypes.c_uint8]
    messages = (
        _node()
        .service_builder(iceoryx2.ServiceName.new(topic))
        .publish_subscribe(payload)
        .max_subscribers(MAX_READERS)
        .max_nodes(4 * MAX_READERS)
        .enable_safe_overflow(True)
        .subscriber_max_buffer_size(1)
        .open_or_create()
    )
    events = (
        _node()
        .service_builder(iceoryx2.ServiceName.new(f"{topic}/event"))
        .event()
        .max_listeners(MAX_READERS)
        .max_nodes(4 * MAX_READERS)
        .open_or_create()
    )
    return iceoryx2, messages, events


class Iceoryx2(Row):
    name = "iceoryx2"
    kinds = ("control", "small", "frame", "frame_in_place")

    @staticmethod
    def missing() -> str | None:
        return None if find_spec("iceoryx2") else "not installed (pip install iceoryx2)"

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        _, messages, events = _services(topic, kind)
        notifier = events.notifier_builder().create()
        notify: Callable[[], Any] = notifier.notify if wakes else lambda: None
        if kind == "control":
            publisher = messages.publisher_builder().create()
            fields = _Nine(*NINE_VALUES, 0)

            def send(stamp: int) -> None:
                fields.steering, fields.throttle, fields.brake, fields.mode = 0.1, 0.2, 0.0, 1.0
                fields.lateral_offset, fields.lateral_offset_meters = 0.3, 0.4
                fields.heading_angle, fields.lane_width_pixels, fields.stamp = 2.3, 5.0, stamp
                publisher.send_copy(fields)
                notify()

        else:
            size = SMALL_BYTES if kind == "small" else FRAME_BYTES
            publisher = messages.publisher_builder().initial_max_slice_len(size).create()
            array = ctypes.c_uint8 * size
            content = bytearray(size)
            source = array.from_buffer(content)

            def send(stamp: int) -> None:
                sample = publisher.loan_slice_uninit(size)
                if kind == "frame_in_place":
                    ctypes.c_int64.from_address(sample.payload_ptr).value = stamp
                else:
                    STAMP.pack_into(content, 0, stamp)
                    ctypes.memmove(sample.payload_ptr, source, size)
                sample.assume_init().send()
                notify()

        kept: list[Any] = [messages, events, notifier, publisher]
        return Sender(send, kept.clear)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        iceoryx2, messages, events = _services(topic, kind)
        subscriber, listener = messages.subscriber_builder().create(), events.listener_builder().create()
        size = SMALL_BYTES if kind == "small" else FRAME_BYTES
        array, own = ctypes.c_uint8 * size, np.empty(size, np.uint8)
        own_stamp = own[:8].view(np.int64)
        held: Any = None

        def poll() -> int | None:
            nonlocal held
            sample = subscriber.receive()
            if sample is None:
                return None
            if kind == "control":
                return _Nine.from_address(sample.payload_ptr).stamp
            if kind == "small":
                return STAMP.unpack_from(ctypes.string_at(sample.payload_ptr, size))[0]
            view = np.ctypeslib.as_array(array.from_address(sample.payload_ptr))
            if kind == "frame":
                np.copyto(own, view)
                return int(own_stamp[0])
            held = sample
            return int(view[:8].view(np.int64)[0])

        def wait(timeout: float) -> int | None:
            stamp, end = poll(), time.monotonic() + timeout
            while stamp is None and (left := end - time.monotonic()) > 0:
                listener.timed_wait(iceoryx2.Duration.from_secs_f64(left))
                stamp = poll()
            return stamp

        kept: list[Any] = [messages, events, subscriber, listener]
        return Receiver(poll, wait, subscriber.receive, kept.clear)


class Iceoryx2Stream(Row):
    """Publish-subscribe that waits for a subscriber with a full buffer instead of overwriting."""

    name = Iceoryx2.name
    kinds = ("stream",)
    missing = Iceoryx2.missing

    @staticmethod
    def _service(topic: str) -> Any:
        iceoryx2 = import_module("iceoryx2")
        return (
            _node()
            .service_builder(iceoryx2.ServiceName.new(topic))
            .publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
            .max_subscribers(MAX_READERS)
            .max_nodes(4 * MAX_READERS)
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(QUEUED)
            .open_or_create()
        )

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        iceoryx2 = import_module("iceoryx2")
        service = Iceoryx2Stream._service(topic)
        strategy = iceoryx2.BackpressureStrategy.RetryUntilDelivered
        builder = service.publisher_builder().initial_max_slice_len(SMALL_BYTES)
        publisher = builder.backpressure_strategy(strategy).create()
        array = ctypes.c_uint8 * SMALL_BYTES

        def send(content: bytearray) -> None:
            sample = publisher.loan_slice_uninit(SMALL_BYTES)
            ctypes.memmove(sample.payload_ptr, array.from_buffer(content), SMALL_BYTES)
            sample.assume_init().send()

        kept: list[Any] = [service, publisher]
        return Sender(streaming(send), kept.clear)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        service = Iceoryx2Stream._service(topic)
        subscriber = service.subscriber_builder().create()

        def poll() -> int | None:
            sample = subscriber.receive()
            if sample is None:
                return None
            return STAMP.unpack_from(ctypes.string_at(sample.payload_ptr, SMALL_BYTES))[0]

        def wait(timeout: float) -> int | None:
            end = time.monotonic() + timeout
            while (stamp := poll()) is None and time.monotonic() < end:
                pass
            return stamp

        kept: list[Any] = [service, subscriber]
        return Receiver(poll, wait, poll, kept.clear)
