"""Random operations in random order, compared with queues in this process."""

import os
from collections import deque

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lkas.integration.shared_memory import SHMTimeoutError, list_segments
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber

INSTANCE = f"test-properties-{os.getpid()}"
SLOTS = 3

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
any_array = arrays.arrays(
    dtype=arrays.scalar_dtypes() | arrays.unicode_string_dtypes() | arrays.byte_string_dtypes(),
    shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@pytest.fixture(autouse=True)
def clean():
    yield
    assert list_segments(instance=INSTANCE) == []


def pending(socket) -> list:
    """Return all messages that can be received now."""
    items = []
    while True:
        try:
            items.append(socket.recv(timeout=0))
        except SHMTimeoutError:
            return items


@settings(max_examples=60)
@given(item=plain, serializer=st.sampled_from(["pickle", "msgpack"]))
def test_an_object_arrives_unchanged(item, serializer):
    with (
        Subscriber("item", serializer=serializer, instance=INSTANCE) as subscriber,
        Publisher("item", serializer=serializer, instance=INSTANCE) as publisher,
    ):
        publisher.send(item)
        received = subscriber.recv(timeout=0)
    assert received == (item if serializer == "pickle" else msgspec.msgpack.decode(msgspec.msgpack.encode(item)))


@settings(max_examples=80)
@given(
    array=any_array,
    serializer=st.sampled_from(["pickle", "raw"]),
    copy=st.booleans(),
    layout=st.sampled_from(["as it is", "transposed", "every other"]),
)
def test_an_array_arrives_unchanged(array, serializer, copy, layout):
    sent = {"as it is": array, "transposed": array.T, "every other": array[::2] if array.ndim else array}[layout]
    with (
        Subscriber("array", serializer=serializer, copy=copy, instance=INSTANCE) as subscriber,
        Publisher("array", serializer=serializer, instance=INSTANCE) as publisher,
    ):
        publisher.send(sent)
        received = subscriber.recv(timeout=0)
        if serializer == "raw":  # NumPy's pickles change the byte order of some empty arrays
            assert received.dtype == sent.dtype
        np.testing.assert_array_equal(received, sent, strict=serializer == "raw")
        assert received.shape == sent.shape
        del received


STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "close", "send", "send", "send", "receive"]), st.integers(0, 4)),
    min_size=10,
    max_size=60,
)


@settings(max_examples=40)
@given(steps=STEPS)
def test_a_subscriber_gets_all_that_was_sent_while_it_had_room(steps):
    publisher = Publisher("topic", instance=INSTANCE)
    subscribers: list[tuple[Subscriber, deque]] = []
    for number, (step, which) in enumerate(steps):
        if step == "open" and len(subscribers) < 4:
            subscribers.append((Subscriber("topic", slots=SLOTS, instance=INSTANCE), deque()))
        elif step == "send":
            with_room = [queue for _, queue in subscribers if len(queue) < SLOTS]
            assert publisher.send(number) is bool(with_room)
            for queue in with_room:
                queue.append(number)
        elif subscribers:
            subscriber, queue = subscribers[which % len(subscribers)]
            if step == "close":
                subscriber.close()
                del subscribers[which % len(subscribers)]
            elif queue:
                assert subscriber.recv(timeout=0) == queue.popleft()
            else:
                assert pending(subscriber) == []
    for subscriber, queue in subscribers:
        assert pending(subscriber) == list(queue)
        subscriber.close()
    publisher.close()


@settings(max_examples=40)
@given(steps=STEPS, serializer=st.sampled_from(["raw", "msgpack"]))
def test_work_is_done_once_while_workers_come_and_go(steps, serializer):
    """Two pushers; workers come, and leave with work in their inboxes; the last one receives what is left."""
    pushers = [Pusher("work", serializer=serializer, instance=INSTANCE) for _ in range(2)]
    pullers: list[Puller] = []
    handed: list[bytes] = []
    done: list[bytes] = []
    for number, (step, which) in enumerate(steps):
        item = number.to_bytes(2, "big")
        if step == "open" and len(pullers) < 4:
            pullers.append(Puller("work", slots=SLOTS, instance=INSTANCE))
        elif step == "send":
            has_worker = bool(pullers)
            if pushers[which % 2].send(item if serializer == "raw" else number):
                assert has_worker
                handed.append(item)
        elif pullers:
            puller = pullers[which % len(pullers)]
            if step == "close":
                puller.close()
                pullers.remove(puller)
            else:
                done += _as_bytes(pending(puller))
    last = Puller("work", instance=INSTANCE)
    for puller in (*pullers, last):
        done += _as_bytes(pending(puller))
        if puller is not last:
            puller.close()
    assert sorted(done) == sorted(handed)
    sent = sum(pusher.stats().sent for pusher in pushers)
    assert sent == len(handed)
    for socket in (*pushers, last):
        socket.close()


def _as_bytes(items: list) -> list[bytes]:
    return [item if isinstance(item, bytes) else item.to_bytes(2, "big") for item in items]


@settings(max_examples=40)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["ask", "answer", "hear"]), st.integers(0, 2)), min_size=10, max_size=60)
)
def test_a_reply_goes_to_its_request(steps):
    with Replier("service", instance=INSTANCE) as server:
        clients = [Requester("service", instance=INSTANCE) for _ in range(3)]
        asked: list[tuple[int, int]] = []  # open requests in the order of their arrival
        current: dict[int, int] = {}  # the request of each client
        answered: set[tuple[int, int]] = set()
        for number, (step, who) in enumerate(steps):
            client = clients[who]
            if step == "ask":
                assert client.send((who, number))
                asked.append((who, number))
                current[who] = number
            elif step == "reply" and asked:
                question = asked.pop(0)
                assert server.recv(timeout=0) == question
                assert server.send({"to": question})
                answered.add(question)
            elif step == "hear" and who in current:
                question = (who, current[who])
                if question in answered:
                    assert client.recv(timeout=0) == {"to": question}
                    del current[who]
                else:
                    assert pending(client) == []
        for client in clients:
            client.close()
