"""Estimating the camera pose."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.detection import create_detector
from lkas.detection.calibration.geometry import aimed_at
from lkas.detection.calibration.pose_file import PoseFileError, save_pose, with_saved_pose
from lkas.detection.calibration.vanishing_point import vanishing_points
from lkas.detection.calibration.video import FULL_SAMPLES, JUMP_RATIO, VideoCalibration
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import Calibration, CalibrationStatus
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnLine, DrawnRoad

POSES = [(4, 0), (0, 0), (8, 0), (4, 6), (2, -6), (10, 3)]  # pitch, yaw in degrees


def true_vanishing_point(road: DrawnRoad) -> tuple[float, float]:
    focal_px = road.width_px / 2 / math.tan(road.hfov_rad / 2)
    u = (road.width_px - 1) / 2 + focal_px * math.tan(road.yaw_rad) / math.cos(road.pitch_rad)
    v = (road.height_px - 1) / 2 - focal_px * math.tan(road.pitch_rad)
    return u, v


@given(u=st.floats(100, 700), v=st.floats(100, 500), roll_deg=st.floats(-30, 30))
def test_aiming_there_and_back(u, v, roll_deg):
    aimed = aimed_at(CameraConfig(roll_deg=roll_deg).geometry(), (u, v))
    assert PinholeCamera(aimed).vanishing_point_px == pytest.approx((u, v), abs=1e-6)
    assert math.degrees(aimed.roll_rad) == pytest.approx(roll_deg)


def test_aiming_left_is_positive_yaw():
    """The car's direction appears right of the middle when the camera looks left of it."""
    assert aimed_at(CameraConfig().geometry(), (500.0, 300.0)).yaw_rad > 0
    assert aimed_at(CameraConfig().geometry(), (399.5, 200.0)).pitch_rad > 0


@pytest.mark.parametrize(("pitch_deg", "yaw_deg"), POSES)
def test_segments_point_at_the_vanishing_point(pitch_deg, yaw_deg):
    road = DrawnRoad(pitch_rad=math.radians(pitch_deg), yaw_rad=math.radians(yaw_deg))
    u, v, share = vanishing_points(road.image())[0]
    assert share == 1.0
    assert math.dist((u, v), true_vanishing_point(road)) < 12


@pytest.mark.parametrize(("pitch_deg", "yaw_deg"), POSES)
def test_a_single_image_determines_pitch_and_yaw(pitch_deg, yaw_deg):
    road = DrawnRoad(pitch_rad=math.radians(pitch_deg), yaw_rad=math.radians(yaw_deg), offset_m=0.3)
    model = create_detector("cv").detect(road.image()).lane_model
    assert math.degrees(model.calibration.pitch_rad) == pytest.approx(pitch_deg, abs=0.2)
    assert model.calibration.status == CalibrationStatus.ESTIMATING
    assert model.left.c0 == pytest.approx(1.5, abs=0.06)
    assert model.right.c0 == pytest.approx(-2.1, abs=0.06)
    # Yaw from the segments and heading from the lines add up.
    assert math.degrees(model.calibration.yaw_rad - model.left.c1) == pytest.approx(yaw_deg, abs=0.2)


def test_a_video_ends_calibrated():
    detector = create_detector("cv")
    rng = np.random.default_rng(3)
    statuses = []
    lines = (DrawnLine(1.8), DrawnLine(-1.8, dash_m=3.0))
    for k in range(FULL_SAMPLES + 6):
        road = DrawnRoad(
            lines=lines,
            pitch_rad=math.radians(6 + rng.normal(0, 0.1)),
            yaw_rad=math.radians(3),
            heading_rad=math.radians(rng.normal(0, 0.5)),
            seed=k,
            width_px=400,
            height_px=300,
        )
        model = detector.detect(road.image(), 0.04 * k).lane_model
        statuses.append(model.calibration.status)
    assert statuses[0] == CalibrationStatus.ESTIMATING
    assert statuses[-1] == CalibrationStatus.CALIBRATED
    assert model.calibration.percent == 100.0
    assert 0 < model.calibration.spread_px < 12
    assert math.degrees(model.calibration.pitch_rad) == pytest.approx(6, abs=0.4)
    assert math.degrees(model.calibration.yaw_rad) == pytest.approx(3, abs=0.3)


