"""Publisher and Subscriber: all get all messages; a slow subscriber misses some, which are counted."""

import logging
import os

import pytest

from lkas.integration.shared_memory import SHMTimeoutError, list_segments
from lkas.integration.shared_memory.sockets import Publisher, Subscriber

WAIT_MS = 120_000


def test_every_subscriber_gets_every_message(made):
    subscribers = [made(Subscriber, "topic") for _ in range(3)]
    publisher = made(Publisher, "topic")
    for number in range(5):
        assert publisher.send({"number": number})
    for subscriber in subscribers:
        assert [subscriber.recv(timeout=0)["number"] for _ in range(5)] == [0, 1, 2, 3, 4]


def test_without_a_subscriber_send_returns_false(made):
    publisher = made(Publisher, "topic")
    assert publisher.send("lost") is False
    assert publisher.send("lost", timeout=1) is False
    assert (publisher.stats().sent, publisher.stats().dropped) == (0, 2)


def test_nothing_to_receive(made):
    subscriber = made(Subscriber, "topic")
    for timeout in (0, 1):
        with pytest.raises(SHMTimeoutError, match="topic"):
            subscriber.recv(timeout=timeout)


def test_other_names_and_instances_receive_nothing(made, instance):
    elsewhere = made(Subscriber, "topic", instance=f"{instance}-elsewhere")
    other = [made(Subscriber, "topics"), made(Subscriber, "top"), elsewhere]
    publisher = made(Publisher, "topic")
    assert publisher.send(1) is False
    for subscriber in other:
        assert subscriber.stats().received == 0


def test_sender_first(made, peer):
    publishing = peer("publish", items=[1, 2])
    subscriber = made(Subscriber, "topic")
    assert [subscriber.recv(timeout=WAIT_MS) for _ in range(2)] == [1, 2]
    assert publishing.line() == "True"


def test_receiver_first(made, peer):
    subscriber = made(Subscriber, "topic")
    peer("publish", items=[1, 2])
    assert [subscriber.recv(timeout=WAIT_MS) for _ in range(2)] == [1, 2]


def test_a_late_subscriber_gets_later_messages(made):
    publisher, early = made(Publisher, "topic"), made(Subscriber, "topic")
    publisher.send("first")
    late = made(Subscriber, "topic")
    publisher.send("second")
    assert [early.recv(timeout=0), early.recv(timeout=0), late.recv(timeout=0)] == ["first", "second", "second"]


def test_a_slow_subscriber_misses_and_counts(made):
    publisher = made(Publisher, "topic")
    slow, quick = made(Subscriber, "topic", slots=3), made(Subscriber, "topic")
    for number in range(10):
        assert publisher.send(number)
    assert [quick.recv(timeout=0) for _ in range(10)] == list(range(10))
    assert [slow.recv(timeout=0) for _ in range(3)] == [0, 1, 2]
    assert slow.stats().dropped == publisher.stats().dropped == 7
    assert quick.stats().dropped == 0
    publisher.send("again")
    assert slow.recv(timeout=0) == "again"


def test_bytes_run_out_before_messages_do(made):
    publisher, subscriber = made(Publisher, "topic", serializer="raw"), made(Subscriber, "topic", capacity=1 << 16)
    assert [publisher.send(bytes(20_000)) for _ in range(5)] == [True, True, True, False, False]
    assert subscriber.recv(timeout=0) == bytes(20_000)
    assert publisher.send(b"x" * 20_000)  # in the room of the first one
    assert [subscriber.recv(timeout=0)[:1] for _ in range(3)] == [b"\0", b"\0", b"x"]


def test_sending_waits_for_room(made, peer):
    publisher = made(Publisher, "topic")
    subscribing = peer("subscribe", count=3000, slots=1000)
    assert subscribing.line() == "ready"
    assert all(publisher.send(number, timeout=WAIT_MS) for number in range(3000))
    assert [int(subscribing.line()) for _ in range(3000)] == list(range(3000))
    assert publisher.stats().dropped == 0


def test_several_publishers_on_one_name(made, peer):
    subscriber = made(Subscriber, "topic")
    for first in range(0, 40, 10):
        peer("publish", items=list(range(first, first + 10)))
    received = [subscriber.recv(timeout=WAIT_MS) for _ in range(40)]
    assert sorted(received) == list(range(40))
    for first in range(0, 40, 10):  # in order per publisher
        own = [number for number in received if first <= number < first + 10]
        assert own == sorted(own)


def test_ten_of_each(made, peer):
    subscribing = [peer("sum_up", count=100) for _ in range(2)]
    assert [process.line() for process in subscribing] == ["ready", "ready"]
    subscribers = [made(Subscriber, "topic") for _ in range(8)]
    publishers = [made(Publisher, "topic") for _ in range(10)]
    for number in range(10):
        for publisher in publishers:
            assert publisher.send(number)
    for subscriber in subscribers:
        assert sum(subscriber.recv(timeout=0) for _ in range(100)) == 450
    assert [process.line() for process in subscribing] == ["450", "450"]


def test_a_killed_subscriber_does_not_disturb_the_others(made, peer, instance):
    publisher, subscriber = made(Publisher, "topic"), made(Subscriber, "topic")
    dying = peer("idle", kind="Subscriber", name="topic")
    dying.line()
    assert publisher.send(1)
    dying.kill()
    assert len(list_segments(instance=instance)) == 3
    assert publisher.send(2, timeout=1)
    publisher.send(3)
    assert [subscriber.recv(timeout=0) for _ in range(3)] == [1, 2, 3]
    publisher.close()
    made(Publisher, "topic")  # the next socket cleans up at the latest
    assert len(list_segments(instance=instance)) == 2


def test_statistics(made):
    publisher, subscriber = made(Publisher, "topic", serializer="raw"), made(Subscriber, "topic", serializer="raw")
    for _ in range(3):
        publisher.send(b"12345")
    subscriber.recv()
    sent, received = publisher.stats(), subscriber.stats()
    assert (sent.sent, sent.received, sent.dropped, sent.errors, sent.bytes) == (3, 0, 0, 0, 15)
    assert (received.sent, received.received, received.dropped, received.errors, received.bytes) == (0, 1, 0, 0, 5)


def test_receivers_that_come_and_go_are_logged(instance, caplog):
    caplog.set_level(logging.INFO)
    with Publisher("robot_commands") as publisher:
        publisher.send(0)
        assert caplog.text == ""
        with Subscriber("robot_commands"):
            for _ in range(3):
                publisher.send(1)
        publisher.send(2)
    assert [record.getMessage() for record in caplog.records] == [
        f"robot_commands: process {os.getpid()} receives",
        f"robot_commands: process {os.getpid()} receives no more",
    ]
