"""LKASClient beside a perception core in C: real processes that are killed, stopped, restarted or missing."""

import time

import pytest

from lkas.integration.client import CommandRefusedError, LKASClient
from lkas.integration.shared_memory import (
    DetectionChannel,
    SHMError,
    SHMSchemaError,
    TimelineChannel,
    TracksChannel,
    remove_stale,
)
from tests.lkas.integration.client.conftest import EXAMPLE, WAIT_S, Core, compiled
from tests.support.stack import wait_until

PATIENCE_MS = 60_000.0  # for a busy machine


def until(condition, what):
    return wait_until(condition, what, WAIT_S)


def answers(client: LKASClient) -> bool:
    return client.send_command("PING", timeout=PATIENCE_MS)


def test_everything_a_core_in_c_publishes(start, client):
    core = start()
    until(lambda: client.health_check()["healthy"], "a healthy core")
    detections, tracks, timelines = client.get_detections(), client.get_tracks(), client.get_timelines()
    left, right = detections["detections"]
    assert (left["side"], right["side"]) == ("left", "right")
    assert left["x1"] < 400 < right["x1"]
    assert (left["y1"], left["confidence"], left["line"]) == (600.0, 0.9, None)
    assert [track["type"] for track in tracks["tracks"]] == ["solid", "dashed"]
    assert tracks["tracks"][0]["c0"] - tracks["tracks"][1]["c0"] == pytest.approx(3.5)
    points = timelines["timelines"][0]["points"]
    assert [point["t_s"] for point in points] == pytest.approx([0.1 * i for i in range(31)])
    assert timelines["timelines"][0]["ttlc_left_s"] is None
    for data in (detections, tracks, timelines):
        assert data["session"] == detections["session"]
        assert data["frame_id"] >= 1
        assert data["timestamp"] > 0
    until(lambda: client.get_status()["state"] == "running", "a recent heartbeat")
    status = client.get_status()
    assert (status["name"], status["pid"], status["problem"]) == ("perception", core.pid, None)
    assert status["versions"]["program"] == "1.0"
    assert client.get_stats()["detections"]["writer_pid"] == core.pid


def test_rates_are_ten_ten_and_one_a_second(start, client):
    start()
    until(lambda: client.get_stats()["detections"]["sequence"] >= 12, "twelve detections")
    before, stats, after = (client.get_stats() for _ in range(3))
    before, after = (counts["detections"]["sequence"] for counts in (before, after))
    # The core writes the detection of a frame first, so its tracks and timeline may not be written yet.
    assert before - 1 <= stats["tracks"]["sequence"] <= after
    assert (before - 1 + 9) // 10 <= stats["timelines"]["sequence"] <= (after + 9) // 10


def test_without_a_publisher(client, caplog):
    for data, key in (
        (client.get_detections(), "detections"),
        (client.get_tracks(), "tracks"),
        (client.get_timelines(), "timelines"),
    ):
        assert data[key] == []
        assert (data["timestamp"], data["age_s"], data["fresh"]) == (None, None, False)
    health = client.health_check()
    assert not any(value for key, value in health.items() if key != "problems")
    assert "detections: there is no channel" in health["problems"]
    assert "no publisher of this instance writes one" in client.get_status()["problem"]
    assert client.send_command("PING") is False
    assert client.send_command("PING") is False
    assert caplog.text.count("PING was not acknowledged") == 1
    assert client.get_stats()["commands"] == {"sent": 2, "acknowledged": 0, "refused": 0, "unanswered": 2}


def test_the_caller_gets_a_copy_of_the_cached_data(start, client):
    start()
    first = until(lambda: client.get_detections()["detections"], "a detection")
    first[0]["x1"] = None
    first.clear()
    assert client.get_detections()["detections"][0]["x1"] is not None


def test_a_killed_core_is_replaced_by_the_next(start, client):
    core = start()
    until(lambda: client.health_check()["healthy"], "a healthy core")
    assert answers(client)
    core.kill()
    last = client.get_detections()
    until(lambda: not client.get_detections()["fresh"], "stale data")
    kept = client.get_detections()
    assert kept["detections"] == last["detections"]
    assert kept["frame_id"] == last["frame_id"]
    assert kept["age_s"] > 0.5
    assert client.send_command("PING") is False
    health = client.health_check()
    assert (health["publisher_alive"], health["data_fresh"], health["healthy"]) == (False, False, False)
    assert "detections: no process writes it" in health["problems"]

    second = start()
    until(lambda: client.health_check()["healthy"], "a healthy core again")
    assert client.get_status()["pid"] == second.pid
    assert client.get_detections()["fresh"]
    assert answers(client)
    assert client.get_stats()["detections"]["restarts"] == 1


def test_a_terminated_core_reports_that_it_stopped(start, client):
    core = start()
    until(lambda: client.get_detections()["fresh"], "a detection")
    assert core.stop() == ""
    assert (client.get_status()["state"], client.get_status()["fresh"]) == ("stopped", False)
    assert not client.health_check()["publisher_alive"]
    assert client.get_detections()["frame_id"] > 0
    assert client.send_command("PING") is False


