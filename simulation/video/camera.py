"""A live camera or stream as a world: world time is monotonic time, and only the newest image is used."""

import math
import secrets
from collections.abc import Callable
from typing import Any

from lkas.clock import Clock, MonotonicClock
from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.live_capture import CaptureError, LiveCapture, is_address, open_capture
from lkas.vehicle import VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.calibration import camera_geometry
from simulation.video.frame import DecodedFrame
from simulation.world import Tick, WorldError, WorldUnavailable, WorldUnreachable

TICK_S = 0.01
SILENCE_LIMIT_S = 3.0  # a camera that delivers no image for this time is reported


class CameraWorld:
    """A camera of this machine (an index, a device) or the address of a stream.

    The only world that reads a clock: its time is the machine's monotonic time. While the camera is silent the world is
    unavailable; it goes on with the next image.
    """

    def __init__(
        self,
        source: str,
        simulation: SimulationConfig,
        vehicle: VehicleConfig,
        *,
        open_source: Callable[[int | str], Any] = open_capture,
        clock: Clock | None = None,
    ) -> None:
        """Raises WorldError, or WorldUnreachable for an address that gives no image."""
        self.session = secrets.randbits(52) + 1
        self.tick_s = TICK_S
        self._clock = clock or MonotonicClock()
        self._speed_mps = simulation.film_speed_mps
        self._max_steer_rad = math.radians(vehicle.max_steer_deg)
        try:
            self._capture = LiveCapture(source, self._clock, open_source)
        except CaptureError as error:
            kind = WorldUnreachable if is_address(source) else WorldError
            raise kind(str(error)) from error
        self.name = self._capture.name
        self.width_px, self.height_px = self._capture.width_px, self._capture.height_px
        self._geometry = camera_geometry(simulation, self.width_px, self.height_px)
        self._frame_id = 0
        self._last_image_ns = self._clock.now_ns()

    def tick(self, control: ControlMessage | None) -> Tick:
        """Return the state now, and the newest image if there is one. Raises WorldUnavailable while none comes."""
        newest = self._capture.take()
        now_ns = self._clock.now_ns()
        frame = None
        if newest is not None:
            bgr, self._last_image_ns = newest
            self._frame_id += 1
            frame = DecodedFrame(self._frame_id, self._last_image_ns / 1e9, bgr)
        elif now_ns - self._last_image_ns > SILENCE_LIMIT_S * 1e9:
            problem = self._capture.problem or f"no image for {SILENCE_LIMIT_S:g} s; it is opened again and again"
            raise WorldUnavailable(f"{self.name}: {problem}")
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
        self._capture.close()
