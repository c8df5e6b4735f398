"""The users' own examples of the channels, run as they wrote them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lkas.integration.shared_memory import list_segments, remove_stale

BLOCKS = re.findall(r"^```python\n(.*?)^```", (Path(__file__).parent / "channels.md").read_text(), re.M | re.S)


class Vehicle:
    """What the control example calls `vehicle`."""

    def __init__(self) -> None:
        self.applied: tuple[float, ...] | None = None

    def apply_control(self, *command: float) -> None:
        self.applied = command


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"usage-{os.getpid()}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    remove_stale(instance=name)
    assert list_segments(instance=name) == []


def run(block: str) -> dict[str, Any]:
    names = {"image_array": np.zeros((600, 800, 3), np.uint8), "vehicle": Vehicle()}
    exec(compile(block, "channels.md", "exec"), names)
    names.pop("channel").close()
    return names


def test_image_example(instance, capsys):
    run(BLOCKS[0])
    assert capsys.readouterr().out == "Frame 1: (600, 800, 3)\n"


def test_detection_example(instance, capsys):
    run(BLOCKS[1])
    assert capsys.readouterr().out == "Left lane: (200.0, 600.0)\n"


def test_control_example(instance):
    assert run(BLOCKS[2])["vehicle"].applied == (0.125, 0.15, 0.0)


def test_every_example_is_run():
    assert len(BLOCKS) == 3
