"""Many threads, many clients, forks: one reader place per process and channel, and right results."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lkas.integration.client import LKASClient
from lkas.integration.client.receiver import CommandReceiver
from lkas.integration.shared_memory import DetectionChannel, SHMError, TimelineChannel, TracksChannel, list_segments
from lkas.integration.shared_memory.messages import LaneMessage
from lkas.integration.zmq.messages import Ack
from tests.lkas.integration.client.conftest import WAIT_S

THREADS = 100
READS = 20


@pytest.fixture(autouse=True)
def frequent_switches():
    """Threads take turns after each microsecond, so that a missing lock shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def channels(instance):
    """The three channels of a publisher."""
    opened = [kind(create=True) for kind in (DetectionChannel, TracksChannel, TimelineChannel)]
    yield opened
    for channel in opened:
        channel.unlink()
        channel.close()


def places(instance: str) -> dict[str, int]:
    """Reader places in use by channel."""
    return {s.name: s.readers for s in list_segments(instance=instance) if s.kind == "channel"}


def in_threads(function, count: int = THREADS) -> list:
    """Call `function` in `count` threads that start at the same time. Returns the results."""
    barrier = threading.Barrier(count)

    def run(number: int):
        barrier.wait(WAIT_S)
        return function(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=WAIT_S))


def write(channels, frame_id: int) -> None:
    """One frame whose values say which frame it is."""
    line = LaneMessage(x1=frame_id, y1=frame_id, x2=frame_id, y2=frame_id, confidence=1.0)
    channels[0].write(line, line, frame_id=frame_id)
    channels[1].write(frame_id=frame_id)
    channels[2].write(frame_id=frame_id)


def test_a_hundred_threads_with_a_client_each_take_one_place(channels, instance):
    stopped = threading.Event()
    taken = []

    def publish():
        frame_id = 1
        while not stopped.wait(0.001):
            frame_id += 1
            write(channels, frame_id)

    def request(_number: int) -> list[dict]:
        found = []
        for _ in range(READS):
            with LKASClient() as client:
                found.append(client.get_detections())
                client.get_tracks(), client.get_timelines(), client.get_stats()
                taken.append(max(places(instance).values()))
        return found

    write(channels, 1)
    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        results = in_threads(request)
    finally:
        stopped.set()
        publisher.join(WAIT_S)
    for found in results:
        frame_ids = [data["frame_id"] for data in found]
        assert frame_ids == sorted(frame_ids)  # never an older one than before
        for data in found:
            assert {line["x1"] for line in data["detections"]} == {data["frame_id"]}
    # A reader that was just closed and the next one may overlap for a moment.
    assert max(taken) <= 2
    assert set(places(instance).values()) == {0}


def test_a_hundred_threads_share_one_client(channels, instance):
    write(channels, 5)
    with LKASClient() as client:
        results = in_threads(lambda _: [client.get_detections()["frame_id"] for _ in range(READS)])
        assert {frame_id for found in results for frame_id in found} == {5}
        assert client.get_stats()["detections"]["received"] == 1
        in_threads(lambda _: (client.get_tracks(), client.get_timelines(), client.get("lane_detection")))
        assert set(places(instance).values()) == {1}
    assert set(places(instance).values()) == {0}


def test_the_other_clients_go_on_when_one_closes(channels, instance):
    write(channels, 5)
    with LKASClient() as kept:
        with LKASClient() as closed:
            assert closed.get_detections()["frame_id"] == 5
        write(channels, 6)
        assert kept.get_detections()["frame_id"] == 6
        with pytest.raises(SHMError, match="closed"):
            closed.get_detections()
        closed.close()
        assert places(instance)["lane_detection"] == 1


def test_a_client_closed_while_threads_read_raises_only_that_it_is_closed(channels, instance):
    write(channels, 5)
    client = LKASClient()

    def read(number: int) -> str:
        if number == 0:
            client.close()
        try:
            for _ in range(READS):
                client.get_detections()
        except SHMError as error:
            return str(error)
        return "closed"

    assert all("closed" in text for text in in_threads(read, 20))
    assert set(places(instance).values()) == {0}


def test_commands_of_many_threads_get_their_own_answers(instance):
    stopped = threading.Event()
    receiver = CommandReceiver()

    def serve():
        while not stopped.wait(0.0005):
            receiver.poll(lambda command: Ack(request_id="", ok=command.params["number"] % 2 == 0, error="odd"))

    server = threading.Thread(target=serve)
    server.start()
    try:
        with LKASClient() as client:

            def ask(number: int) -> bool:
                try:
                    return client.send_command("ASK", {"number": number}, WAIT_S * 1000)
                except ValueError:
                    return False

            assert in_threads(ask, 40) == [number % 2 == 0 for number in range(40)]
            counts = client.get_stats()["commands"]
            assert counts == {"sent": 40, "acknowledged": 20, "refused": 20, "unanswered": 0}
    finally:
        stopped.set()
        server.join(WAIT_S)
        receiver.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_child_of_a_fork_reads_with_a_place_of_its_own(channels, instance):
    """Forked from a process whose other threads hold the locks of readers all the time."""
    write(channels, 5)
    stopped = threading.Event()
    with LKASClient() as client:

        def read():
            while not stopped.is_set():
                client.get_detections()
                client.send_command("FLY", timeout=1)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                is_right = False
                try:
                    with LKASClient() as fresh:
                        read_by = [c.get_detections()["frame_id"] for c in (client, fresh)]
                    is_right = read_by == [5, 5] and places(instance)["lane_detection"] == 2
                    is_right = is_right and client.send_command("FLY", timeout=1) is False
                    client.close()
                finally:
                    os._exit(0 if is_right else 1)
            assert os.waitpid(child, 0)[1] == 0
        stopped.set()
        for thread in threads:
            thread.join(WAIT_S)
        write(channels, 6)
        assert client.get_detections()["frame_id"] == 6  # the parent's reader is not disturbed
        assert places(instance)["lane_detection"] == 1
