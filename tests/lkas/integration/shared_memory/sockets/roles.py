"""The roles of the other process in the tests of the sockets."""

import mmap
import os
import tempfile
import time
from typing import Any

from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber
from tests.support.peer import print_line, wait_for_release

WAIT_MS = 120_000


def publish(items: list[Any]) -> None:
    with Publisher("topic") as publisher:
        for item in items:
            print_line(publisher.send(item, timeout=WAIT_MS))
        wait_for_release()


def subscribe(count: int, slots: int) -> None:
    with Subscriber("topic", slots=slots) as subscriber:
        print_line("ready")
        for _ in range(count):
            print_line(subscriber.recv(timeout=WAIT_MS))


def sum_up(count: int) -> None:
    """Subscribes, then sends the number of messages and their sum."""
    with Subscriber("topic") as subscriber:
        print_line("ready")
        print_line(sum(subscriber.recv(timeout=WAIT_MS) for _ in range(count)))


def idle(kind: str, name: str) -> None:
    socket = {"Subscriber": Subscriber, "Puller": Puller, "Replier": Replier}[kind](name)
    print_line("ready")
    wait_for_release()
    socket.close()


def publish_bytes(size: int) -> None:
    with Publisher("topic", serializer="raw") as publisher:
        print_line(publisher.send(os.urandom(1) * size, timeout=WAIT_MS))
        wait_for_release()


def publish_array() -> None:
    import numpy as np  # the other roles start faster without it

    with Publisher("topic", serializer="raw") as publisher:
        print_line(publisher.send(np.arange(360_000, dtype=np.float32).reshape(600, 600), timeout=WAIT_MS))
        wait_for_release()


def die_mid_write() -> None:
    """Sends one message, then dies of a SIGBUS in the middle of copying another into the inbox."""
    publisher = Publisher("topic", serializer="raw")
    publisher.send(b"whole", timeout=WAIT_MS)
    size = 1 << 20
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        source = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        file.truncate(size // 2)
        print_line("dying")
        publisher.send(memoryview(source))


def push(first: int, count: int) -> None:
    with Pusher("work") as pusher:
        for item in range(first, first + count):
            assert pusher.send(item, timeout=WAIT_MS)
        print_line("pushed")


def pull(count: int) -> None:
    with Puller("work") as puller:
        print_line("ready")
        for _ in range(count):
            print_line(puller.recv(timeout=WAIT_MS))
        wait_for_release()


def pull_until_told() -> None:
    with Puller("work") as puller:
        print_line("ready")
        item = puller.recv(timeout=WAIT_MS)
        while item is not None:
            print_line(item)
            item = puller.recv(timeout=WAIT_MS)
        print_line("end")


def answer(count: int) -> None:
    with Replier("service") as replier:
        print_line("ready")
        for _ in range(count):
            request = replier.recv(timeout=WAIT_MS)
            replier.send({"pid": os.getpid(), "echo": request}, timeout=WAIT_MS)
        wait_for_release()


def take_request() -> None:
    """Receives a request and never replies."""
    replier = Replier("service")
    print_line("ready")
    print_line(replier.recv(timeout=WAIT_MS))
    wait_for_release()


def ask(first: int, count: int) -> None:
    with Requester("service") as requester:
        for number in range(first, first + count):
            assert requester.send(number, timeout=WAIT_MS)
            assert requester.recv(timeout=WAIT_MS)["echo"] == number
        print_line("answered")


def wait_for_message() -> None:
    with Subscriber("topic") as subscriber:
        try:
            print_line("waiting")
            subscriber.recv()
        except KeyboardInterrupt:
            print_line("interrupted")


def flood(size: int) -> None:
    """Sends messages of equal bytes without end, whether there is room or not."""
    with Publisher("topic", serializer="raw") as publisher:
        messages = [bytes([value]) * size for value in range(256)]
        print_line("sending")
        while True:
            for message in messages:
                publisher.send(message)
            time.sleep(0)
