"""Pusher and Puller: each item to one worker, in turn; what a dead worker had not received goes to the others."""

import pytest

from lkas.integration.shared_memory import SHMTimeoutError, list_segments
from lkas.integration.shared_memory.sockets import Puller, Pusher

WAIT_MS = 120_000


def drain(puller: Puller) -> list[int]:
    items = []
    while True:
        try:
            items.append(puller.recv(timeout=0))
        except SHMTimeoutError:
            return items


def test_round_robin(made):
    pullers = [made(Puller, "work") for _ in range(3)]
    pusher = made(Pusher, "work")
    assert all(pusher.send(item) for item in range(9))
    assert [drain(puller) for puller in pullers] == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_a_full_worker_is_skipped(made):
    busy, free = made(Puller, "work", slots=1), made(Puller, "work")
    pusher = made(Pusher, "work")
    assert all(pusher.send(item) for item in range(5))
    assert (drain(busy), drain(free)) == ([0], [1, 2, 3, 4])


def test_without_room_send_returns_false(made):
    made(Puller, "work", slots=2)
    pusher = made(Pusher, "work")
    assert [pusher.send(item) for item in range(3)] == [True, True, False]
    assert (pusher.stats().sent, pusher.stats().dropped) == (2, 1)


def test_sender_first(peer):
    pushing = peer("push", first=0, count=3)
    pulling = peer("pull", count=3)
    assert [pulling.line() for _ in range(4)] == ["ready", "0", "1", "2"]
    assert pushing.line() == "pushed"


def test_several_producers(made, peer):
    puller = made(Puller, "work")
    for first in range(0, 300, 100):
        peer("push", first=first, count=100)
    assert sorted(puller.recv(timeout=WAIT_MS) for _ in range(300)) == list(range(300))


def test_ten_of_each(made, peer):
    pulling = [peer("pull_until_told") for _ in range(2)]
    assert [process.line() for process in pulling] == ["ready", "ready"]
    pullers = [made(Puller, "work") for _ in range(8)]
    pushers = [made(Pusher, "work") for _ in range(10)]
    for item in range(100):
        assert pushers[item % 10].send(item)
    received = [item for puller in pullers for item in drain(puller)]
    for puller in pullers:
        puller.close()
    assert made(Pusher, "work").send(None) and pushers[0].send(None)  # noqa: PT018
    for process in pulling:
        while (line := process.line()) not in ("end",):
            received.append(int(line))
    assert sorted(received) == list(range(100))


def test_the_work_of_a_killed_worker_goes_to_the_others(made, peer, instance):
    pusher, puller = made(Pusher, "work"), made(Puller, "work")
    dying = peer("idle", kind="Puller", name="work")
    dying.line()
    assert all(pusher.send(item) for item in range(10))
    dying.kill()
    assert all(pusher.send(item, timeout=WAIT_MS) for item in range(10, 20))
    assert sorted(puller.recv(timeout=WAIT_MS) for _ in range(20)) == list(range(20))
    with pytest.raises(SHMTimeoutError):
        puller.recv(timeout=150)
    assert len(list_segments(instance=instance)) == 2


def test_a_new_worker_takes_over_when_the_only_one_died(made, peer):
    pusher = made(Pusher, "work")
    dying = peer("idle", kind="Puller", name="work")
    dying.line()
    assert all(pusher.send(item) for item in range(3))
    dying.kill()
    puller = made(Puller, "work")
    assert [puller.recv(timeout=0) for _ in range(3)] == [0, 1, 2]


def test_a_worker_that_closes_leaves_its_work(made):
    pusher, leaving = made(Pusher, "work"), made(Puller, "work")
    assert all(pusher.send(item) for item in range(3))
    assert leaving.recv() == 0
    leaving.close()
    assert pusher.send("unused") is False
    puller = made(Puller, "work")
    assert pusher.send(3)
    assert sorted(drain(puller)) == [1, 2, 3]


def test_an_item_is_received_once(peer, made):
    """Two workers are killed while they work: no item is done twice, all but their current ones are done."""
    dying = [peer("pull_until_told") for _ in range(2)]
    assert [process.line() for process in dying] == ["ready", "ready"]
    pusher, puller = made(Pusher, "work"), made(Puller, "work")
    assert all(pusher.send(item, timeout=WAIT_MS) for item in range(300))
    seen = [int(dying[0].line()) for _ in range(5)] + [int(dying[1].line()) for _ in range(5)]
    for process in dying:
        process.kill()
    seen += drain(puller)
    assert len(seen) == len(set(seen))