def test_a_core_that_hangs_is_alive_but_stale_and_answers_nothing(start, client):
    core = start()
    until(lambda: client.health_check()["healthy"], "a healthy core")
    core.pause()
    assert client.send_command("PING") is False
    until(lambda: client.get_status()["state"] == "silent", "an old heartbeat")
    health = client.health_check()
    assert (health["publisher_alive"], health["data_fresh"], health["status_fresh"]) == (True, False, False)
    core.resume()
    until(lambda: client.health_check()["healthy"], "a healthy core")
    assert answers(client)  # the late answer to the first command is not taken for this one's


def test_a_command_changes_the_published_data(start, client):
    start()
    until(lambda: client.get_detections()["detections"], "lines")
    assert client.send_command("CONFIG_UPDATE", {"threshold": 0.95}, PATIENCE_MS) is True
    until(lambda: client.get_detections()["detections"] == [], "no lines of lower confidence")
    assert client.send_command("CONFIG_UPDATE", {"threshold": 0.7}, PATIENCE_MS) is True
    until(lambda: client.get_detections()["detections"], "lines again")


@pytest.mark.parametrize(
    ("name", "params", "reason"),
    [
        ("FLY", {}, "no such command; known are CONFIG_UPDATE, PING"),
        ("CONFIG_UPDATE", {"threshold": 7}, "threshold: expected a number in [0, 1]"),
        ("CONFIG_UPDATE", {"threshold": "0.5"}, "threshold: expected a number"),
        ("CONFIG_UPDATE", {"threshold": None}, "threshold: expected a number"),
        ("CONFIG_UPDATE", {"other": 1}, "no such setting; known is threshold"),
    ],
)
def test_refusals_come_with_their_reason(start, client, name, params, reason):
    start()
    until(lambda: client.send_command("PING"), "the core is there")
    with pytest.raises(CommandRefusedError) as refusal:
        client.send_command(name, params, PATIENCE_MS)
    assert reason in str(refusal.value)
    assert client.get_stats()["commands"]["refused"] == 1


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("", {}),
        ("X" * 65, {}),
        ("X", {"a": [1]}),
        ("X", {"": 1}),
        ("X", {"a": float("nan")}),
        ("X", {str(i): "y" * 999 for i in range(9)}),
    ],
)
def test_malformed_commands_are_not_sent(client, name, params):
    with pytest.raises(ValueError, match="command"):
        client.send_command(name, params)
    assert client.get_stats()["commands"]["sent"] == 0


def test_two_instances_side_by_side(start, client, instance):
    other_name = f"{instance}-b"
    first, second = start(), start(other_name)
    with LKASClient(instance=other_name) as other:
        until(lambda: client.health_check()["healthy"] and other.health_check()["healthy"], "two healthy cores")
        assert other.send_command("CONFIG_UPDATE", {"threshold": 1.0}, PATIENCE_MS)
        until(lambda: other.get_detections()["detections"] == [], "the other core's reaction")
        assert len(client.get_detections()["detections"]) == 2
        assert (client.get_status()["pid"], other.get_status()["pid"]) == (first.pid, second.pid)
        second.kill()
        until(lambda: not other.health_check()["data_fresh"], "stale data of the other core")
        until(lambda: client.health_check()["healthy"], "a healthy first core")
        second = start(other_name)  # removes the segments when it terminates
        until(lambda: other.send_command("PING"), "the other core again")
    assert second.stop() == ""
    remove_stale(instance=other_name)  # the inbox of the killed core, which only a Python socket would have removed


def test_a_publisher_in_python(client, instance):
    channels = [kind(create=True) for kind in (DetectionChannel, TracksChannel, TimelineChannel)]
    channels[0].write(frame_id=5, timestamp=2.5)
    channels[1].write(frame_id=5)
    channels[2].write(frame_id=4)
    assert (client.get_detections()["frame_id"], client.get_detections()["timestamp"]) == (5, 2.5)
    assert client.get_timelines()["timelines"] == []
    until(lambda: all(c.write(frame_id=5) for c in channels) and client.health_check()["data_fresh"], "fresh data")
    channels[0].write(frame_id=6, capture_ns=time.monotonic_ns() + 10**12)
    assert client.get_detections()["frame_id"] == 6
    assert not client.get_detections()["fresh"]  # a stamp in the future cannot be right
    for channel in channels:
        channel.unlink()
        channel.close()


def test_the_error_for_a_segment_of_another_version_names_it(client, instance):
    with TracksChannel("lane_detection", create=True) as foreign:
        foreign.write()
        with pytest.raises(SHMSchemaError, match=r"TracksMessage"):
            client.get_detections()
        assert not client.health_check()["shm_accessible"]
        foreign.unlink()


def test_a_closed_client_raises_an_error(client):
    client.close()
    with pytest.raises(SHMError, match="closed"):
        client.get_tracks()
    with pytest.raises(SHMError, match="closed"):
        client.send_command("PING")
    client.close()


def test_the_core_compiles_and_runs_as_cpp(tmp_path, instance, client):
    program = compiled(EXAMPLE, tmp_path / "perception", "-std=c++17", "-xc++", compiler="c++")
    core = Core(program, instance)
    try:
        until(lambda: client.send_command("PING"), "an answer")
        until(lambda: client.health_check()["healthy"], "a healthy core")
    finally:
        assert core.stop() == ""
