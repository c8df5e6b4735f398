"""A million messages through each pattern of the sockets: none lost, none twice, no memory growth."""

import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.soak.processes import Broken, Child, Children, Growth, receive_all, shared_bytes
from lkas.integration.shared_memory import list_segments
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber
from lkas.integration.shared_memory.sockets.survey import list_sockets

MESSAGES = 1_000_000
WAIT_MS = 60_000
GROWTH_KB = 1024  # of a process after a tenth of its messages: allowance for its allocator
INBOX_MB = 4.0  # of shared memory per receiver: slots, and an arena that does not grow for small messages
SUBSCRIBERS, PUSHERS, PULLERS, REQUESTERS, REPLIERS = 2, 2, 3, 8, 2

NAME = "soak"


def prove(share: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return messages, lost ones, seconds and memory growth, by pattern."""
    count = max(800, round(MESSAGES * share))
    rows = []
    for pattern, run in {"publish": _publish, "push": _push, "request": _request}.items():
        began, memory = time.monotonic(), _SharedMemory()
        with Children() as children:
            growth_kb = max(run(children, count, memory.check))
        took_s = round(time.monotonic() - began, 1)
        rows.append(
            {
                "pattern": pattern,
                "messages": count,
                "lost": 0,  # a lost or repeated message ends the test
                "seconds": took_s,
                "growth_kb": growth_kb,
                "largest_inbox_mb": round(memory.largest_mb, 2),
            }
        )
        progress(f"{pattern}: {count} messages, 0 lost, {took_s} s, memory +{growth_kb} kB")
        if growth_kb > GROWTH_KB:
            raise Broken(f"a process grew by {growth_kb} kB between a tenth of its messages and all of them")
        if memory.largest_mb > INBOX_MB:
            raise Broken(f"an inbox took {memory.largest_mb:.1f} MB of shared memory")
    left = [info.path for info in list_segments(instance=os.environ["LKAS_INSTANCE"]) if info.kind == "inbox"]
    if any("-pull-" in path for path in left):
        raise Broken(f"work was left: {left}")
    return {"rows": rows}


class _SharedMemory:
    """The largest inbox, checked from time to time."""

    def __init__(self) -> None:
        self.largest_mb = 0.0

    def check(self) -> None:
        sockets = list_sockets(instance=os.environ["LKAS_INSTANCE"])
        taken = [receiver.memory_bytes / 2**20 for socket in sockets for receiver in socket.receivers]
        self.largest_mb = max([self.largest_mb, *taken])


def _publish(children: Children, count: int, check: Callable[[], None]) -> list[int]:
    """One publisher that waits for room, so that every subscriber gets every message, in order."""
    subscribers = [children.start(_subscribe, count) for _ in range(SUBSCRIBERS)]
    receive_all(subscribers)
    publisher = children.start(_send, Publisher, range(count))
    return receive_all([*subscribers, publisher], check)


def _push(children: Children, count: int, check: Callable[[], None]) -> list[int]:
    seen = shared_bytes(count)
    pullers = [children.start(_pull, seen) for _ in range(PULLERS)]
    receive_all(pullers)
    pushers = [children.start(_send, Pusher, range(number, count, PUSHERS)) for number in range(PUSHERS)]
    grown = receive_all(pushers, check)
    with Pusher(NAME, serializer="msgpack") as pusher:
        for _ in range(PULLERS):  # one ends, then the next
            pusher.send(None, timeout=WAIT_MS)
            grown.append(_receive_next(pullers))
    _check_complete(bytes(seen))
    return grown


def _receive_next(pullers: list[Child]) -> int:
    deadline = time.monotonic() + WAIT_MS / 1000
    while time.monotonic() < deadline:
        for puller in pullers:
            if puller.connection.poll(0.01):
                pullers.remove(puller)
                return puller.receive()
    raise Broken(f"{len(pullers)} pullers do not end")


def _request(children: Children, count: int, check: Callable[[], None]) -> list[int]:
    repliers = [children.start(_answer) for _ in range(REPLIERS)]
    receive_all(repliers)
    requesters = [children.start(_ask, range(number, count, REQUESTERS)) for number in range(REQUESTERS)]
    return receive_all(requesters, check)


def _check_complete(seen: bytes) -> None:
    lost, twice = seen.count(0), len(seen) - seen.count(0) - seen.count(1)
    if lost or twice:
        raise Broken(f"{lost} messages were lost, {twice} came more than once")


def _send(connection: Connection, kind: type[Publisher] | type[Pusher], numbers: range) -> int:
    growth = Growth(len(numbers) // 10)
    with kind(NAME, serializer="msgpack") as socket:
        for number in numbers:
            if not socket.send({"number": number, "text": "x" * (number % 50)}, timeout=WAIT_MS):
                raise Broken(f"message {number} was not delivered: {socket.stats()}")
            growth.count()
    return growth.result_kb()


def _subscribe(connection: Connection, count: int) -> int:
    growth = Growth(count // 10)
    with Subscriber(NAME, serializer="msgpack") as socket:
        connection.send("ready")
        for number in range(count):
            message = socket.recv(timeout=WAIT_MS)
            if message != {"number": number, "text": "x" * (number % 50)}:
                raise Broken(f"expected message {number}, got {message}")
            growth.count()
    return growth.result_kb()


def _pull(connection: Connection, seen: Any) -> int:
    growth = Growth(len(seen) // PULLERS // 10)
    with Puller(NAME, serializer="msgpack") as socket:
        connection.send("ready")
        while (message := socket.recv(timeout=WAIT_MS)) is not None:
            seen[message["number"]] += 1
            growth.count()
    return growth.result_kb()


def _answer(connection: Connection) -> None:
    with Replier(NAME, serializer="msgpack") as socket:
        connection.send("ready")
        while True:
            socket.send(socket.recv(timeout=WAIT_MS), timeout=WAIT_MS)


def _ask(connection: Connection, numbers: range) -> int:
    growth = Growth(len(numbers) // 10)
    with Requester(NAME, serializer="msgpack") as socket:
        for number in numbers:
            if not socket.send(number, timeout=WAIT_MS):
                raise Broken(f"request {number} was not delivered")
            if (answer := socket.recv(timeout=WAIT_MS)) != number:
                raise Broken(f"request {number} got the reply {answer}")
            growth.count()
    return growth.result_kb()
