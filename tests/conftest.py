"""Fixtures of all tests."""

import logging
import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# In a shell's background SIGINT is ignored, and programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import HealthCheck, settings

from tests.support.stack import Stack

# The same examples on every machine, without a time limit: a random search is a separate run
# (`--hypothesis-profile=default`) and never fails the build.
settings.register_profile("lkas", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lkas")


@pytest.fixture
def stack(tmp_path):
    """A stack of real programs with its own instance and ports; nothing of it is left after the test."""
    running = Stack(tmp_path)
    yield running
    running.close()


@pytest.fixture(scope="session", autouse=True)
def runtime_directory(tmp_path_factory):
    """Keep status files and sockets of the tested programs apart from those of the user."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(tmp_path_factory.mktemp("run"))
    yield
    if before is None:
        del os.environ["XDG_RUNTIME_DIR"]
    else:
        os.environ["XDG_RUNTIME_DIR"] = before


@pytest.fixture(autouse=True)
def no_log_handler_is_left():
    """Remove what a program's log.set_up() leaves behind: its stream is closed after a test that ran it in-process."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.setLevel(level)
