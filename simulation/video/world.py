"""A video as a world: it plays by itself; steering is displayed, not applied."""

import logging
import math
import secrets
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import numpy as np

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.live_capture import is_address, is_live
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.calibration import camera_geometry
from simulation.video.camera import CameraWorld
from simulation.video.frame import DecodedFrame
from simulation.video.sources import ImageSource, open_image_source
from simulation.world import Tick, World, WorldEnded, WorldError

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm")

log = logging.getLogger(__name__)


def open_source(simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> World:
    """Open `simulation.source`: a video file, a folder of images, a camera or a stream. Raises WorldError."""
    source = simulation.source
    if source is None:
        raise WorldError("the video world needs --source: a video file, a folder of images, a camera or an address")
    if is_live(source) and not _is_video_at_address(source):
        return CameraWorld(source, simulation, vehicle)
    return VideoWorld(open_image_source(source, simulation.film_rate_hz, camera.rate_hz), simulation, vehicle)


def _is_video_at_address(source: str) -> bool:
    """Return whether an address is that of a video file, which is played at its own rate and ends."""
    if not is_address(source):
        return False
    address = urlsplit(source)
    return address.scheme in ("http", "https") and PurePosixPath(address.path).suffix.lower() in VIDEO_SUFFIXES


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
        self._is_damage_logged = False
        self._start_frames = round(simulation.film_start_s * source.rate_hz)
        if not source.skip(self._start_frames):
            source.close()
            raise WorldError(
                f"{source.name}: ends before simulation.film_start_s = {simulation.film_start_s:g} s; start earlier"
            )

    def tick(self, control: ControlMessage | None) -> Tick:
        """Return the next frame; `control` is ignored. Raises WorldEnded after the last frame."""
        image = self._source.read()
        if image is None:
            image = self._next_after_end()
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

    def _next_after_end(self) -> np.ndarray:
        """Return the first image of the next round. Raises WorldEnded, or WorldError when images were missing."""
        damage = self._source.damage
        if not self._loop:
            raise WorldEnded(f"{self.name} is over") if damage is None else WorldError(damage)
        if damage is not None and not self._is_damage_logged:
            log.warning("%s; it is repeated without the rest", damage)
            self._is_damage_logged = True
        self.respawn()
        image = self._source.read()
        if image is None:
            raise WorldEnded(f"{self.name} is over")
        return image

    def respawn(self) -> None:
        """Restart the video at its start position; time and frame ids continue."""
        self._source.rewind()
        self._source.skip(self._start_frames)

    def close(self) -> None:
        self._source.close()