def test_a_jump_does_not_move_the_estimate():
    video = VideoCalibration((1000, 600))
    for k in range(20):
        video.add_lane(0.04 * k, (500.0 + k % 3, 300.0))
    before = video.estimate_px
    video.add_lane(0.9, (500.0 + 1.5 * JUMP_RATIO * 1000, 300.0))
    assert video.estimate_px == before


def test_segments_are_searched_at_the_start_and_after_a_second_without_lane():
    video = VideoCalibration((1000, 600))
    assert video.needs_search(0.0)
    for k in range(3):
        video.add_search(0.04 * k, (500.0, 300.0))
        video.add_lane(0.04 * k, (500.0, 300.0))
    assert not video.needs_search(0.2)
    assert not video.needs_search(1.0)
    assert video.needs_search(1.2)
    video.add_search(1.2, None)
    assert not video.needs_search(2.0)
    assert video.needs_search(2.3)


def test_another_camera_takes_over():
    video = VideoCalibration((1000, 600))
    for k in range(30):
        video.add_lane(0.04 * k, (500.0, 300.0))
    video.add_search(5.0, (620.0, 240.0))
    assert video.estimate_px == (620.0, 240.0)
    assert video.status == CalibrationStatus.ESTIMATING


def calibration(status=CalibrationStatus.CALIBRATED):
    pose = {"pitch_rad": math.radians(5.5), "yaw_rad": math.radians(-2.0), "roll_rad": math.radians(0.5)}
    return Calibration(focal_px=571.0, cx_px=399.5, cy_px=299.5, height_m=1.4, status=status, **pose)


def test_a_finished_calibration_is_saved_and_loaded_again(tmp_path):
    path = tmp_path / "cameras" / "front.json"
    assert with_saved_pose(CameraConfig(), path) == CameraConfig()
    assert not save_pose(path, calibration(CalibrationStatus.ESTIMATING))
    assert not path.exists()
    assert save_pose(path, calibration())
    camera = with_saved_pose(CameraConfig(height_m=1.7), path)
    assert (camera.pitch_deg, camera.yaw_deg, camera.roll_deg, camera.height_m) == pytest.approx((5.5, -2.0, 0.5, 1.7))
    assert [file.name for file in path.parent.iterdir()] == ["front.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pitch_deg": 4}', '{"pitch_deg": "x"', "\x00", "[" * 5000])
def test_a_corrupt_file_is_named(tmp_path, text):
    path = tmp_path / "front.json"
    path.write_text(text)
    with pytest.raises(PoseFileError, match=r"front\.json: expected a JSON object with pitch_deg"):
        with_saved_pose(CameraConfig(), path)


def test_a_saved_pose_out_of_range_is_named(tmp_path):
    path = tmp_path / "front.json"
    path.write_text('{"pitch_deg": NaN, "yaw_deg": 0, "roll_deg": 0}')
    with pytest.raises(PoseFileError, match="pitch_deg within 45 degrees, found nan"):
        with_saved_pose(CameraConfig(), path)


def test_a_video_starts_with_the_saved_pose(tmp_path):
    """Until its frames provide an estimate, the saved pose is used."""
    save_pose(tmp_path / "front.json", calibration())
    detector = create_detector("cv", camera=with_saved_pose(CameraConfig(), tmp_path / "front.json"))
    model = detector.detect(np.zeros((300, 400, 3), np.uint8), 0.0).lane_model
    assert math.degrees(model.calibration.pitch_rad) == pytest.approx(5.5)
    assert model.calibration.status == CalibrationStatus.UNCALIBRATED
