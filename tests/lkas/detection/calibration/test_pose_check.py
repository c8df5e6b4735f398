"""A camera that is not where it is said to be is named from the drive; one that is there is not."""

import math
import re

import msgspec
import numpy as np
import pytest

from lkas.detection import create_detector
from lkas.detection.calibration.pose_check import PoseCheck
from lkas.detection.parameters import DetectionParameters
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld


@pytest.fixture(scope="module")
def frames():
    """Three seconds of the embedded world at 12 m/s: images and states."""
    world = EmbeddedWorld(SimulationConfig(start_speed_mps=12.0), CameraConfig(), VehicleConfig())
    found = []
    image = np.empty((world.height_px, world.width_px, 3), np.uint8)
    while len(found) < 90:
        tick = world.tick(None)
        if tick.frame is not None:
            tick.frame.render_into(image)
            found.append((image.copy(), tick.state))
    world.close()
    return found


def said(frames, **changes):
    """What the check says when the camera is described with these changes, and after how many seconds."""
    camera = msgspec.structs.replace(frames[0][1].camera, **changes)
    detector, check = create_detector("cv"), PoseCheck(DetectionParameters().lane_width_m)
    start_s = frames[0][1].timestamp
    for image, state in frames:
        state = msgspec.structs.replace(state, camera=camera)
        model = detector.detect(image, state.timestamp, state).lane_model
        texts = check.check(state.timestamp, model, camera.pitch_rad) if model else []
        if texts:
            return texts, state.timestamp - start_s
    return [], None


def focal_px(hfov_deg):
    return 400 / math.tan(math.radians(hfov_deg) / 2)


def test_a_camera_that_is_where_it_is_said_to_be_is_not_accused(frames):
    assert said(frames) == ([], None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"focal_px": focal_px(95)}, "the camera looks 2.* degrees lower than given"),
        ({"pitch_rad": math.radians(2)}, "the camera looks 2.* degrees lower than given"),
        ({"height_m": 1.1}, "the lane looks 2.7. m wide, expected are 3.6 m"),
        ({"height_m": 1.8}, "the lane looks 4.5. m wide, expected are 3.6 m"),
        ({"height_m": 1.1, "focal_px": focal_px(95)}, "degrees lower"),
    ],
)
def test_a_camera_that_is_not_is_named_within_three_seconds(frames, changes, words):
    texts, after_s = said(frames, **changes)
    assert after_s is not None
    assert after_s < 3.0
    assert any(re.search(words, text) for text in texts), texts


def test_a_cause_is_said_once_until_it_ends():
    check = PoseCheck(3.6)
    said = [text for step in range(300) for text in check.update(step / 30, 4.6, 0.0)]
    assert len(said) == 1
    for step in range(300, 400):
        assert check.update(step / 30, 3.6, 0.0) == []
    assert [text for step in range(400, 700) for text in check.update(step / 30, 4.6, 0.0)] == said
