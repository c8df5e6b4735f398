"""`lkas doctor`: the state of segments and sockets, and its advice."""

import os
import uuid
from pathlib import Path

import msgspec
import pytest
from msgspec import structs
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.cli.segments import judged
from lkas.cli.sockets import judged_socket
from lkas.integration.shared_memory import ControlChannel, SegmentInfo, list_segments
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Requester, Subscriber
from lkas.integration.shared_memory.sockets.survey import ReceiverInfo, SocketInfo, list_sockets
from tests.support.peer import Peer

LIVING = SegmentInfo(
    name="camera_feed",
    instance="default",
    path="/dev/shm/lkas.0.default.camera_feed",
    record_type="ImageMessage",
    size_bytes=1 << 20,
    writer_pid=7,
    readers=2,
    age_s=0.02,
    sequence=1000,
    drops=0,
    generation=1,
    stale=None,
)


@pytest.mark.parametrize(
    ("changes", "state", "advice"),
    [
        ({}, "in use", None),
        ({"drops": 5}, "in use", None),
        ({"drops": 50}, "drops messages", "more slots"),
        ({"stale": "its writer is gone"}, "stale: its writer is gone", "--clean"),
        ({"damage": "not a channel"}, "damaged: not a channel", "its writer creates it again"),
        ({"writer_pid": None}, "no writer, 2 readers wait", "start `simulation`: its readers then continue"),
        (
            {"writer_pid": None, "readers": 1, "instance": "b", "record_type": "ControlMessage"},
            "no writer, 1 reader waits",
            "start `lkas` with --instance b",
        ),
        ({"age_s": None, "sequence": 0}, "nothing has been written yet", "process 7"),
        ({"corrupt": 3}, "3 messages failed their checksum and were skipped", "who has it open"),
        ({"age_s": 4.0}, "silent for 4.0 s", "process 7 lives but writes nothing"),
    ],
)
def test_each_problem_has_its_advice(changes, state, advice):
    judgement = judged(structs.replace(LIVING, **changes), 30.0)
    assert judgement.state == state
    assert advice is judgement.advice is None or advice in judgement.advice


def test_the_report_has_rate_and_advice(monkeypatch):
    instance = f"doctor-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("LKAS_INSTANCE", instance)
    with ControlChannel(create=True) as writer:
        writer.write(steering=0.0, throttle=0.0, brake=0.0)
        done = CliRunner().invoke(app, ["doctor", "--json"])
        printed = CliRunner().invoke(app, ["doctor"]).stdout
        writer.unlink()
    (segment,) = [found for found in msgspec.json.decode(done.stdout)["segments"] if found["instance"] == instance]
    assert (segment["writer_pid"], segment["rate_hz"]) == (os.getpid(), 0.0)
    assert segment["state"].startswith(("in use", "silent for"))  # the latter where the command took a second
    assert "Hz" in printed


RECEIVER = ReceiverInfo(
    role="pull", pid=7, is_alive=True, received=90, waiting=10, dropped=0, slots=100, memory_bytes=65536, path=""
)
DEAD = structs.replace(RECEIVER, pid=8, is_alive=False)
SOCKET = SocketInfo(name="work", instance="default", pattern="pushpull", users=[7, 9], receivers=[RECEIVER], stale=None)


@pytest.mark.parametrize(
    ("changes", "state", "advice"),
    [
        ({}, "in use", None),
        ({"receivers": [RECEIVER, DEAD]}, "in use", None),  # the living one takes over
        ({"receivers": []}, "no receiver", "start a Puller('work') with LKAS_INSTANCE=default"),
        ({"receivers": [DEAD]}, "no receiver, 10 messages of a dead process wait", "start a Puller"),
        (
            {"receivers": [structs.replace(RECEIVER, waiting=95, dropped=3)]},
            "process 7 is behind: 95 of 100 messages wait, 3 found no room",
            "more slots",
        ),
        ({"receivers": [structs.replace(RECEIVER, dropped=2)]}, "process 7 is behind: 10 of 100", "more often"),
        ({"stale": "unused", "receivers": []}, "stale: unused", "`lkas doctor --clean` removes it"),
        (
            {"stale": "unused", "receivers": [DEAD]},
            "stale: unused, with 10 messages that no process took",
            "receive them",
        ),
        ({"pattern": "reqrep", "receivers": [structs.replace(RECEIVER, role="req")]}, "no receiver", "Replier"),
    ],
)
def test_each_problem_of_a_socket_has_its_advice(changes, state, advice):
    judgement = judged_socket(structs.replace(SOCKET, **changes))
    assert judgement.state.startswith(state)
    assert advice is judgement.advice is None or advice in judgement.advice


