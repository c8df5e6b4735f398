"""Frame transport: delayed and dropped frames."""

import numpy as np
import pytest

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.frame_transport import FrameTransport
from simulation.embedded.world import EmbeddedWorld
from tests.simulation.opendrive import roads


class Exposure:
    def __init__(self, timestamp):
        self.timestamp = timestamp


@pytest.fixture
def published(tmp_path):
    road = str(roads.write(tmp_path, roads.road()))
    return lambda ticks=300, **changes: frames(ticks, map=road, **changes)


def frames(ticks, **changes):
    """(world time, frame) of each frame of a short drive."""
    world = EmbeddedWorld(
        SimulationConfig(start_speed_mps=10.0, **changes), CameraConfig(width_px=64, height_px=48), VehicleConfig()
    )
    found = []
    for _ in range(ticks):
        tick = world.tick(None)
        if tick.frame is not None:
            image = np.zeros((48, 64, 3), np.uint8)
            tick.frame.render_into(image)
            found.append((tick.state.timestamp, tick.frame, image))
    return found


def test_a_late_frame_has_the_image_and_time_of_its_exposure(published):
    at_once, late = published(40), published(40, frame_delay_s=0.15)
    assert [frame.frame_id for _, frame, _ in late] == [frame.frame_id for _, frame, _ in at_once][: len(late)]
    for (_, frame, image), (now_s, late_frame, late_image) in zip(at_once, late, strict=False):
        assert late_frame.timestamp == frame.timestamp
        assert now_s - late_frame.timestamp == pytest.approx(0.15, abs=0.011)
        assert (late_image == image).all()
    assert len(late) == len(at_once) - 5


def test_dropped_frames_leave_gaps_in_the_ids_and_depend_on_the_seed(published):
    lost = published(frame_drop_ratio=0.4)
    ids = [frame.frame_id for _, frame, _ in lost]
    assert len(ids) == pytest.approx(0.6 * 91, abs=15)
    assert ids == sorted(set(ids))
    assert ids == [frame.frame_id for _, frame, _ in published(frame_drop_ratio=0.4)]
    assert ids != [frame.frame_id for _, frame, _ in published(frame_drop_ratio=0.4, seed=2)]


def test_clear_discards_frames_in_transit():
    path = FrameTransport(0.1, 0.0, seed=1)
    assert path.step(Exposure(1.0), 1.0) is None
    path.clear()
    assert path.step(None, 2.0) is None
