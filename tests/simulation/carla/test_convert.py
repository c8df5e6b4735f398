"""Signs and units of the conversions between CARLA's frame and ours."""

import math

import pytest

from lkas.vehicle import CameraConfig

carla = pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")

from simulation.carla.convert import camera_transform, motion_of, pose_of, transform_of, vehicle_control  # noqa: E402


def at(yaw_deg=0.0, **rotation):
    return carla.Transform(carla.Location(x=10.0, y=3.0, z=1.0), carla.Rotation(yaw=yaw_deg, **rotation))


def test_a_car_right_of_the_x_axis_that_heads_right_has_negative_y_and_yaw():
    pose = pose_of(at(yaw_deg=30.0), ahead_m=0.0)
    assert (pose.x_m, pose.y_m, pose.z_m) == (10.0, -3.0, 1.0)
    assert pose.yaw_rad == pytest.approx(-math.radians(30))


def test_the_nose_up_is_a_negative_pitch_and_the_right_side_down_a_positive_roll():
    pose = pose_of(at(pitch=5.0, roll=2.0), ahead_m=0.0)
    assert pose.pitch_rad == pytest.approx(-math.radians(5))
    assert pose.roll_rad == pytest.approx(math.radians(2))


def test_the_ego_origin_lies_ahead_along_the_car():
    pose = pose_of(at(yaw_deg=90.0), ahead_m=0.2)
    assert pose.x_m == pytest.approx(10.0, abs=1e-6)
    assert pose.y_m == pytest.approx(-3.2, abs=1e-6)  # it heads to the right of the x axis


def test_a_pose_converts_there_and_back():
    transform = transform_of(4.0, -7.0, 2.0, 0.7)
    back = pose_of(transform, ahead_m=0.0)
    assert (back.x_m, back.y_m, back.z_m) == (4.0, -7.0, 2.0)
    assert back.yaw_rad == pytest.approx(0.7, abs=1e-6)


def test_sliding_turning_and_pushing_to_the_right_is_negative():
    motion = motion_of(
        at(yaw_deg=90.0),
        velocity=carla.Vector3D(x=-1.0, y=8.0),  # along world y, its heading, and to its right
        angular_velocity=carla.Vector3D(z=10.0),
        acceleration=carla.Vector3D(x=-2.0, y=0.5),
    )
    assert motion.speed_mps == pytest.approx(8.0, abs=1e-5)
    assert motion.side_speed_mps == pytest.approx(-1.0, abs=1e-5)
    assert motion.yaw_rate_radps == pytest.approx(-math.radians(10))
    assert motion.acceleration_mps2 == pytest.approx(0.5, abs=1e-5)
    assert motion.lateral_acceleration_mps2 == pytest.approx(-2.0, abs=1e-5)


def test_a_camera_left_of_the_centre_that_looks_left_and_down():
    camera = CameraConfig(x_m=0.6, y_m=0.3, height_m=1.4, pitch_deg=4.0, yaw_deg=5.0, roll_deg=1.0)
    transform = camera_transform(camera, ahead_m=0.2)
    place, turn = transform.location, transform.rotation
    assert (place.x, place.y, place.z) == pytest.approx((0.8, -0.3, 1.4))
    assert (turn.pitch, turn.yaw, turn.roll) == pytest.approx((-4.0, -5.0, 1.0))


def test_controls_are_clamped_because_the_library_does_not():
    control = vehicle_control(steering=-3.0, throttle=2.0, brake=-1.0)
    assert (control.steer, control.throttle, control.brake) == (-1.0, 1.0, 0.0)
