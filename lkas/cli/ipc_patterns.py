"""What `lkas bench ipc` compares for queued messages: our sockets, those of ZMQ, a pipe, iceoryx2 that drops nothing.

Kinds, beside those of `ipc_rows`:

- stream: 64 bytes, one after the other, as fast as the receiver takes them; none may be lost
- round_trip: a small dict as msgpack to another process and an answer back; a sender's `send` is the whole way
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from lkas.cli.ipc_iceoryx2 import MOST_READERS, Iceoryx2, node
from lkas.cli.ipc_rows import SMALL_BYTES, STAMP, Receiver, Row, Sender

PATIENCE_MS = 5000
QUEUED = 1000  # messages that may wait, at each row
KINDS = ("stream", "round_trip")

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


def _question(stamp: int) -> dict[str, Any]:
    return {"query": "status", "stamp": stamp, "values": [1.0, 2.0, 3.0]}


def _streaming(send: Callable[[bytearray], Any]) -> Callable[[int], Any]:
    buffer = bytearray(SMALL_BYTES)

    def pack_and_send(stamp: int) -> None:
        STAMP.pack_into(buffer, 0, stamp)
        send(buffer)

    return pack_and_send


class Sockets(Row):
    """Pusher and Puller (raw bytes), Requester and Replier (msgpack)."""

    name = "lkas"
    kinds = KINDS

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        from lkas.integration.shared_memory import SHMTimeoutError
        from lkas.integration.shared_memory.sockets import Pusher, Requester

        if kind == "stream":
            pusher = Pusher(topic, serializer="raw")

            def push(content: bytearray) -> None:
                if not pusher.send(content, PATIENCE_MS):
                    raise TimeoutError("no puller takes anything")

            return Sender(_streaming(push), pusher.close)
        requester = Requester(topic, serializer="msgpack")

        def ask(stamp: int) -> None:
            requester.send(_question(stamp), PATIENCE_MS)
            while True:
                try:
                    answer = requester.recv(PATIENCE_MS if wakes else 0)
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
                question = replier.recv(timeout * 1000)
            except SHMTimeoutError:
                return None
            replier.send(question)
            return question["stamp"]

        return Receiver(answer, answer, answer, replier.close)


class ZmqSockets(Row):
    """PUSH and PULL, REQ and REP over ipc."""

    name = "pyzmq ipc"
    kinds = KINDS

    @staticmethod
    def _socket(topic: str, kind: int, *, binds: bool) -> tuple[Any, Callable[[], None]]:
        import zmq

        path = f"{tempfile.gettempdir()}/lkas-bench-{topic}"
        socket = zmq.Context.instance().socket(kind)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = QUEUED
        socket.sndtimeo = socket.rcvtimeo = PATIENCE_MS
        (socket.bind if binds else socket.connect)(f"ipc://{path}")

        def close() -> None:
            socket.close()
            if binds:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

        return socket, close

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        import zmq

        if kind == "stream":
            socket, close = ZmqSockets._socket(topic, zmq.PUSH, binds=True)
            return Sender(_streaming(socket.send), close)
        socket, close = ZmqSockets._socket(topic, zmq.REQ, binds=True)

        def ask(stamp: int) -> None:
            socket.send(_encode(_question(stamp)))
            while True:
                try:
                    answer = socket.recv(0 if wakes else zmq.NOBLOCK)
                except zmq.Again:
                    continue
                if _decode(answer)["stamp"] == stamp:
                    return

        return Sender(ask, close)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        import zmq

        socket, close = ZmqSockets._socket(topic, zmq.PULL if kind == "stream" else zmq.REP, binds=False)

        def poll() -> int | None:
            try:
                content = socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return None
            if kind == "stream":
                return STAMP.unpack_from(content)[0]
            question = _decode(content)
            socket.send(_encode(question))
            return question["stamp"]

        def wait(timeout: float) -> int | None:
            stamp = poll()
            return poll() if stamp is None and socket.poll(round(timeout * 1000)) else stamp

        return Receiver(poll, wait, poll, close)


class PipeStream(Row):
    name = "multiprocessing.Pipe"
    kinds = ("stream",)

    @staticmethod
    def prepare(context: Any) -> Any:
        return context.Pipe(duplex=False)

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        return Sender(_streaming(shared[1].send_bytes), lambda: None)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        connection = shared[0]

        def wait(timeout: float = 0.0) -> int | None:
            return STAMP.unpack_from(connection.recv_bytes())[0] if connection.poll(timeout) else None

        return Receiver(wait, wait, connection.poll, lambda: None)


class Iceoryx2Stream(Row):
    """Publish-subscribe that waits for a subscriber with a full buffer instead of overwriting."""

    name = Iceoryx2.name
    kinds = ("stream",)
    missing = Iceoryx2.missing

    @staticmethod
    def _service(topic: str) -> Any:
        import ctypes

        iceoryx2 = import_module("iceoryx2")
        return (
            node()
            .service_builder(iceoryx2.ServiceName.new(topic))
            .publish_subscribe(iceoryx2.Slice[ctypes.c_uint8])
            .max_subscribers(MOST_READERS)
            .max_nodes(4 * MOST_READERS)
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(QUEUED)
            .open_or_create()
        )

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        import ctypes

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
        return Sender(_streaming(send), kept.clear)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        import ctypes

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
