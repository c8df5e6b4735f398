"""From channel messages to the values in the JSON."""

import time

import numpy as np
import pytest

from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import (
    Calibration,
    ControlMessage,
    DepartureStatus,
    DetectionMessage,
    LaneLine,
    LaneMessage,
    LaneModel,
    VehicleState,
)
from lkas.integration.zmq import telemetry
from lkas.vehicle import CameraConfig

NOW_NS = 10**12


def lane_model(curvature_radpm=0.0):
    def line(c0):
        return LaneLine(
            c0=c0,
            c1=0.0,
            c2=curvature_radpm,
            sigma_c0=0.1,
            sigma_c1=0.01,
            sigma_c2=0.001,
            sigma_c3=0.001,
            x_min_m=5.0,
            x_max_m=40.0,
            confidence=0.9,
        )

    geometry = CameraConfig().geometry()
    calibration = Calibration(**{name: getattr(geometry, name) for name in geometry.__struct_fields__})
    return LaneModel(left=line(1.8), right=line(-1.8), width_m=3.6, width_sigma_m=0.1, calibration=calibration)


def test_the_lane_model_becomes_a_curve_on_the_road():
    model = lane_model(curvature_radpm=0.01)
    sent = telemetry.detection(DetectionMessage(lane_model=model), 1, 600)
    ground = PinholeCamera(model.calibration).ground_from_image(np.array(sent.left_line_px))
    x_m, y_m = ground.T
    assert y_m == pytest.approx(1.8 + 0.01 * x_m**2 / 2, abs=0.15)
    rows = [v for _, v in sent.left_line_px]
    assert rows == sorted(rows, reverse=True)  # from the bottom up
    assert rows[0] == pytest.approx(599, abs=1)


def test_the_left_line_is_left_of_the_right_one():
    sent = telemetry.detection(DetectionMessage(lane_model=lane_model()), 1, 600)
    assert all(left[0] < right[0] for left, right in zip(sent.left_line_px, sent.right_line_px, strict=True))


def test_without_the_height_of_the_image_it_comes_from_the_calibration():
    message = DetectionMessage(lane_model=lane_model())
    assert telemetry.detection(message, 1, None).left_line_px == telemetry.detection(message, 1, 600).left_line_px


def test_a_line_without_model_has_its_two_points():
    lane = LaneMessage(x1=200, y1=600, x2=350, y2=360)
    sent = telemetry.detection(DetectionMessage(right_lane=lane), 1, 600)
    assert sent.right_line_px == [(200, 600), (350, 360)]
    assert sent.left_line_px is None


def test_a_frame_and_its_detection_carry_the_same_stamps():
    before_s, capture_ns = time.time(), time.monotonic_ns() - 5_000_000_000
    after_s = time.time()
    sent = telemetry.detection(DetectionMessage(session=3, frame_id=4, timestamp=77.0, capture_ns=capture_ns), 4, 600)
    assert (sent.session, sent.frame_id) == (3, 4)
    assert before_s - 5.001 <= sent.timestamp <= after_s - 4.999


def test_valid_until_keeps_its_distance_to_the_timestamp():
    before_s = time.time()
    message = ControlMessage(
        steering=0, throttle=0, brake=0, timestamp=50.0, valid_until=50.2, capture_ns=time.monotonic_ns()
    )
    sent = telemetry.control(message)
    assert sent.valid_until - sent.timestamp == pytest.approx(0.2)
    assert before_s - 0.001 <= sent.timestamp <= time.time() + 0.001


@pytest.mark.parametrize(("age_ms", "paused", "known"), [(400, False, True), (600, False, False), (600, True, True)])
def test_an_old_command_counts_as_unknown_unless_the_world_is_paused(age_ms, paused, known):
    command = ControlMessage(
        steering=0.1,
        throttle=0.2,
        brake=0.3,
        lateral_offset=0.4,
        heading_angle=0.5,
        departure_status=DepartureStatus.DRIFT,
        publish_ns=NOW_NS - age_ms * 1_000_000,
    )
    sent = telemetry.state(VehicleState(speed_mps=9.0, paused=paused), command, NOW_NS)
    values = (sent.steering, sent.throttle, sent.brake, sent.lateral_offset, sent.heading_angle, sent.departure_status)
    assert values == ((0.1, 0.2, 0.3, 0.4, 0.5, DepartureStatus.DRIFT) if known else (None,) * 6)
    assert (sent.speed, sent.paused) == (9.0, paused)
