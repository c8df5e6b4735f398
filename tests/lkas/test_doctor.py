"""What `lkas doctor` says of segments, and what it advises."""

import os
import uuid

import msgspec
import pytest
from msgspec import structs
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.cli.segments import judged
from lkas.integration.shared_memory import ControlChannel, SegmentInfo

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
        ({"writer_pid": None}, "no writer, 2 readers wait", "start `simulation`: readers go on"),
        (
            {"writer_pid": None, "readers": 1, "instance": "b", "record_type": "ControlMessage"},
            "no writer, 1 reader waits",
            "start `lkas` with --instance b",
        ),
        ({"age_s": None, "sequence": 0}, "nothing was written yet", "process 7"),
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
    assert (segment["writer_pid"], segment["rate_hz"], segment["state"]) == (os.getpid(), 0.0, "in use")
    assert "Hz" in printed
