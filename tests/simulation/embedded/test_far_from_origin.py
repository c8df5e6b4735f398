"""A road at real-world coordinates is drawn, driven and scored like the same road at the origin."""

import re
from pathlib import Path

import numpy as np
import pytest

from simulation.embedded.world import built_in_map
from simulation.opendrive.writer import bend, road_xml, straight
from tests.simulation.embedded import driver

MOVED_M = 691000.5, 5335000.25  # Munich in UTM zone 32
SPEED_MPS = 15.0
MAX_DIFFERENCE_M = 1e-6


def moved(text: str) -> str:
    """The road file with all geometries moved."""

    def place(match: re.Match) -> str:
        x_m, y_m = float(match[1]) + MOVED_M[0], float(match[2]) + MOVED_M[1]
        return f'x="{x_m:.10f}" y="{y_m:.10f}"'

    return re.sub(r'x="([^"]*)" y="([^"]*)"', place, text)


def hilly() -> str:
    pieces = [straight(80.0), *bend(150.0, 60.0, 30.0), straight(200.0)]
    return road_xml("hills", pieces, lane_width_m=3.5, is_closed=False, note="", climb_ratio=0.05)


def drive(path: Path, condition: str, seconds: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N, H, W, 3) and truth (ticks, 3): offset, heading error, margin to the left line."""
    world = driver.make(map=str(path), condition=condition, start_speed_mps=SPEED_MPS, seed=3)
    tick, frames, truth = world.tick(None), [], []
    for index in range(round(seconds * 100)):
        tick = world.tick(driver.follow_lane(world, tick, SPEED_MPS))
        found = driver.truth_of(tick)
        truth.append((found.offset_m, found.heading_error_rad, found.margin_left_m))
        if tick.frame is not None and index % 50 < 4:
            image = np.empty((120, 160, 3), np.uint8)
            tick.frame.render_into(image)
            frames.append(image)
    return np.array(frames), np.array(truth)


@pytest.mark.parametrize("condition", ["clear", "worn", "mixed"])
@pytest.mark.parametrize("road", ["loop", "hills"])
def test_the_pictures_and_the_drive_do_not_depend_on_where_the_road_lies(tmp_path, road, condition):
    text = built_in_map().read_text(encoding="utf-8") if road == "loop" else hilly()
    near, far = tmp_path / "near.xodr", tmp_path / "far.xodr"
    near.write_text(text, encoding="utf-8")
    far.write_text(moved(text), encoding="utf-8")
    (near_frames, near_truth), (far_frames, far_truth) = (drive(path, condition) for path in (near, far))
    assert len(near_frames) >= 8
    difference = np.abs(near_frames.astype(int) - far_frames)
    assert difference.max() <= 1, (difference > 1).mean()
    assert near_truth == pytest.approx(far_truth, abs=MAX_DIFFERENCE_M)
