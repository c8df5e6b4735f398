"""Arrays: copied, or as views of the inbox that occupy their room."""

import gc

import numpy as np
import pytest

from lkas.integration.shared_memory.sockets import Publisher, Subscriber
from tests.lkas.integration.shared_memory.sockets.test_messages import WAIT_MS, Pose, pair


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.arange(24.0).reshape(4, 6)[::2, ::-1],
        np.array(1.5, np.float32),
        np.empty((0, 3), np.int16),
        np.array(["a", "bcd"]),
        np.array([1, 2], "M8[s]"),
        np.asfortranarray(np.eye(3)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("serializer", ["raw", "pickle"])
def test_arrays(made, array, copy, serializer):
    publisher, subscriber = pair(made, serializer, copy)
    publisher.send(array)
    received = subscriber.recv(timeout=0)
    assert received.dtype == array.dtype
    np.testing.assert_array_equal(received, array, strict=True)


def test_a_copied_array_belongs_to_its_receiver(made):
    publisher, subscriber = pair(made, "pickle")
    publisher.send({"pose": Pose(1.5, np.arange(1000))})
    pose = subscriber.recv(timeout=0)["pose"]
    pose.image[0] = 7  # writeable
    publisher.send(b"x" * 10_000)
    assert pose.image.tolist() == [7, *range(1, 1000)]


@pytest.mark.parametrize("serializer", ["raw", "pickle"])
def test_an_array_without_a_copy(made, serializer):
    """The elements are in the inbox: the process maps the inbox's file at their address."""
    publisher, subscriber = pair(made, serializer, copy=False)
    publisher.send(np.arange(360_000, dtype=np.float32).reshape(600, 600))
    array = subscriber.recv(timeout=0)
    address = array.__array_interface__["data"][0]
    with open("/proc/self/maps") as maps:
        mapped = [
            line for line in maps if int(line.split("-")[0], 16) <= address < int(line.split("-")[1].split()[0], 16)
        ]
    assert len(mapped) == 1 and "topic-sub-" in mapped[0]  # noqa: PT018
    assert not array.flags.writeable
    assert array[599, 599] == 359_999
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1


def test_an_array_from_another_process(made, peer):
    subscriber = made(Subscriber, "topic", serializer="raw", copy=False)
    peer("publish_array")
    array = subscriber.recv(timeout=WAIT_MS)
    assert array.shape == (600, 600) and float(array[-1, -1]) == 359_999  # noqa: PT018


def test_a_kept_array_keeps_its_bytes_and_its_room(made):
    subscriber = made(Subscriber, "topic", serializer="raw", copy=False, capacity=1 << 20)
    publisher = made(Publisher, "topic", serializer="raw")
    for value in range(3):
        assert publisher.send(np.full(300_000, value, np.uint8))
    first, second = subscriber.recv(timeout=0), subscriber.recv(timeout=0)
    assert publisher.send(np.full(300_000, 3, np.uint8)) is False
    del second  # the older one is still referenced
    gc.collect()
    assert publisher.send(np.full(300_000, 3, np.uint8)) is False
    assert (first == 0).all()
    del first
    assert publisher.send(np.full(300_000, 3, np.uint8)) is True
    assert [subscriber.recv(timeout=0)[0] for _ in range(2)] == [2, 3]


def test_releasing_an_older_message_keeps_the_younger_one(made):
    subscriber = made(Subscriber, "topic", serializer="raw", copy=False, capacity=1 << 20)
    publisher = made(Publisher, "topic", serializer="raw")
    for value in range(3):
        assert publisher.send(np.full(300_000, value, np.uint8))
    first, second, third = (subscriber.recv(timeout=0) for _ in range(3))
    del first
    assert publisher.send(np.full(300_000, 3, np.uint8)) is True
    assert publisher.send(np.full(300_000, 4, np.uint8)) is False
    assert (second == 1).all()
    assert (third == 2).all()


def test_a_kept_array_outlives_its_socket(made):
    publisher, subscriber = pair(made, "raw", copy=False)
    publisher.send(np.full(100_000, 5, np.uint8))
    array = subscriber.recv(timeout=0)
    subscriber.close()
    del subscriber
    assert (array == 5).all()
