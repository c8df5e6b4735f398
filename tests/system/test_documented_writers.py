"""The users' shortest examples beside real programs: no stamp, no session, and the car does what they are for."""

import json
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest

from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode, LaneMessage, VehicleState
from tests.support.stack import ROOT, wait_until


class Repeat:
    """Calls a function at a steady rate in a thread until it is closed."""

    def __init__(self, function, rate_hz: float) -> None:
        self._function, self._period_s = function, 1 / rate_hz
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._period_s):
            self._function()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)


@pytest.fixture
def writers():
    """Channels and threads that are gone after the test."""
    opened = []
    yield opened.append
    for item in reversed(opened):
        item.close()
        if hasattr(item, "unlink"):
            item.unlink()


def reader_of(stack, writers, kind):
    channel = kind(instance=stack.instance)
    writers(channel)
    return channel


def test_commands_without_stamps_drive_the_car(stack, writers):
    stack.start("simulation", "--backend", "embedded", settings=False)
    controls = ControlChannel(create=True, instance=stack.instance)
    writers(controls)
    states = reader_of(stack, writers, VehicleChannel)

    def command():
        controls.write(steering=0.0, throttle=0.5, brake=0.0, mode=ControlMode.LANE_KEEPING, heading_angle=2.3)

    writers(Repeat(command, 50.0))
    wait_until(lambda: (state := states.latest()) and (state.speed_mps or 0.0) > 3.0, "the car drives")


@pytest.fixture
def video(tmp_path):
    """Options of a video world that repeats a video of a car at 8 m/s."""
    folder = tmp_path / "video"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((600, 800, 3), 90, np.uint8))
    return "--source", str(folder), "--loop", "--set", "simulation.film_speed_mps=8"


def metrics_of(stack, path):
    """The metrics that a `simulation --duration --json` of this stack has written."""
    wait_until(path.is_file, "the simulation ends and writes its metrics")
    return json.loads(path.read_text())


def test_commands_without_stamps_are_in_force_in_the_video_world(stack, writers, video, tmp_path):
    controls = ControlChannel(create=True, instance=stack.instance)
    writers(controls)
    writers(Repeat(lambda: controls.write(steering=0.1, throttle=0.5, brake=0.0, mode=ControlMode.LANE_KEEPING), 50.0))
    file = tmp_path / "drive.json"
    stack.start("simulation", *video, "--duration", "8", "--json", str(file), settings=False)
    metrics = metrics_of(stack, file)
    assert metrics["frames"] > 0, "counting starts with the first command that is taken"
    assert metrics["engaged_ratio"] > 0.5
    assert "refused" not in stack.output()


def lanes(offset_px: float = 0.0) -> tuple[LaneMessage, LaneMessage]:
    """Two lines of a straight lane in an image of 800 x 600, as the users draw them."""
    left = LaneMessage(x1=200 + offset_px, y1=600, x2=350, y2=360, confidence=0.95)
    right = LaneMessage(x1=600 + offset_px, y1=600, x2=450, y2=360, confidence=0.92)
    return left, right


@pytest.mark.parametrize("sides", ["both", "left", "right"])
def test_detections_without_stamps_steer_the_car(stack, writers, sides):
    detections = DetectionChannel(create=True, instance=stack.instance)
    writers(detections)
    stack.start("simulation", "--backend", "embedded", settings=False)
    stack.start("lkas", settings=False)
    states = reader_of(stack, writers, VehicleChannel)
    controls = reader_of(stack, writers, ControlChannel)
    numbers = iter(range(1, 1_000_000))

    def detect():
        left, right = lanes()
        detections.write(
            left if sides != "right" else None,
            right if sides != "left" else None,
            frame_id=next(numbers),
            processing_time_ms=8.5,
        )

    writers(Repeat(detect, 20.0))
    engaged = ControlMode.LANE_KEEPING if sides == "both" else ControlMode.SINGLE_LINE
    wait_until(
        lambda: (control := controls.latest()) and control.mode is engaged and control.throttle > 0,
        f"decision engages as {engaged}",
    )
    wait_until(lambda: (state := states.latest()) and (state.speed_mps or 0.0) > 5.0, "the car drives")


def test_the_perception_core_in_c_drives_the_car(stack, writers, tmp_path):
    program = tmp_path / "perception"
    source = ROOT / "examples" / "c" / "perception.c"
    command = ["gcc", "-std=c11", "-O2", "-I", ROOT / "lkas" / "include", source, "-o", program, "-lm"]
    subprocess.run(command, check=True)
    core = subprocess.Popen([program, stack.instance], stdout=subprocess.DEVNULL)
    try:
        stack.start("simulation", "--backend", "embedded", settings=False)
        stack.start("lkas", settings=False)
        states = reader_of(stack, writers, VehicleChannel)
        wait_until(lambda: (state := states.latest()) and (state.speed_mps or 0.0) > 5.0, "the car drives")
    finally:
        core.terminate()
        core.wait(30)


def test_a_simulation_that_writes_only_images_is_told_what_is_missing(stack, writers):
    images = ImageChannel(create=True, width=320, height=240, instance=stack.instance)
    writers(images)
    stack.start("lkas", settings=False)
    image = np.full((240, 320, 3), 90, np.uint8)
    writers(Repeat(lambda: images.write(image, frame_id=1), 20.0))
    controls = reader_of(stack, writers, ControlChannel)
    wait_until(
        lambda: (control := controls.latest()) and "no vehicle_state" in control.state_reason, "the command says why"
    )
    wait_until(lambda: "no vehicle_state" in stack.output() and "start the simulation" in stack.output(), "one event")


def test_states_without_stamps_and_without_a_steering_range_are_told_what_is_missing(stack, writers):
    states = VehicleChannel(create=True, instance=stack.instance)
    writers(states)
    stack.start("lkas", settings=False)
    writers(Repeat(lambda: states.write(VehicleState(speed_mps=5.0, yaw_rate_radps=0.0)), 50.0))
    controls = reader_of(stack, writers, ControlChannel)
    wait_until(
        lambda: (control := controls.latest()) and "no max_steer_rad" in control.state_reason, "the command says why"
    )
    first_s = controls.latest().valid_until
    time.sleep(0.2)
    assert controls.latest().valid_until > first_s, "time goes on for a writer without stamps"


def test_commands_of_another_session_are_reported_with_their_writer(stack, writers):
    stack.start("simulation", "--backend", "embedded", settings=False)
    controls = ControlChannel(create=True, instance=stack.instance)
    writers(controls)

    def command():
        controls.write(steering=0.0, throttle=0.5, brake=0.0, session=4711)

    writers(Repeat(command, 50.0))
    wait_until(lambda: "their session is 4711, this world's" in stack.output(), "the refusal is reported")
