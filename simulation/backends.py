"""Which world to run: the one place that knows them all, and imports only the chosen one."""

import logging
from importlib.util import find_spec

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.probe import require_server, speaks_carla
from simulation.config import SimulationConfig
from simulation.world import World, WorldError

CARLA_CLIENT = "the client library carla: pip install 'lkas[carla]' (Python 3.10 to 3.12, Linux, x86-64)"

log = logging.getLogger(__name__)


def chosen_backend(simulation: SimulationConfig, carla: CarlaConfig) -> str:
    """`auto` resolved: a source asks for the video world, a CARLA server for CARLA, else embedded needs nothing."""
    if simulation.backend != "auto":
        return simulation.backend
    if simulation.source is not None:
        return "video"
    if not speaks_carla(carla.host, carla.port):
        return "embedded"
    if find_spec("carla") is None:
        log.warning("a CARLA server answers on %s:%d; to drive there, install %s", carla.host, carla.port, CARLA_CLIENT)
        return "embedded"
    return "carla"


def build_world(
    simulation: SimulationConfig, carla: CarlaConfig, camera: CameraConfig, vehicle: VehicleConfig
) -> World:
    """The world of `chosen_backend`. Raises WorldError, WorldUnreachable."""
    match chosen_backend(simulation, carla):
        case "video":
            from simulation.video.world import open_source

            return open_source(simulation, camera, vehicle)
        case "carla":
            if find_spec("carla") is None:
                raise WorldError(f"the world carla needs {CARLA_CLIENT}")
            require_server(carla)  # before the library is loaded: this answer comes at once
            from simulation.carla.world import CarlaWorld

            return CarlaWorld(simulation, carla, camera, vehicle)
    from simulation.embedded.world import EmbeddedWorld

    return EmbeddedWorld(simulation, camera, vehicle)
