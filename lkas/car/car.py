"""A car is a world whose time is the machine's: its tick reads camera and sensors, its control goes to actuators.

A subclass names its camera and its actuators in some thirty lines (examples/own_car.py). The base class decides what
is sent: a command only while it is valid and young, `neutral()` within 0.1 s of any failure - the command expired,
decision was killed, this process hangs, an exception, the end. Against its own death and a pulled cable the car needs
a watchdog on its side of the cable; the counterparts that come along have one.
"""

import logging
import math
import secrets
import threading
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from msgspec import Struct

from lkas.car.command import CarCommand
from lkas.clock import Clock, MonotonicClock
from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, VehicleState

logger = logging.getLogger(__name__)

TICK_S = 0.01
COMMAND_LIMIT_S = 0.08  # since a command was written; decision writes at least 20 a second
HANG_LIMIT_S = 0.08  # since the last tick: the process hangs, or its loop was left
WATCH_PERIOD_S = 0.01
IMAGE_LIMIT_S = 3.0


class Measurement(Struct, frozen=True, kw_only=True):
    """What the car's own sensors say. None: it has no such sensor."""

    speed_mps: float | None = None
    yaw_rate_radps: float | None = None  # left positive
    steer_rad: float | None = None  # road wheel, left positive


class CarTick(Struct, frozen=True, kw_only=True):
    """One tick, shaped as those of the worlds of `simulation`; a car knows no truth."""

    state: VehicleState
    frame: "CarFrame | None" = None
    truth: None = None


class CarFrame:
    """A camera image that is copied into shared memory once."""

    def __init__(self, frame_id: int, timestamp: float, image: np.ndarray) -> None:
        self.frame_id = frame_id
        self.timestamp = timestamp  # s, monotonic
        self._image = image

    def render_into(self, image: np.ndarray) -> None:
        """Copy into an (H, W, 3) uint8 RGB array."""
        np.copyto(image, self._image)


class Car(ABC):
    """A camera and actuators. Give `width_px`, `height_px`, `max_steer_rad`, and where it is known `camera`."""

    name = "car"
    tick_s = TICK_S
    width_px: int
    height_px: int
    max_steer_rad: float  # road-wheel angle of steering = 1
    camera: CameraGeometry | None = None  # None: as configured
    clock: Clock = MonotonicClock()

    # ------------------------------------------------------------ what a custom car defines

    @abstractmethod
    def image(self) -> tuple[np.ndarray, int] | None:
        """Return the newest (height, width, 3) uint8 RGB image not returned before and its monotonic ns, or None."""

    def measure(self) -> Measurement:
        """Return what the sensors say now; never wait."""
        return Measurement()

    @abstractmethod
    def actuate(self, command: CarCommand) -> None:
        """Carry out a command; never wait for longer than some milliseconds. Called a hundred times a second."""

    @abstractmethod
    def neutral(self) -> None:
        """Let the car roll out: motor off, steering as it is. Called from another thread when the loop hangs."""

    @abstractmethod
    def release(self) -> None:
        """Give camera and actuators back."""

    # ------------------------------------------------------------ the world

    def __init__(self) -> None:
        self.session = secrets.randbits(52) + 1
        self.neutral_count = 0  # times the car was put into neutral
        self._lock = threading.Lock()
        self._frame_id = 0
        self._image_ns = self._tick_ns = self.clock.now_ns()
        self._is_neutral = False
        self._stop = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="car watchdog", daemon=True)
        self._watchdog.start()

    def tick(self, control: ControlMessage | None) -> CarTick:
        """Send the command, or neutral; return the sensors' state and the newest image."""
        now_ns = self.clock.now_ns()
        self._tick_ns = now_ns
        command = self._command(control, now_ns)
        if command is None:
            self._set_neutral()
        else:
            with self._lock:
                self._is_neutral = False
                self.actuate(command)
        frame = self._frame(self.image())
        measured = self.measure()
        state = VehicleState(
            session=self.session,
            frame_id=self._frame_id,
            timestamp=now_ns / 1e9,
            capture_ns=now_ns,
            speed_mps=measured.speed_mps,
            yaw_rate_radps=measured.yaw_rate_radps,
            steering_angle_rad=measured.steer_rad,
            max_steer_rad=self.max_steer_rad,
            tick_s=self.tick_s,
            camera=self.camera,
        )
        return CarTick(state=state, frame=frame)

    def respawn(self) -> None:
        """A car has no start to go back to. Raises RuntimeError."""
        raise RuntimeError(f"{self.name}: a real car cannot be put back to its start")

    def close(self) -> None:
        """Neutral, then give everything back; calling it again does nothing."""
        if not self._stop.is_set():
            self._stop.set()
            self._set_neutral()
            self._watchdog.join(1.0)
            self.release()

    def _command(self, control: ControlMessage | None, now_ns: int) -> CarCommand | None:
        """Return the command in units of the car; None when it is not to be used."""
        if control is None or control.session not in (0, self.session):
            return None
        is_young = now_ns - control.publish_ns <= COMMAND_LIMIT_S * 1e9 if control.publish_ns else True
        if not is_young or control.valid_until < now_ns / 1e9:
            return None
        if not math.isfinite(control.steering + control.throttle + control.brake):
            return None
        steering = min(1.0, max(-1.0, control.steering))
        return CarCommand(
            steer_rad=-steering * self.max_steer_rad,
            steering=steering,
            throttle=min(1.0, max(0.0, control.throttle)),
            brake=min(1.0, max(0.0, control.brake)),
        )

    def _frame(self, newest: tuple[Any, int] | None) -> CarFrame | None:
        if newest is None:
            return None
        image, self._image_ns = newest
        self._frame_id += 1
        return CarFrame(self._frame_id, self._image_ns / 1e9, image)

    def _watch(self) -> None:
        """Put the car into neutral when no tick comes any more."""
        while not self._stop.wait(WATCH_PERIOD_S):
            if self.clock.now_ns() - self._tick_ns > HANG_LIMIT_S * 1e9:
                self._set_neutral()

    def _set_neutral(self) -> None:
        """Send neutral, also again and again: what was sent before may have been lost with the cable."""
        with self._lock:
            if not self._is_neutral:
                self._is_neutral = True
                self.neutral_count += 1
            try:
                self.neutral()
            except Exception:  # the actuators are gone: their own watchdog has stopped the car
                logger.debug("%s: neutral could not be sent", self.name, exc_info=True)
