"""A drive whose segments another program damages: it goes on, in the same processes."""

import os
import random
from pathlib import Path

import pytest

from lkas.integration.shared_memory import ControlChannel, SHMError, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.shared_memory.segment import segment_path
from tests.support.stack import PATIENCE_S, wait_until

NAMES = ("decision", "detection", "broker", "simulation", "viewer")


def cut(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(random.Random(3).randrange(400))
        file.write(random.Random(4).randbytes(40))


def overwrite_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(random.Random(5).randbytes(512))


@pytest.mark.parametrize("damage", [cut, overwrite, overwrite_header])
def test_a_drive_survives_damaged_segments(stack, damage):
    stack.start("lkas", "demo", "--no-browser", "--port", str(stack.viewer_port))
    wait_until(lambda: "pose_to_control" in stack.health().get("latency_ms", {}), f"a drive\n{stack.output()}")
    wait_until(lambda: all(stack.pid_of(name) for name in NAMES), "all processes")
    pids = [stack.pid_of(name) for name in NAMES]
    for name in ("vehicle_control", "vehicle_state", "lane_detection", "camera_feed"):
        damage(Path(segment_path(name, stack.instance)))
        with VehicleChannel(instance=stack.instance) as vehicle, ControlChannel(instance=stack.instance) as controls:
            wait_until(lambda channel=vehicle: try_latest(channel), f"a vehicle state after {name}\n{stack.output()}")
            now = vehicle.read(timeout=PATIENCE_S) or vehicle.latest()
            wait_until(
                lambda now=now, channel=vehicle: channel.latest().timestamp > now.timestamp + 1.0, "a second of driving"
            )
            wait_until(
                lambda channel=controls: (found := try_latest(channel)) and found.mode is ControlMode.LANE_KEEPING,
                f"the lane is kept after {name}\n{stack.output()}",
            )
        assert f"{name}: " in stack.output()
    assert [stack.pid_of(name) for name in NAMES] == pids
    assert "created again" in stack.output()


def try_latest(channel):
    try:
        return channel.latest()
    except SHMError:  # it is being mended
        return None
