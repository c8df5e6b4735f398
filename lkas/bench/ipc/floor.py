"""The lower bound of every wake-up: two C processes and a futex (`floor.c`), compiled when the benchmark starts."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

SOURCE = Path(__file__).with_name("floor.c")
BUILD_S, RUN_S = 60.0, 60.0


class Floor:
    """Context manager that compiles the program and removes it at the end."""

    name = "C futex"

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="lkas-bench-")
        self._program = Path(self._folder.name) / "floor"
        self._missing: str | None = None
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            self._missing = "no C compiler"
            return self
        command = [compiler, "-std=c11", "-O2", "-o", str(self._program), str(SOURCE)]
        built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_S, check=False)
        if built.returncode:
            self._missing = f"does not compile: {built.stderr.strip().splitlines()[-1:]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def missing(self) -> str | None:
        """Return why this row cannot be measured here, or None."""
        return self._missing

    def wake(self, count: int, idle_ns: int) -> list[int]:
        """Return one-way times (ns) of waking a sleeper `count` times, each after `idle_ns` of idle time."""
        command = [str(self._program), str(count), str(idle_ns)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, check=True)
        return [int(line) for line in done.stdout.split()]
