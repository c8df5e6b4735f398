"""A stub CARLA server for all tests, and a check after each test that its state was restored."""

from contextlib import contextmanager

import pytest


@pytest.fixture(scope="session")
def shared_server():
    from tests.support.carla_server.process import StubServer

    server = StubServer()
    yield server
    server.close()


@contextmanager
def restored(server):
    """Check that the state of the server is the same afterwards."""
    before = server.state()
    yield
    after = server.state()
    for name in ("actors", "settings", "weather", "spectator"):
        assert after[name] == before[name], f"{name} was not restored"
    assert not after["is_synchronous"]


@pytest.fixture
def server(shared_server):
    with restored(shared_server):
        yield shared_server
