"""Annotated images: everything is drawn in the right place, nothing is changed in place."""

import msgspec
import numpy as np
import pytest

from lkas.detection.lane_fit.outline import neighbour_polylines
from lkas.detection.offline.drawing import (
    LEFT,
    RIGHT,
    annotate,
    describe,
    draw_horizon,
    draw_lane,
    draw_line,
    side_by_side,
)
from lkas.detection.types import DetectionResult
from lkas.integration.shared_memory.messages import LaneMessage
from tests.lkas.detection.lane_fit.test_outline import lane_line, modelled

LANES = DetectionResult(
    left_lane=LaneMessage(100.0, 479.0, 280.0, 280.0, 0.5), right_lane=LaneMessage(540.0, 479.0, 360.0, 280.0, 0.75)
)


@pytest.fixture
def image():
    return np.full((480, 640, 3), 100, np.uint8)


def test_lines_are_drawn_in_their_colours(image):
    drawn = annotate(image, LANES)
    assert drawn[380, 190].tolist() == list(LEFT)
    assert drawn[380, 450].tolist() == list(RIGHT)
    assert (image == 100).all(), "the input is unchanged"
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8


def test_neighbours_are_drawn_thinner_than_the_lane(image):
    alone = modelled(lane_line(1.8), None)
    result = msgspec.structs.replace(alone, neighbours=(lane_line(5.4), None))
    frame = np.full((600, 800, 3), 100, np.uint8)
    thin = (annotate(frame, result) != annotate(frame, alone)).any(axis=2)
    (points,) = neighbour_polylines(result, 600)
    thick = (draw_line(frame, points, LEFT) != frame).any(axis=2)
    assert thin.any()
    assert thin.sum() < thick.sum() / 1.5
    assert not (thin & ~thick).any(), "only where the line is"


def test_only_the_lane_between_the_lines_is_tinted(image):
    left, right = np.array([[100.0, 479.0], [280.0, 280.0]]), np.array([[540.0, 479.0], [360.0, 280.0]])
    drawn = draw_lane(image, left, right, (0, 255, 0))
    assert drawn[400, 320, 1] > 120 > drawn[400, 320, 0]
    assert drawn[200, 320].tolist() == [100, 100, 100]
    assert drawn[400, 20].tolist() == [100, 100, 100]


def test_lines_far_outside_are_clipped(image):
    drawn = draw_line(image, np.array([[-1e9, 5e8], [1e12, -3e7]]), LEFT)
    assert drawn.shape == image.shape


def test_horizon_is_a_tick_at_both_sides(image):
    drawn = draw_horizon(image, 200.0)
    assert drawn[200, 3].tolist() == drawn[200, 636].tolist() == [255, 255, 255]
    assert drawn[200, 320].tolist() == [100, 100, 100]
    assert (draw_horizon(image, -40.0) == 100).all()


def test_images_side_by_side_have_their_names_above(image):
    assert side_by_side({"cv": image}) is image
    row = side_by_side({"cv": image, "hough": np.full_like(image, 200)})
    assert row.shape[1] == 2 * 640
    head_px = row.shape[0] - 480
    assert (row[head_px + 100, 320] == 100).all()
    assert (row[head_px + 100, 960] == 200).all()
    assert row[:head_px, :100].max() > 200, "a name in white"
    large = np.zeros((1080, 1920, 3), np.uint8)
    assert side_by_side({"cv": large, "hough": large}).shape[1] == 2 * 960


def test_no_lane_is_written(image):
    assert describe(DetectionResult()) == ["no lane"]
    assert (annotate(image, DetectionResult()) != image).any()


def test_measurements_are_positive_to_the_right():
    """The lane's centre is 0.3 m left of the car and leads to the left: the car is right of it and points right."""
    text = "; ".join(describe(modelled(lane_line(2.1, 0.02, 0.002), lane_line(-1.5, 0.02, 0.002))))
    assert "offset +0.30 m" in text
    assert "heading +1.15 deg" in text
    assert "curvature +2.00 /km" in text
    assert "camera given, 1.40 m high, pitch +4.0" in text


def test_one_line_alone_names_its_side():
    assert describe(modelled(None, lane_line(-1.5)))[0] == "right line only, 1.50 m away"
    assert describe(DetectionResult(left_lane=LANES.left_lane)) == ["left line"]
    assert describe(LANES) == ["left and right lines"]
