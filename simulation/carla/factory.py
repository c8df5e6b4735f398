"""Builds a CARLA world; checks for the server and the client library before it imports the library."""

from importlib.util import find_spec

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.probe import require_server
from simulation.config import SimulationConfig
from simulation.world import World, WorldError

CLIENT_LIBRARY = "the client library carla: pip install 'lkas[carla]' (Python 3.10 to 3.12, Linux, x86-64)"


def has_client_library() -> bool:
    """Return whether the package carla is installed."""
    return find_spec("carla") is not None


def open_world(simulation: SimulationConfig, carla: CarlaConfig, camera: CameraConfig, vehicle: VehicleConfig) -> World:
    """Connect to the server and set up a drive. Raises WorldError, WorldUnreachable."""
    if not has_client_library():
        raise WorldError(f"the world carla needs {CLIENT_LIBRARY}")
    require_server(carla)  # before the import, which takes seconds: a missing server is reported at once
    from simulation.carla.world import CarlaWorld

    return CarlaWorld(simulation, carla, camera, vehicle)