@pytest.fixture
def instance(monkeypatch):
    name = f"doctor-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    return name


def test_sockets_are_listed_with_users_and_counters(instance):
    with Publisher("topic") as publisher, Subscriber("topic", slots=4) as subscriber, Requester("service"):
        assert [publisher.send(number) for number in range(6)] == [True] * 4 + [False] * 2
        subscriber.recv()
        done = CliRunner().invoke(app, ["doctor", "--json"])
        printed = CliRunner().invoke(app, ["doctor"]).stdout
    report = msgspec.json.decode(done.stdout)
    assert [found for found in report["segments"] if found["instance"] == instance] == []
    service, topic = [found for found in report["sockets"] if found["instance"] == instance]
    assert (service["name"], service["pattern"], service["state"]) == ("service", "reqrep", "no receiver")
    assert (topic["name"], topic["users"], topic["stale"]) == ("topic", [os.getpid()], None)
    (receiver,) = topic["receivers"]
    assert (receiver["role"], receiver["pid"]) == ("sub", os.getpid())
    assert (receiver["received"], receiver["waiting"], receiver["dropped"], receiver["slots"]) == (1, 3, 2, 4)
    assert f"topic (pubsub, {instance})" in printed


def kill_a_worker(before=lambda: True):
    worker = Peer("tests.lkas.integration.shared_memory.sockets.roles", "idle", kind="Puller", name="work")
    try:
        assert worker.line() == "ready"
        assert before()
    finally:
        worker.stop()


def test_clean_removes_unused_sockets_and_keeps_messages_that_another_process_can_take(instance):
    """The messages of a killed worker are kept while another process uses the name; afterwards they are stale."""
    with Pusher("work") as pusher:
        kill_a_worker(lambda: pusher.send("precious"))
        assert CliRunner().invoke(app, ["doctor", "--clean", "--json"]).exit_code in (0, 1)
        with Puller("work") as puller:
            assert puller.recv(timeout=0) == "precious"
    kill_a_worker()
    assert {info.kind for info in list_segments(instance=instance)} == {"bell", "inbox"}
    report = msgspec.json.decode(CliRunner().invoke(app, ["doctor", "--clean", "--json"]).stdout)
    assert len(report["removed"]) >= 2
    assert list_sockets(instance=instance) == []


@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 0), lambda path: path.write_bytes(b"x" * 20_000)])
def test_damaged_and_stale_segments_are_named_and_cleaned(tmp_path, monkeypatch, damage):
    """The exit code says whether all is well, before and after --clean."""
    monkeypatch.setattr("lkas.integration.shared_memory.segment.DEFAULT_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("lkas.cli.findings.findings", lambda ports: [])
    with ControlChannel(create=True) as channel:
        path = Path(channel.path)
        assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
        damage(path)
        done = CliRunner().invoke(app, ["doctor", "--json", "--clean"])
        assert done.exit_code == 1, "a living writer keeps its file, and mends it with the next message"
        assert path.exists()
        assert msgspec.json.decode(done.stdout)["segments"][0]["state"].startswith("damaged: ")
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    assert msgspec.json.decode(done.stdout)["segments"][0]["state"].startswith("stale: ")
    done = CliRunner().invoke(app, ["doctor", "--json", "--clean"])
    assert done.exit_code == 0, done.output
    assert msgspec.json.decode(done.stdout)["removed"] == ["vehicle_control"]
    assert not path.exists()
