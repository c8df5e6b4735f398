"""A car of a plugin in the real program, on its pseudo terminal: driven by a writer of commands, and left by it."""

import time

import cv2
import numpy as np
import pytest

from lkas.integration.shared_memory import ControlChannel, ImageChannel
from tests.lkas.car.board import Board, build_board
from tests.support.stack import ROOT, wait_until

CAR = """
import time
import numpy as np
from lkas.car import SerialCar

class Camera:
    width_px, height_px = 64, 48
    def take(self):
        return np.full((48, 64, 3), 90, np.uint8), time.monotonic_ns()
    def close(self):
        pass

class MyCar(SerialCar):
    def __init__(self, port):
        super().__init__(port, camera=Camera())
"""


@pytest.fixture
def board(tmp_path):
    board = Board(build_board(tmp_path))
    yield board
    board.close()


def test_a_car_drives_while_commands_come_and_rolls_out_when_they_end(stack, tmp_path, board):
    file = tmp_path / "car.py"
    file.write_text(CAR)
    stack.start("simulation", "--backend", f"{file}:MyCar", "--world-option", f"port={board.port}", settings=False)
    images = ImageChannel(instance=stack.instance)
    controls = ControlChannel(create=True, instance=stack.instance)
    try:
        wait_until(images.latest, "the car's images arrive")
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            controls.write(steering=0.2, throttle=0.3, brake=0.0)
            time.sleep(0.02)
        board.wait_for("drive 300 0")
        board.wait_for("drive 0 0")  # the writer is silent
    finally:
        images.close()
        controls.close()
        controls.unlink()


def test_a_car_that_is_not_there_is_named(stack, tmp_path):
    file = tmp_path / "car.py"
    file.write_text(CAR)
    program = stack.start(
        "simulation", "--backend", f"{file}:MyCar", "--world-option", "port=/dev/none", settings=False
    )
    assert program.wait(60) == 2
    assert "No such file or directory: '/dev/none'" in stack.output()


def test_the_example_of_a_custom_car_runs_with_a_video_in_place_of_its_camera(stack, tmp_path):
    video = tmp_path / "road.mp4"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, (320, 240))
    for grey in range(150):
        writer.write(np.full((240, 320, 3), grey, np.uint8))
    writer.release()
    images = ImageChannel(instance=stack.instance)
    try:
        backend = f"{ROOT / 'examples' / 'own_car.py'}:MyCar"
        stack.start("simulation", "--backend", backend, "--world-option", f"camera_index={video}", settings=False)
        message = wait_until(images.latest, "the car's images arrive")
        assert message.image.shape == (240, 320, 3)
    finally:
        images.close()
