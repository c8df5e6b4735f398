"""Detections as polylines and as columns at rows."""

import msgspec
import numpy as np
import pytest

from lkas.detection.lane_fit.outline import columns_at, polylines, record
from lkas.detection.types import DetectionResult
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import (
    Calibration,
    CameraGeometry,
    LaneLine,
    LaneMessage,
    LaneModel,
    LineOrigin,
)

CALIBRATION = Calibration(focal_px=600.0, cx_px=399.5, cy_px=299.5, height_m=1.4, pitch_rad=0.07)


def lane_line(c0, c1=0.0, c2=0.0, origin=LineOrigin.MEASURED):
    sigmas = {"sigma_c0": 0.1, "sigma_c1": 0.01, "sigma_c2": 0.001, "sigma_c3": 0.0}
    return LaneLine(c0=c0, c1=c1, c2=c2, x_min_m=4.0, x_max_m=40.0, confidence=0.9, origin=origin, **sigmas)


def modelled(left, right):
    model = LaneModel(left=left, right=right, width_m=3.6, width_sigma_m=0.1, calibration=CALIBRATION)
    message = LaneMessage(0.0, 599.0, 10.0, 400.0, 0.9)
    return DetectionResult(left_lane=left and message, right_lane=right and message, lane_model=model)


def test_columns_between_the_ends_only():
    line = np.array([[100.0, 400.0], [200.0, 300.0]])
    assert columns_at(line, np.array([290, 300, 350, 400, 410]), 640) == [-2, 200.0, 150.0, 100.0, -2]


def test_columns_outside_the_image_are_left_out():
    line = np.array([[-50.0, 400.0], [700.0, 300.0]])
    columns = columns_at(line, np.array([300, 350, 400]), 640)
    assert columns == [-2, 325.0, -2]


def test_two_point_lines_without_a_lane_model():
    result = DetectionResult(left_lane=LaneMessage(100.0, 479.0, 300.0, 279.0, 0.5))
    line = record("a.jpg", result, 640, 480, 1.23456)
    assert line["raw_file"] == "a.jpg"
    assert line["h_samples"] == list(range(0, 490, 10))
    assert line["run_time"] == 1.235
    assert line["ego"] == [0, None]
    assert line["confidence"] == [0.5, None]
    assert len(line["lanes"]) == 1
    assert dict(zip(line["h_samples"], line["lanes"][0], strict=True))[379 + 1] == pytest.approx(199.0)


def test_right_line_alone_is_the_first_lane():
    result = DetectionResult(right_lane=LaneMessage(500.0, 479.0, 400.0, 279.0, 0.5))
    assert record("a.jpg", result, 640, 480, 1.0)["ego"] == [None, 0]


def test_a_bend_follows_the_lane_model_not_the_two_points():
    result = modelled(lane_line(1.8, c2=0.01), lane_line(-1.8, c2=0.01))
    line = record("a.jpg", result, 800, 600, 1.0)
    assert line["ego"] == [0, 1]
    camera = PinholeCamera(CameraGeometry(focal_px=600.0, cx_px=399.5, cy_px=299.5, height_m=1.4, pitch_rad=0.07))
    for x_m in (6.0, 12.0, 25.0):
        for lane, c0 in zip(line["lanes"], (1.8, -1.8), strict=True):
            u, v = camera.image_from_ground(np.array([x_m]), np.array([c0 + 0.01 * x_m**2 / 2]))[0]
            seen = [(row, column) for row, column in zip(line["h_samples"], lane, strict=True) if column >= 0]
            assert np.interp(v, *zip(*seen, strict=True)) == pytest.approx(u, abs=3)


def test_only_measured_lines_count():
    result = modelled(lane_line(1.8, origin=LineOrigin.PREDICTED), lane_line(-1.8))
    assert [line is None for line in polylines(result, 600)] == [True, False]
    assert record("a.jpg", result, 800, 600, 1.0)["ego"] == [None, 0]


def test_without_lanes_the_lists_are_empty():
    line = record("a.jpg", DetectionResult(), 640, 480, 1.0)
    assert (line["lanes"], line["ego"], line["confidence"]) == ([], [None, None], [None, None])


def test_record_is_plain_json():
    line = record("a.jpg", modelled(lane_line(1.8), lane_line(-1.8)), 800, 600, 1.0)
    assert msgspec.json.decode(msgspec.json.encode(line)) == line
    assert list(line) == ["raw_file", "lanes", "h_samples", "run_time", "ego", "confidence"]
