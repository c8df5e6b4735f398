"""The closed loop through the real client library, with perfect perception and with a detector."""

import pytest

from lkas.vehicle import CameraConfig
from tests.simulation.carla.driving import drive

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")


def test_the_car_keeps_its_lane_with_perfect_perception_and_with_a_detector(open_world):
    world = open_world(camera=CameraConfig(width_px=480, height_px=360, rate_hz=20.0), spawn_point=0)
    for method, offset_m in (("truth", 0.1), ("cv", 0.25)):
        card = drive(world, method, 6.0)
        assert card.departures == 0
        assert card.offset_max_m < offset_m
        assert card.distance_m > 50
        assert card.engaged_ratio > 0.9
        assert card.left_curve_ratio > 0.1
        world.respawn()
