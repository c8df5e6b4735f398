"""The detection server as a process between real channels."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from lkas.config import load
from lkas.detection import DetectionParameters
from lkas.integration.shared_memory.messages import VehicleState
from lkas.integration.zmq.ports import ZmqConfig
from lkas.vehicle import CameraConfig
from tests.lkas.detection.straight_road import road_image
from tests.support.stack import segments

pytest.importorskip("lkas.integration.shared_memory._core", reason="the channels' C core is not built")

from lkas.integration.shared_memory import DetectionChannel, ImageChannel, TracksChannel, VehicleChannel

DEADLINE_S = 120.0
SESSION = 4711


@pytest.fixture
def stack():
    stack = Stack(f"detect-test-{os.getpid()}")
    yield stack
    stack.close()
    assert segments(stack.instance) == []


class Stack:
    """The channels of a world, and server processes that read them."""

    def __init__(self, instance):
        self.instance = instance
        self.images = ImageChannel(create=True, width=640, height=480, instance=instance)
        self.vehicles = VehicleChannel(create=True, instance=instance)
        self.detections = DetectionChannel(instance=instance)
        self.processes = []

    def start_server(self):
        sections = {"camera": CameraConfig, "detection": DetectionParameters, "zmq": ZmqConfig}
        configuration = load(sections, environ={}, assignments=["detection.method=hough"])
        settings = {"name": "detection", "instance": self.instance, "configuration": configuration.to_json()}
        process = subprocess.Popen(
            [sys.executable, "-m", "lkas.detection.server"],
            env={**os.environ, "LKAS_CHILD": json.dumps(settings)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def write_frame(self, frame_id):
        self.vehicles.write(VehicleState(session=SESSION, frame_id=frame_id, timestamp=frame_id / 30, speed_mps=10.0))
        self.images.write(road_image(), frame_id=frame_id, timestamp=frame_id / 30, session=SESSION)

    def detection_of(self, frame_id):
        """Write a frame repeatedly until its detection arrives."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            self.write_frame(frame_id)
            message = self.detections.read(timeout=0.2)
            if message is not None and message.frame_id == frame_id:
                return message
        raise AssertionError(f"no detection of frame {frame_id} within {DEADLINE_S} s")

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for channel in (self.images, self.vehicles, self.detections):
            channel.close()
            channel.unlink()
        # A killed server leaves its segments to the next one; here there is none.
        for kind in (DetectionChannel, TracksChannel):
            successor = kind(create=True, instance=self.instance)
            successor.close()
            successor.unlink()


def test_a_frame_becomes_a_detection_and_a_stopped_server_leaves_no_segment(stack):
    server = stack.start_server()
    message = stack.detection_of(1)
    assert message.left_lane is not None
    assert message.right_lane is not None
    assert message.left_lane.x1 < 320 < message.right_lane.x1
    assert (message.session, message.timestamp) == (SESSION, pytest.approx(1 / 30))
    assert 0 < message.capture_ns <= message.frame_publish_ns <= message.publish_ns
    assert message.processing_time_ms > 0
    tracks = TracksChannel(instance=stack.instance, attach_timeout=DEADLINE_S)
    following = tracks.read(timeout=DEADLINE_S)
    tracks.close()
    assert (following.session, following.frame_id, following.timestamp) == (SESSION, 1, pytest.approx(1 / 30))
    server.send_signal(signal.SIGTERM)
    output = server.communicate(timeout=DEADLINE_S)[1]
    assert server.returncode == 0, output
    assert "Traceback" not in output
    assert [name for name in segments(stack.instance) if name.endswith((".lane_detection", ".lane_tracks"))] == []


def test_readers_follow_the_successor_of_a_killed_server(stack):
    first = stack.start_server()
    before = stack.detection_of(1)
    first.kill()
    first.wait(timeout=DEADLINE_S)
    stack.start_server()
    after = stack.detection_of(2)
    assert after.sequence > before.sequence


def test_a_second_server_names_the_first_and_starts_after_its_end(stack):
    first = stack.start_server()
    stack.detection_of(1)
    second = stack.start_server()
    line = second.stderr.readline()
    assert f"process {first.pid} already writes this channel" in line
    assert "waiting until it ends" in line
    first.send_signal(signal.SIGTERM)
    first.wait(timeout=DEADLINE_S)
    assert stack.detection_of(2).left_lane is not None
    second.send_signal(signal.SIGTERM)
    assert "Traceback" not in second.communicate(timeout=DEADLINE_S)[1]
    assert second.returncode == 0
