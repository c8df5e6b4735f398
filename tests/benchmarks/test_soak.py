"""A share of each long proof, so that they stay runnable: a hundredth, or less."""

import os

import pytest

from benchmarks.soak import frames, kills, messages, torn
from lkas.integration.shared_memory import list_segments, remove_stale

# Python from 3.12 on warns of forks beside threads; other tests' libraries leave some, and no child here needs them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def instance(monkeypatch, request):
    name = f"soak-{os.getpid()}-{request.node.name[-40:]}".replace("_", "-")
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    remove_stale(instance=name)
    assert list_segments(instance=name) == []


@pytest.fixture
def said():
    return []


def test_torn_reads(instance, said):
    result = torn.prove(0.0005, said.append)
    assert result["torn"] == 0
    assert result["reads"] >= 5000
    assert len(said) == len(result["rows"]) == 9


def test_kills(instance, said):
    result = kills.prove(0.01, said.append)
    assert (result["torn"], result["hangs"]) == (0, 0)
    assert result["writers_killed"] >= 8
    assert result["half_written"] >= kills.AT_LEAST_HALF_DRAWN * 8


def test_messages(instance, said):
    result = messages.prove(0.001, said.append)
    assert [row["lost"] for row in result["rows"]] == [0, 0, 0]


def test_frames_for_many_readers(instance, said, monkeypatch):
    monkeypatch.setattr(frames, "SEEN_SHARE", 1 / 60)  # what a busy machine leaves of two seconds is its affair
    result = frames.prove(0.0, said.append)
    assert result["frames"] == 60
    assert result["segment_mb"] < 35
