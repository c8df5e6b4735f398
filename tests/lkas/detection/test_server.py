"""The detection server without channels: messages in, messages out."""

import msgspec
import numpy as np
import pytest

from lkas.clock import FakeClock
from lkas.detection.cycle import FAILING, PAUSED, RUNNING, WAITING, DetectionInputs, DetectionServer, state_at
from lkas.detection.types import DetectionResult
from lkas.integration.shared_memory.messages import (
    Calibration,
    ImageMessage,
    LaneLine,
    LaneMessage,
    LaneModel,
    VehicleState,
)

LEFT, RIGHT = LaneMessage(200.0, 479.0, 300.0, 300.0, 0.9), LaneMessage(440.0, 479.0, 340.0, 300.0, 0.8)
BLANK_IMAGE = np.zeros((48, 64, 3), np.uint8)


class ScriptedDetector:
    """Takes 5 ms for each frame and returns or raises what the test sets."""

    def __init__(self, clock):
        self.clock = clock
        self.failure = None
        self.result = DetectionResult(left_lane=LEFT, right_lane=RIGHT)
        self.resets = 0
        self.inputs = []
        self.parameters = {}

    def detect(self, image, timestamp=None, vehicle=None):
        self.clock.advance(0.005)
        self.inputs.append((timestamp, vehicle))
        if self.failure is not None:
            raise self.failure
        return self.result

    def update_parameter(self, name, value):
        self.parameters[name] = value

    def reset(self):
        self.resets += 1


class Bench:
    def __init__(self):
        self.clock = FakeClock(now_ns=10_000_000_000)
        self.detector = ScriptedDetector(self.clock)
        self.server = DetectionServer(self.detector, self.clock)

    def step(self, image, vehicle=None):
        """The messages of one cycle; an empty list without a new image."""
        return list(self.server.step(DetectionInputs(image, vehicle)))

    def frame(self, frame_id, timestamp=None, session=7):
        stamps = {"timestamp": frame_id / 30 if timestamp is None else timestamp, "session": session}
        return ImageMessage(image=BLANK_IMAGE, frame_id=frame_id, capture_ns=111, publish_ns=222, sequence=5, **stamps)


@pytest.fixture
def bench():
    return Bench()


def test_a_detection_carries_the_stamps_of_its_frame(bench):
    message, tracks = bench.step(bench.frame(3))
    assert (message.left_lane, message.right_lane) == (LEFT, RIGHT)
    assert (message.session, message.frame_id, message.timestamp) == (7, 3, 0.1)
    assert (tracks.session, tracks.frame_id, tracks.timestamp, tracks.capture_ns) == (7, 3, 0.1, 111)
    assert (message.capture_ns, message.frame_publish_ns) == (111, 222)
    assert message.processing_time_ms == pytest.approx(5.0)
    assert bench.server.status().latency_ms["detection"].p50 == pytest.approx(5.0)


def test_without_a_new_frame_there_is_no_message(bench):
    assert bench.step(None) == []


def test_tracks_follow_all_lines_of_the_detector(bench):
    sigmas = {"sigma_c0": 0.02, "sigma_c1": 0.002, "sigma_c2": 1e-4, "sigma_c3": 1e-5}
    line = {"c1": 0.0, "c2": 0.0, "x_min_m": 4.0, "x_max_m": 40.0, "confidence": 0.9, **sigmas}
    left, right, beyond = (LaneLine(c0=c0, **line) for c0 in (1.8, -1.8, 5.4))
    calibration = Calibration(focal_px=500.0, cx_px=320.0, cy_px=240.0, height_m=1.4)
    model = LaneModel(left=left, right=right, width_m=3.6, width_sigma_m=0.03, calibration=calibration)
    bench.detector.result = DetectionResult(lane_model=model, neighbours=(beyond, None))
    bench.step(bench.frame(1))
    tracks = bench.step(bench.frame(2))[1].tracks
    assert [(track.c0, track.age) for track in tracks] == [(5.4, 1), (1.8, 1), (-1.8, 1)]
    tracks = bench.step(bench.frame(1, session=8))[1].tracks  # another world
    assert [track.age for track in tracks] == [0, 0, 0]


def test_a_failing_detector_gives_an_empty_detection_and_one_event(bench, caplog):
    bench.detector.failure = ZeroDivisionError("division by zero")
    for frame_id in range(1, 4):
        message = bench.step(bench.frame(frame_id))[0]
        assert (message.frame_id, message.left_lane, message.right_lane) == (frame_id, None, None)
        assert message.processing_time_ms == pytest.approx(5.0)
    assert bench.server.errors == {"ZeroDivisionError": 3}
    failure, change = bench.server.take_events()
    assert failure == ("detector_error", "error", "ZeroDivisionError: division by zero")
    assert change == ("detection_state", "warning", "detection: failing")
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) == 1
    assert bench.server.state == FAILING
    bench.detector.failure = None
    assert bench.step(bench.frame(4))[0].left_lane == LEFT
    assert bench.server.state == RUNNING


def test_waiting_running_and_paused_are_events_on_change_only(bench):
    server = bench.server
    bench.step(None)
    assert (server.state, server.take_events()) == (WAITING, [])
    for frame_id in (1, 2):
        bench.step(bench.frame(frame_id))
    assert [event[1:] for event in server.take_events()] == [("info", "detection: running")]
    bench.clock.advance(1.5)
    now_ns = bench.clock.now_ns()
    bench.step(None, VehicleState(paused=True, publish_ns=now_ns))
    assert server.state == PAUSED
    bench.step(None, VehicleState(paused=True, publish_ns=now_ns - 2_000_000_000))  # that world is silent as well
    assert server.state == WAITING
    assert server.take_events()[-1][1:] == ("warning", "detection: waiting for camera_feed")


@pytest.mark.parametrize(("session", "timestamp"), [(8, 5.1), (7, 4.9)])
def test_another_world_or_a_restarted_video_resets_the_detector(bench, session, timestamp):
    for frame_id, at in ((1, 5.0), (2, 5.0)):
        bench.step(bench.frame(frame_id, at))
    assert bench.detector.resets == 1, "only for the very first frame"
    bench.step(bench.frame(3, timestamp, session))
    assert bench.detector.resets == 2


def test_only_motion_of_the_frames_own_time_and_world_is_used(bench):
    frame = bench.frame(30, 1.0)
    now = VehicleState(session=7, timestamp=1.01, speed_mps=20.0, yaw_rate_radps=0.1, steering_angle_rad=0.01)
    assert state_at(frame, now) is now
    assert state_at(frame, None) is None
    assert state_at(frame, msgspec.structs.replace(now, session=8)) is None
    old = state_at(frame, msgspec.structs.replace(now, timestamp=0.2, max_steer_rad=0.6))
    assert old is not None
    assert (old.speed_mps, old.yaw_rate_radps, old.steering_angle_rad) == (None, None, None)
    assert old.max_steer_rad == 0.6, "a constant of the vehicle stays known"
    bench.step(frame, now)
    assert bench.detector.inputs == [(1.0, now)]


def test_parameters_reach_the_detector(bench):
    bench.server.update_parameter("canny_low", 60.0)
    assert bench.detector.parameters == {"canny_low": 60.0}
