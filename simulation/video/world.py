"""A video as a world: it plays by itself; steering is displayed, not applied."""

import math
import secrets
from pathlib import Path

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.calibration import camera_geometry
from simulation.video.camera import CameraWorld
from simulation.video.frame import DecodedFrame
from simulation.video.sources import ImageSource, open_image_source
from simulation.world import Tick, World, WorldEnded, WorldError


def open_source(simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> World:
    """Open `simulation.source`: a video file, a folder of images, or the index of a camera. Raises WorldError."""
    source = simulation.source
    if source is None:
        raise WorldError("the video world needs --source: a video file, a folder of images or a camera index")
    if source.isdecimal() and not Path(source).exists():
        return CameraWorld(int(source), simulation, vehicle)
    return VideoWorld(open_image_source(Path(source), simulation.film_rate_hz, camera.rate_hz), simulation, vehicle)


class VideoWorld:
    """One tick is one frame. World time is frame index / rate, and continues over loops."""

    def __init__(self, source: ImageSource, simulation: SimulationConfig, vehicle: VehicleConfig) -> None:
        self.name = f"video {source.name}"
        self.session = secrets.randbits(52) + 1
        self.tick_s = 1.0 / source.rate_hz
        self.width_px, self.height_px = source.width_px, source.height_px
        self._source = source
        self._loop = simulation.loop
        self._speed_mps = simulation.film_speed_mps
        self._max_steer_rad = math.radians(vehicle.max_steer_deg)
        self._camera = camera_geometry(simulation, self.width_px, self.height_px)
        self._frame_id = 0
        self._start_frames = round(simulation.film_start_s * source.rate_hz)
        if not source.skip(self._start_frames):
            source.close()
            raise WorldError(
                f"{source.name}: ends before simulation.film_start_s = {simulation.film_start_s:g} s; start earlier"
            )

    def tick(self, control: ControlMessage | None) -> Tick:
        """Return the next frame; `control` is ignored. Raises WorldEnded after the last frame."""
        image = self._source.read()
        if image is None and self._loop:
            self.respawn()
            image = self._source.read()
        if image is None:
            raise WorldEnded(f"{self.name} is over")
        timestamp_s = self._frame_id / self._source.rate_hz
        self._frame_id += 1
        state = VehicleState(
            session=self.session,
            frame_id=self._frame_id,
            timestamp=timestamp_s,
            speed_mps=self._speed_mps,
            max_steer_rad=self._max_steer_rad,
            tick_s=self.tick_s,
            camera=self._camera,
        )
        return Tick(state=state, frame=DecodedFrame(self._frame_id, timestamp_s, image))

    def respawn(self) -> None:
        """Restart the video at its start position; time and frame ids continue."""
        self._source.rewind()
        self._source.skip(self._start_frames)

    def close(self) -> None:
        self._source.close()
