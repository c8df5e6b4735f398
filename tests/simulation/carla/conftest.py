"""Worlds on the stub CARLA server."""

import pytest

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.config import SimulationConfig

TIMEOUT_S = 60.0  # of the client; the stub's first tick renders a new road
CAMERA = CameraConfig(width_px=160, height_px=120, rate_hz=20.0)


@pytest.fixture
def open_world(server):
    """Return a function that builds worlds on the server; all are closed at the end."""
    worlds = []

    def open_world(**changes):
        worlds.append(make_world(server, **changes))
        return worlds[-1]

    yield open_world
    for world in worlds:
        world.close()


def make_world(server, *, speed_mps=10.0, camera=CAMERA, vehicle_config=None, simulation=None, **config):
    """Build a world on the server; `config` are keys of section carla."""
    from simulation.carla.world import CarlaWorld

    return CarlaWorld(
        simulation or SimulationConfig(start_speed_mps=speed_mps),
        CarlaConfig(port=server.port, **{"timeout_s": TIMEOUT_S, **config}),
        camera,
        vehicle_config or VehicleConfig(),
    )
