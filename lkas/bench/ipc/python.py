"""The rows of plain Python: a seqlock over shared memory, as a program would write it, and pipes."""

import mmap
import os
from collections.abc import Callable
from typing import Any

from lkas.bench.ipc.row import STAMP, Receiver, Row, Sender, packing, payload, sleeping, streaming, unpacked


class Seqlock(Row):
    """Four slots in a shared mapping, sequence words through a memoryview: no barriers, no wake-up, no pins."""

    name = "Python seqlock"
    kinds = ("control", "small", "frame", "frame_in_place")
    SLOTS = 4

    @staticmethod
    def _map(topic: str, kind: str) -> tuple[list[memoryview], memoryview, int]:
        size = len(payload(kind))
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
            file.truncate(64 + Seqlock.SLOTS * (64 + (len(payload(kind)) + 63) // 64 * 64))
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

        return Sender(send_in_place if kind == "frame_in_place" else packing(kind, send), lambda: os.unlink(path))

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
                    return unpacked(kind, content)
            return None

        return Receiver(poll, sleeping(poll), poll, lambda: None)


class Pipe(Row):
    name = "multiprocessing.Pipe"
    has_many_readers = False

    @staticmethod
    def prepare(context: Any) -> Any:
        return context.Pipe(duplex=False)

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        return Sender(packing(kind, shared[1].send_bytes), lambda: None)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        connection = shared[0]

        def wait(timeout: float = 0.0) -> int | None:
            return unpacked(kind, connection.recv_bytes()) if connection.poll(timeout) else None

        return Receiver(wait, wait, connection.poll, lambda: None)


class PipeStream(Row):
    name = "multiprocessing.Pipe"
    kinds = ("stream",)

    @staticmethod
    def prepare(context: Any) -> Any:
        return context.Pipe(duplex=False)

    @staticmethod
    def sender(topic: str, kind: str, shared: Any, *, wakes: bool) -> Sender:
        return Sender(streaming(shared[1].send_bytes), lambda: None)

    @staticmethod
    def receiver(topic: str, kind: str, shared: Any) -> Receiver:
        connection = shared[0]

        def wait(timeout: float = 0.0) -> int | None:
            return STAMP.unpack_from(connection.recv_bytes())[0] if connection.poll(timeout) else None

        return Receiver(wait, wait, connection.poll, lambda: None)
