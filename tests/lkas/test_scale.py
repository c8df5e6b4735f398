"""Full-size cars and roads have scale 1; a model's follows from its lane width or its wheelbase."""

import pytest

from lkas.frames import PinholeCamera, line_pixels
from lkas.integration.shared_memory.messages import LaneLine
from lkas.scale import FULL_SIZE, Scale, at_full_size, scale_of_car, scale_of_lane
from lkas.vehicle import CameraConfig


@pytest.mark.parametrize("lane_width_m", [2.2, 2.75, 3.6, 6.0])
def test_roads_are_full_size(lane_width_m):
    assert scale_of_lane(lane_width_m) == FULL_SIZE


@pytest.mark.parametrize("wheelbase_m", [1.5, 2.7, 4.0])
def test_cars_are_full_size(wheelbase_m):
    assert scale_of_car(wheelbase_m) == FULL_SIZE


def test_models_have_the_scale_of_their_size():
    assert scale_of_lane(0.5).length == pytest.approx(1 / 7)
    assert scale_of_car(0.27).length == pytest.approx(0.1)
    assert scale_of_car(0.27).speed == pytest.approx(0.1**0.5)


def test_accelerations_are_the_same_at_every_size():
    scale = Scale(0.1)
    assert scale.length / scale.time**2 == pytest.approx(1)
    assert scale.speed / scale.time == pytest.approx(1)
    assert scale.speed * scale.time == pytest.approx(scale.length)


def test_a_camera_is_enlarged_without_its_angles():
    camera = CameraConfig(height_m=0.12, x_m=0.06, y_m=-0.01, pitch_deg=16).geometry()
    large = at_full_size(camera, Scale(0.1))
    assert (large.height_m, large.x_m, large.y_m) == pytest.approx((1.2, 0.6, -0.1))
    assert (large.pitch_rad, large.focal_px) == (camera.pitch_rad, camera.focal_px)
    assert at_full_size(camera, FULL_SIZE) is camera


def test_a_line_is_drawn_from_where_it_enters_the_image_of_a_low_camera():
    """12 cm up: from 4 cm ahead, not from 30 cm."""
    camera = CameraConfig(width_px=640, height_px=480, hfov_deg=130, height_m=0.12, pitch_deg=20, x_m=0.0).geometry()
    sigmas = {f"sigma_c{order}": 0.001 for order in range(4)}
    line = LaneLine(c0=0.03, c1=0.0, c2=0.0, **sigmas, x_min_m=0.1, x_max_m=0.6, confidence=1.0)
    pixels = line_pixels(line, camera, 480)
    assert pixels[:, 1].max() == pytest.approx(PinholeCamera(camera).pixel_of_ground(0.036, 0.03)[1], abs=1)
    assert pixels[:, 1].max() > 400
    assert pixels[:, 1].min() == pytest.approx(PinholeCamera(camera).pixel_of_ground(0.6, 0.03)[1], abs=1)
