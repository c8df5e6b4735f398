"""The perception core in C from the examples, compiled as a publisher for the tests."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import lkas
from lkas.integration.client import LKASClient
from lkas.integration.shared_memory import list_segments, remove_stale
from lkas.runtime.instance import runtime_directory
from tests.support.stack import wait_until

EXAMPLE = Path(lkas.__file__).parents[1] / "examples" / "c" / "perception.c"
WAIT_S = 120.0


def compiled(source: Path, target: Path, *flags: str, compiler: str = "cc") -> Path:
    """Compile a C source as a program, or as a library with `-shared`."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    words = [compiler, *flags, "-O0", "-Wall", "-Wextra", "-Werror", "-I", lkas.get_include(), str(source)]
    subprocess.run([*words, "-o", str(target), "-pthread", "-lm"], check=True, timeout=300)
    return target


@pytest.fixture(scope="session")
def perception(tmp_path_factory) -> Path:
    return compiled(EXAMPLE, tmp_path_factory.mktemp("core") / "perception", "-std=c11")


class Core:
    """A running perception core."""

    def __init__(self, program: Path, instance: str) -> None:
        self._process = subprocess.Popen([program, instance], stderr=subprocess.PIPE, text=True)
        self.pid = self._process.pid

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(WAIT_S)

    def pause(self) -> None:
        """Send SIGSTOP and wait until the process is stopped."""
        self._process.send_signal(signal.SIGSTOP)
        stopped = psutil.Process(self.pid)
        wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, "the core is stopped", WAIT_S)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> str:
        """Terminate the core if it still runs. Returns its standard error."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        return self._process.communicate(timeout=WAIT_S)[1]


@pytest.fixture
def instance(monkeypatch) -> Iterator[str]:
    """The instance of this test, also the default one. Checks that no segment is left."""
    name = f"client-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    left = list_segments(instance=name)
    remove_stale(instance=name)
    shutil.rmtree(runtime_directory(name), ignore_errors=True)
    assert left == []


@pytest.fixture
def start(perception, instance) -> Iterator[Callable[..., Core]]:
    """`start()` starts a core in the instance of this test, `start("other")` in another one. Stops all of them."""
    cores: list[Core] = []

    def run(name: str = instance) -> Core:
        cores.append(Core(perception, name))
        return cores[-1]

    yield run
    for core in cores:
        assert core.stop() == ""


@pytest.fixture
def client(instance) -> Iterator[LKASClient]:
    with LKASClient() as client:
        yield client
