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
