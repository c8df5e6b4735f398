"""The rows of pyzmq over ipc."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import Any

import msgspec
import zmq

from lkas.bench.ipc.row import (
    QUEUED,
    QUEUED_KINDS,
    STAMP,
    TIMEOUT_MS,
    Receiver,
    Row,
    Sender,
    packing,
    request,
    streaming,
    unpacked,
)

_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


class Zmq(Row):
    """PUB and SUB with CONFLATE: the latest value, as in the channels."""

    name = "pyzmq ipc"

    @staticmethod
    def _path(topic: str) -> str:
        return f"{tempfile.gettempdir()}/lkas-bench-{topic}"

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        socket = zmq.Context.instance().socket(zmq.PUB)
        socket.linger = 0
        socket.sndhwm = 1000 if kind in ("control", "small") else 8
        socket.bind(f"ipc://{Zmq._path(topic)}")

        def close() -> None:
            socket.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(Zmq._path(topic))

        return Sender(packing(kind, socket.send), close)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        socket = zmq.Context.instance().socket(zmq.SUB)
        socket.linger = 0
        socket.setsockopt(zmq.CONFLATE, 1)
        socket.setsockopt(zmq.SUBSCRIBE, b"")
        socket.connect(f"ipc://{Zmq._path(topic)}")

        def poll() -> int | None:
            try:
                return unpacked(kind, socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return None

        def wait(timeout: float) -> int | None:
            return poll() if socket.poll(round(timeout * 1000)) else None

        return Receiver(poll, wait, poll, socket.close)


class ZmqSockets(Row):
    """PUSH and PULL, REQ and REP over ipc."""

    name = "pyzmq ipc"
    kinds = QUEUED_KINDS

    @staticmethod
    def _socket(topic: str, kind: int, *, binds: bool) -> tuple[Any, Callable[[], None]]:
        path = f"{tempfile.gettempdir()}/lkas-bench-{topic}"
        socket = zmq.Context.instance().socket(kind)
        socket.linger = 0
        socket.sndhwm = socket.rcvhwm = QUEUED
        socket.sndtimeo = socket.rcvtimeo = TIMEOUT_MS
        (socket.bind if binds else socket.connect)(f"ipc://{path}")

        def close() -> None:
            socket.close()
            if binds:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

        return socket, close

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        if kind == "stream":
            socket, close = ZmqSockets._socket(topic, zmq.PUSH, binds=True)
            return Sender(streaming(socket.send), close)
        socket, close = ZmqSockets._socket(topic, zmq.REQ, binds=True)

        def ask(stamp: int) -> None:
            socket.send(_encode(request(stamp)))
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
        socket, close = ZmqSockets._socket(topic, zmq.PULL if kind == "stream" else zmq.REP, binds=False)

        def poll() -> int | None:
            try:
                content = socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return None
            if kind == "stream":
                return STAMP.unpack_from(content)[0]
            asked = _decode(content)
            socket.send(_encode(asked))
            return asked["stamp"]

        def wait(timeout: float) -> int | None:
            stamp = poll()
            return poll() if stamp is None and socket.poll(round(timeout * 1000)) else stamp

        return Receiver(poll, wait, poll, close)
