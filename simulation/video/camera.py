"""A live camera as a world: world time is monotonic time, and only the newest image is used."""

import math
import secrets
from typing import Any

import cv2

from lkas.camera_capture import CaptureThread
from lkas.clock import Clock, MonotonicClock
from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.vehicle import VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.calibration import camera_geometry
from simulation.video.frame import DecodedFrame
from simulation.world import Tick, WorldError

TICK_S = 0.01
SILENCE_LIMIT_S = 3.0  # a camera that delivers no image for this time is an error


class CameraWorld:
    """Camera `index` of this machine. The only world that reads a clock: its time is the machine's monotonic time."""

    def __init__(
        self,
        index: int,
        simulation: SimulationConfig,
        vehicle: VehicleConfig,
        *,
        capture: Any = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = f"camera {index}"
        self.session = secrets.randbits(52) + 1
        self.tick_s = TICK_S
        self._clock = clock or MonotonicClock()
        self._speed_mps = simulation.film_speed_mps
        self._max_steer_rad = math.radians(vehicle.max_steer_deg)
        capture = capture or cv2.VideoCapture(index)
        first = capture.read()[1] if capture.isOpened() else None
        if first is None:
            capture.release()
            raise WorldError(f"camera {index}: not found, or in use by another program; see /dev/video* for others")
        self.height_px, self.width_px = first.shape[:2]
        self._geometry = camera_geometry(simulation, self.width_px, self.height_px)
        self._frame_id = 0
        self._last_image_ns = self._clock.now_ns()
        self._capture_thread = CaptureThread(capture, self._clock)

    def tick(self, control: ControlMessage | None) -> Tick:
        """Return the state now, and the newest image if there is one. Raises WorldError when the camera is silent."""
        newest = self._capture_thread.take()
        now_ns = self._clock.now_ns()
        frame = None
        if newest is not None:
            bgr, self._last_image_ns = newest
            self._frame_id += 1
            frame = DecodedFrame(self._frame_id, self._last_image_ns / 1e9, bgr)
        elif now_ns - self._last_image_ns > SILENCE_LIMIT_S * 1e9:
            raise WorldError(f"{self.name}: no image for {SILENCE_LIMIT_S:g} s; check its cable and restart")
        state = VehicleState(
            session=self.session,
            frame_id=self._frame_id,
            timestamp=now_ns / 1e9,
            speed_mps=self._speed_mps,
            max_steer_rad=self._max_steer_rad,
            tick_s=self.tick_s,
            camera=self._geometry,
        )
        return Tick(state=state, frame=frame)

    def respawn(self) -> None:
        raise WorldError(f"{self.name}: a live camera cannot be restarted from a start position")

    def close(self) -> None:
        self._capture_thread.close()
