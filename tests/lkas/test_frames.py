"""Directions and projections: there and back, and closed forms."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.frames import (
    PinholeCamera,
    lane_message,
    left_rad_from_steering,
    line_pixels,
    rightward,
    rightward_deg,
    steering_from_left_rad,
    wrap_rad,
)
from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine

LEVEL = CameraGeometry(focal_px=500, cx_px=399.5, cy_px=299.5, height_m=1.5)


def geometries():
    return st.builds(
        CameraGeometry,
        focal_px=st.floats(200, 2000),
        cx_px=st.just(399.5),
        cy_px=st.just(299.5),
        height_m=st.floats(0.1, 3),
        pitch_rad=st.floats(-0.1, 0.3),
        yaw_rad=st.floats(-0.2, 0.2),
        roll_rad=st.floats(-0.2, 0.2),
        x_m=st.floats(-1, 2),
        y_m=st.floats(-1, 1),
    )


def test_steering_right_is_positive_outside_and_negative_inside():
    assert steering_from_left_rad(-0.3, 0.6) == pytest.approx(0.5)
    assert left_rad_from_steering(0.5, 0.6) == pytest.approx(-0.3)
    assert rightward(2.0) == -2.0
    assert rightward_deg(math.radians(3)) == pytest.approx(-3)


def test_steering_saturates():
    assert steering_from_left_rad(-2.0, 0.6) == 1.0
    assert left_rad_from_steering(-7.0, 0.6) == pytest.approx(0.6)


def test_a_level_camera_projects_the_ground_by_similar_triangles():
    ((u, v),) = PinholeCamera(LEVEL).image_from_ground(np.array([10.0]), np.array([2.0]))
    assert u == pytest.approx(399.5 - 500 * 2 / 10)  # left of the middle
    assert v == pytest.approx(299.5 + 500 * 1.5 / 10)  # below the horizon


@pytest.mark.parametrize(
    ("change", "direction"),
    [({"pitch_rad": 0.05}, (0, -1)), ({"yaw_rad": 0.05}, (1, 0))],
    ids=["looking down moves the horizon up", "looking left moves the road right"],
)
def test_camera_angles_have_their_named_direction(change, direction):
    turned = CameraGeometry(focal_px=500, cx_px=399.5, cy_px=299.5, height_m=1.5, **change)
    moved = np.subtract(PinholeCamera(turned).vanishing_point_px, PinholeCamera(LEVEL).vanishing_point_px)
    np.testing.assert_allclose(moved, np.array(direction) * 500 * math.tan(0.05), atol=0.1)


def test_roll_to_the_right_turns_the_image_left():
    rolled = CameraGeometry(focal_px=500, cx_px=399.5, cy_px=299.5, height_m=1.5, roll_rad=0.1)
    left, right = PinholeCamera(rolled).image_from_ground(np.array([20.0, 20.0]), np.array([5.0, -5.0]))
    assert left[1] > right[1]  # the ground on the left appears lower when the camera rolls right


@given(geometry=geometries(), x_m=st.floats(4, 60), y_m=st.floats(-4, 4))
def test_ground_and_image_are_inverse(geometry, x_m, y_m):
    camera = PinholeCamera(geometry)
    pixels = camera.image_from_ground(np.array([x_m]), np.array([y_m]))
    ground = camera.ground_from_image(pixels)
    np.testing.assert_allclose(ground, [[x_m, y_m]], atol=1e-4)


def test_pixels_above_the_horizon_have_no_ground_point():
    camera = PinholeCamera(LEVEL)
    ground = camera.ground_from_image(np.array([[400.0, camera.horizon_row_px - 1], [400.0, camera.horizon_row_px]]))
    assert np.isnan(ground).all()


def test_a_line_is_drawn_from_the_bottom_to_the_end_of_its_seen_part():
    line = LaneLine(
        c0=1.75, c1=0.0, c2=0.0, sigma_c0=0.1, sigma_c1=0.1, sigma_c2=0.1, sigma_c3=0.1,
        x_min_m=5.0, x_max_m=60.0, confidence=0.9,
    )  # fmt: skip
    pixels = line_pixels(line, LEVEL, height_px=600)
    assert pixels[0, 1] == pytest.approx(599, abs=1)
    assert pixels[-1, 1] == pytest.approx(299.5 + 500 * 1.5 / 60, abs=0.5)
    message = lane_message(line, LEVEL, height_px=600)
    assert message is not None
    assert message.y1 > message.y2 > PinholeCamera(LEVEL).horizon_row_px


@pytest.mark.parametrize("c0", [1.75, -1.75])
def test_both_lines_start_on_the_last_row_if_the_camera_has_a_yaw(c0):
    line = LaneLine(
        c0=c0, c1=0.02, c2=1e-3, sigma_c0=0.1, sigma_c1=0.1, sigma_c2=0.1, sigma_c3=0.1,
        x_min_m=5.0, x_max_m=60.0, confidence=0.9,
    )  # fmt: skip
    aside = msgspec.structs.replace(LEVEL, pitch_rad=0.05, yaw_rad=math.radians(8), roll_rad=0.02)
    assert line_pixels(line, aside, height_px=600)[0, 1] == pytest.approx(599, abs=0.5)


@given(st.floats(-50, 50))
def test_wrapped_angles_point_the_same_way(angle_rad):
    wrapped = wrap_rad(angle_rad)
    assert -math.pi < wrapped <= math.pi
    assert math.cos(wrapped) == pytest.approx(math.cos(angle_rad), abs=1e-9)
    assert math.sin(wrapped) == pytest.approx(math.sin(angle_rad), abs=1e-9)
