"""Fixtures for everybody."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.support.stack import Stack


@pytest.fixture
def stack(tmp_path):
    """A stack of real programs with its own instance and ports; afterwards nothing of it is left."""
    running = Stack(tmp_path)
    yield running
    running.close()


@pytest.fixture(scope="session", autouse=True)
def runtime_directory(tmp_path_factory):
    """Status files and sockets of all programs that tests start go here, and not where the user's own are."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("run"))
    yield
    if before is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = before
