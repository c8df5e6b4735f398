"""A film as a world: it drives by itself, and steering is shown beside it, not applied to it."""

import math
import secrets
from pathlib import Path

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.calibration import camera_of
from simulation.video.camera import CameraWorld
from simulation.video.films import Film, open_film
from simulation.video.picture import Picture
from simulation.world import Tick, World, WorldEnded, WorldError


def open_source(simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> World:
    """The world behind `simulation.source`: a video file, a folder of images, or the index of a camera."""
    source = simulation.source
    if source is None:
        raise WorldError("the video world needs --source: a video file, a folder of images or a camera index")
    if source.isdecimal() and not Path(source).exists():
        return CameraWorld(int(source), simulation, vehicle)
    return VideoWorld(open_film(Path(source), simulation.film_rate_hz, camera.rate_hz), simulation, vehicle)


class VideoWorld:
    """One tick is one picture. World time is media time: frame index / rate, and it goes on over loops."""

    def __init__(self, film: Film, simulation: SimulationConfig, vehicle: VehicleConfig) -> None:
        self.name = f"video {film.name}"
        self.session = secrets.randbits(52) + 1
        self.tick_s = 1.0 / film.rate_hz
        self.width_px, self.height_px = film.width_px, film.height_px
        self._film = film
        self._loop = simulation.loop
        self._speed_mps = simulation.film_speed_mps
        self._max_steer_rad = math.radians(vehicle.max_steer_deg)
        self._camera = camera_of(simulation, self.width_px, self.height_px)
        self._frame_id = 0
        self._start_pictures = round(simulation.film_start_s * film.rate_hz)
        if not film.skip(self._start_pictures):
            film.close()
            raise WorldError(
                f"{film.name}: over before simulation.film_start_s = {simulation.film_start_s:g} s; begin earlier"
            )

    def tick(self, control: ControlMessage | None) -> Tick:
        """The next picture; `control` changes nothing. Raises WorldEnded after the last one."""
        picture = self._film.read()
        if picture is None and self._loop:
            self.respawn()
            picture = self._film.read()
        if picture is None:
            raise WorldEnded(f"{self.name} is over")
        timestamp_s = self._frame_id / self._film.rate_hz
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
        return Tick(state=state, frame=Picture(self._frame_id, timestamp_s, picture))

    def respawn(self) -> None:
        """Show the film from its start again; time and frame numbers go on."""
        self._film.rewind()
        self._film.skip(self._start_pictures)

    def close(self) -> None:
        self._film.close()
