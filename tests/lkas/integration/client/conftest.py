"""A perception core in C, built from the examples, as the tests' publisher."""

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
    """A C source as a program, or as a library with `-shared`."""
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
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
        """SIGSTOP, and wait until it stands still."""
        self._process.send_signal(signal.SIGSTOP)
        stopped = psutil.Process(self.pid)
        wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, "the core stands still", WAIT_S)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> str:
        """End it in order, unless it is dead: what it had to complain about."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
        return self._process.communicate(timeout=WAIT_S)[1]


@pytest.fixture
def instance(monkeypatch) -> Iterator[str]:
    """An instance of this test's own, also the default one; proves that no segment is left."""
    name = f"client-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    left = list_segments(instance=name)
    remove_stale(instance=name)
    shutil.rmtree(runtime_directory(name), ignore_errors=True)
    assert left == []


@pytest.fixture
def start(perception, instance) -> Iterator[Callable[..., Core]]:
    """`start()`: a core in this test's instance, or `start("other")` in one more; none outlives the test."""
    cores: list[Core] = []

    def run(name: str = instance) -> Core:
        cores.append(Core(perception, name))
        return cores[-1]

    yield run
    for core in cores:
        assert core.stop() == ""


@pytest.fixture
def client(instance) -> Iterator[LKASClient]:
    with LKASClient() as made:
        yield made
