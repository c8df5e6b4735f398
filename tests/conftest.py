"""Fixtures for everybody."""

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

# The same examples on every machine, however long one takes there: a search by chance is a run of its own
# (`--hypothesis-profile=default`), and no reason for a red build.
settings.register_profile("lkas", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lkas")


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
