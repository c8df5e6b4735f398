"""Which objects can be sent, how large, and how they are refused."""

import math
import threading
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkas.integration.shared_memory import SHMBufferFullError, SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber
from lkas.integration.shared_memory.sockets.survey import list_sockets
from tests.lkas.integration.shared_memory.test_round_trips import QUIET

WAIT_MS = 120_000


@dataclass
class Pose:
    x_m: float
    image: np.ndarray


class Unreadable:
    def __reduce__(self) -> tuple[Any, ...]:
        return math.sqrt, (-1.0,)


def pair(made, serializer, copy=True):
    subscriber = made(Subscriber, "topic", serializer=serializer, copy=copy)
    return made(Publisher, "topic", serializer=serializer), subscriber


@pytest.mark.parametrize("item", [None, 1, "text", b"", (1, [2.5]), {"a": {"b": {3}}}, 2**100, range(5)])
def test_any_object(made, item):
    publisher, subscriber = pair(made, "pickle")
    publisher.send(item)
    assert subscriber.recv(timeout=0) == item


@pytest.mark.parametrize("item", [None, 1, "text", [1, 2.5], {"a": {"b": [3]}}])
def test_msgpack(made, item):
    publisher, subscriber = pair(made, "msgpack")
    publisher.send(item)
    assert subscriber.recv(timeout=0) == item


@pytest.mark.parametrize("item", [b"", b"bytes", bytearray(b"array"), memoryview(b"abcdef")[::2]])
@pytest.mark.parametrize("copy", [True, False])
def test_raw_bytes(made, item, copy):
    publisher, subscriber = pair(made, "raw", copy)
    publisher.send(item)
    received = subscriber.recv(timeout=0)
    assert isinstance(received, bytes if copy else memoryview)
    assert received == bytes(item)


@pytest.mark.parametrize("kinds", [(Publisher, Subscriber), (Pusher, Puller)])
def test_10_mb(made, kinds):
    sender, receiver = made(kinds[1], "name"), made(kinds[0], "name")
    sender, receiver = receiver, sender
    item = np.random.default_rng(1).integers(0, 256, 10_000_000, dtype=np.uint8)
    for _ in range(4):
        assert sender.send({"image": item})
        np.testing.assert_array_equal(receiver.recv(timeout=0)["image"], item)


def test_10_mb_from_another_process(made, peer):
    subscriber = made(Subscriber, "topic", serializer="raw")
    peer("publish_bytes", size=10_000_000)
    message = subscriber.recv(timeout=WAIT_MS)
    assert len(message) == 10_000_000 and message == message[:1] * 10_000_000  # noqa: PT018


