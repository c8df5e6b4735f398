"""A live camera with a fake capture device whose images come from the test."""

import threading

import numpy as np
import pytest

from lkas.clock import FakeClock
from lkas.vehicle import VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.camera import CameraWorld
from simulation.world import WorldError, WorldUnavailable

DEADLINE_S = 120.0


class FakeCapture:
    """`give` passes one image to the capture thread and waits until the thread requests the next."""

    def __init__(self):
        self.released = False
        self._images = []
        self._wake = threading.Condition()
        self._requests = 0

    def isOpened(self):
        return True

    def get(self, what):
        return 0.0

    def read(self):
        return True, np.zeros((48, 64, 3), np.uint8)

    def grab(self):
        with self._wake:
            self._requests += 1
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._images or self.released, 0.05)
            return bool(self._images)

    def retrieve(self):
        with self._wake:
            return True, self._images.pop()

    def give(self, value):
        with self._wake:
            self._images.append(np.full((48, 64, 3), value, np.uint8))
            self._wake.notify_all()
            assert self._wake.wait_for(lambda: not self._images, DEADLINE_S)
            requests = self._requests
            assert self._wake.wait_for(lambda: self._requests > requests, DEADLINE_S)

    def release(self):
        self.released = True


@pytest.fixture
def camera():
    capture, clock = FakeCapture(), FakeClock(5_000_000_000)
    world = CameraWorld("0", SimulationConfig(), VehicleConfig(), open_source=lambda source: capture, clock=clock)
    yield world, capture, clock
    world.close()
    assert capture.released


def test_only_the_newest_image_is_used_with_its_arrival_time(camera):
    world, capture, clock = camera
    capture.give(1)
    clock.advance(0.01)
    capture.give(2)
    clock.advance(0.004)
    tick = world.tick(None)
    image = np.empty((48, 64, 3), np.uint8)
    tick.frame.render_into(image)
    assert (image == 2).all()
    assert (tick.frame.timestamp, tick.state.timestamp) == (pytest.approx(5.010), pytest.approx(5.014))
    clock.advance(0.01)
    assert world.tick(None).frame is None


def test_a_silent_camera_makes_the_world_unavailable_until_its_next_image(camera):
    world, capture, clock = camera
    capture.give(1)
    world.tick(None)
    clock.advance(2.9)
    world.tick(None)
    clock.advance(0.2)
    with pytest.raises(WorldUnavailable, match="camera 0: no image for 3 s"):
        world.tick(None)
    capture.give(2)
    assert world.tick(None).frame is not None


def test_a_camera_cannot_be_respawned(camera):
    world, *_ = camera
    with pytest.raises(WorldError, match="cannot be restarted from a start position"):
        world.respawn()
