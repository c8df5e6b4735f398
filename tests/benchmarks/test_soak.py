"""At most a hundredth of each long test, so that they stay runnable."""

import os

import pytest

from benchmarks.soak import frames, kills, messages, torn
from lkas.integration.shared_memory import list_segments, remove_stale

# Python from 3.12 on warns of forks beside threads; libraries of other tests leave some, and no child here needs them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def instance(monkeypatch, request):
    name = f"soak-{os.getpid()}-{request.node.name[-40:]}".replace("_", "-")
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    remove_stale(instance=name)
    assert list_segments(instance=name) == []


@pytest.fixture
def progress():
    return []


def test_torn_reads(instance, progress):
    result = torn.prove(0.0005, progress.append)
    assert result["torn"] == 0
    assert result["reads"] >= 5000
    assert len(progress) == len(result["rows"]) == 9


def test_kills(instance, progress):
    result = kills.prove(0.01, progress.append)
    assert (result["torn"], result["hangs"]) == (0, 0)
    assert result["writers_killed"] >= 8
    assert result["half_written"] >= kills.AT_LEAST_HALF_DRAWN * 8


def test_messages(instance, progress):
    result = messages.prove(0.001, progress.append)
    assert [row["lost"] for row in result["rows"]] == [0, 0, 0]


def test_frames_for_many_readers(instance, progress, monkeypatch):
    monkeypatch.setattr(frames, "SEEN_SHARE", 1 / 60)  # two seconds on a busy machine prove nothing
    result = frames.prove(0.0, progress.append)
    assert result["frames"] == 60
    assert result["segment_mb"] < 35
