"""A stub server for all tests, and proof after each test that it was left as it was found."""

from contextlib import contextmanager

import pytest

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.config import SimulationConfig

TIMEOUT_S = 60.0  # of the client; the stub's first tick draws a new road
CAMERA = CameraConfig(width_px=160, height_px=120, rate_hz=20.0)


@pytest.fixture(scope="session")
def shared_server():
    from tests.support.carla_server.process import StubServer

    server = StubServer()
    yield server
    server.close()


@contextmanager
def left_as_found(server):
    """Proof that whoever drove on the server put everything back."""
    before = server.state()
    yield
    after = server.state()
    for name in ("actors", "settings", "weather", "spectator"):
        assert after[name] == before[name], f"{name} was not put back"
    assert not after["is_synchronous"]


@pytest.fixture
def server(shared_server):
    with left_as_found(shared_server):
        yield shared_server


@pytest.fixture
def open_world(server):
    """Builds worlds on the server; they are closed at the end, whatever happens."""
    worlds = []

    def open_world(**wishes):
        worlds.append(make_world(server, **wishes))
        return worlds[-1]

    yield open_world
    for world in worlds:
        world.close()


def make_world(server, *, speed_mps=10.0, camera=CAMERA, body=None, simulation=None, **config):
    """A world on the server; `config` is of section carla."""
    from simulation.carla.world import CarlaWorld

    return CarlaWorld(
        simulation or SimulationConfig(start_speed_mps=speed_mps),
        CarlaConfig(port=server.port, **{"timeout_s": TIMEOUT_S, **config}),
        camera,
        body or VehicleConfig(),
    )