def test_10_mb_request_and_reply(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send(bytes(10_000_000))
    server.send(server.recv(timeout=0) + b"!")
    assert client.recv(timeout=0)[-2:] == b"\0!"


def test_a_large_message_keeps_its_room_while_it_is_copied(made):
    """There is room for one message; the next sender, a thread, waits for it while the copy runs without the GIL."""
    subscriber = made(Subscriber, "topic", serializer="raw")
    messages = [bytes([value]) * 30_000_000 for value in range(6)]

    def send():
        with Publisher("topic", serializer="raw") as publisher:
            for message in messages:
                while not publisher.send(message):
                    pass

    sender = threading.Thread(target=send)
    sender.start()
    received = [subscriber.recv(timeout=WAIT_MS) for _ in messages]
    sender.join(120)
    assert [got == sent for got, sent in zip(received, messages, strict=True)] == [True] * 6


def test_larger_than_the_inbox(made):
    subscriber = made(Subscriber, "topic", capacity=1 << 20)
    publisher = made(Publisher, "topic", serializer="raw")
    with pytest.raises(SHMBufferFullError, match=r"2000000 bytes .* 1048576"):
        publisher.send(bytes(2_000_000))
    assert publisher.send(bytes(1_000_000))
    assert len(subscriber.recv(timeout=0)) == 1_000_000


@pytest.mark.parametrize(
    ("serializer", "item", "reason"),
    [
        ("pickle", lambda: 0, "pickled"),
        ("msgpack", object(), "msgpack"),
        ("msgpack", 2**70, "msgpack"),
        ("raw", "text", "str"),
        ("raw", {"a": 1}, "dict"),
        ("raw", np.array([object()]), "dtype object"),
    ],
)
def test_items_that_cannot_be_sent(made, serializer, item, reason):
    publisher, subscriber = pair(made, serializer)
    with pytest.raises(SHMSerializationError, match=reason):
        publisher.send(item)
    assert publisher.stats().errors == 1
    with pytest.raises(SHMTimeoutError):
        subscriber.recv(timeout=0)


@pytest.mark.parametrize("trusted", ["msgpack", "raw"])
def test_a_pickle_is_read_only_where_it_is_trusted(made, trusted):
    subscriber = made(Subscriber, "topic", serializer=trusted)
    made(Publisher, "topic").send("hello")
    made(Publisher, "topic", serializer="raw").send(b"plain")
    with pytest.raises(SHMSerializationError, match=f"pickle.*{trusted}"):
        subscriber.recv(timeout=0)
    assert subscriber.recv(timeout=0) == b"plain"
    assert (subscriber.stats().errors, subscriber.stats().received) == (1, 1)


def test_the_default_receiver_reads_everything(made):
    subscriber = made(Subscriber, "topic")
    made(Publisher, "topic", serializer="raw").send(b"raw")
    made(Publisher, "topic", serializer="msgpack").send([1])
    made(Publisher, "topic").send("pickle")
    assert [subscriber.recv(timeout=0) for _ in range(3)] == [b"raw", [1], "pickle"]


def test_an_unreadable_message_is_one_error(made):
    publisher, subscriber = pair(made, "pickle")
    publisher.send(Unreadable())
    publisher.send("next")
    with pytest.raises(SHMSerializationError, match="math domain"):
        subscriber.recv(timeout=0)
    assert subscriber.recv(timeout=0) == "next"


def test_an_unreadable_request_is_an_error_at_its_requester(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send(Unreadable())
    with pytest.raises(SHMSerializationError):
        server.recv(timeout=0)
    with pytest.raises(ConnectionError, match="did not reply"):
        client.recv(timeout=0)


def test_many_arrays_in_one_object(made):
    publisher, subscriber = pair(made, "pickle")
    publisher.send([np.full(3, number) for number in range(2500)])
    assert [int(array[0]) for array in subscriber.recv(timeout=0)] == list(range(2500))


def test_an_unknown_serializer(instance):
    with pytest.raises(ValueError, match=r"'json'.*'pickle', 'msgpack' or 'raw'"):
        Publisher("topic", serializer="json")  # type: ignore[arg-type]


@settings(max_examples=60, suppress_health_check=QUIET)
@given(steps=st.lists(st.one_of(st.integers(0, 3000), st.none()), min_size=30, max_size=120))
def test_any_sequence_of_sizes_arrives_unchanged(instance, steps):
    """Compared with a queue: the arena wraps, fills and empties, and no message overwrites another."""
    with (
        Subscriber("sizes", serializer="raw", capacity=8192, slots=8, instance=instance) as subscriber,
        Publisher("sizes", serializer="raw", instance=instance) as publisher,
    ):
        expected: list[bytes] = []
        for index, size in enumerate(steps):  # None: receive
            if size is None:
                if expected:
                    assert subscriber.recv(timeout=0) == expected.pop(0)
                continue
            message = bytes([index]) * size
            if publisher.send(message):
                expected.append(message)
            else:
                assert len(expected) == 8 or sum(map(len, expected)) > 8192 - 2 * 3100
        assert [subscriber.recv(timeout=0) for _ in expected] == expected


def test_a_continuous_stream_stays_in_its_first_memory(made, instance):
    """Ten messages always wait, so the arena is never empty, and still needs no more than the first allocation."""
    publisher, subscriber = pair(made, "raw")
    for number in range(3000):
        assert publisher.send(number.to_bytes(2, "big") * 300)
        if number >= 10:
            assert subscriber.recv(timeout=0) == (number - 10).to_bytes(2, "big") * 300
    ((receiver,),) = (socket.receivers for socket in list_sockets(instance=instance))
    assert (receiver.memory_bytes, receiver.waiting) == (65536, 10)


def test_messages_of_many_parts_and_of_none(made):
    publisher, subscriber = pair(made, "pickle")
    parts = [np.arange(number, dtype=np.uint8) for number in (0, 1, 63, 64, 65, 4096)]
    publisher.send(parts)
    for sent, received in zip(parts, subscriber.recv(timeout=0), strict=True):
        np.testing.assert_array_equal(sent, received)


def test_msgpack_accepts_msgspec_structs(made):
    publisher, subscriber = pair(made, "msgpack")
    publisher.send(msgspec.structs.asdict(publisher.stats()))
    assert subscriber.recv(timeout=0) == {"sent": 0, "received": 0, "dropped": 0, "errors": 0, "bytes": 0}
