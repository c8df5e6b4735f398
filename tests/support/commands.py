"""Runs a command in a separate process without waiting for its imports.

A fork server has imported what commands import, and forks once per command. It starts no thread and runs nothing else:
what a command changes in its process (signal handlers, logging, environment) ends with that process. Tests of imports,
of signals, of running programs and of what a library reads at its import (OpenCV its log level) start real
interpreters instead.
"""

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.stack import PATIENCE_S

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["rich.table", "typer.rich_utils", "simulation.cli", "simulation.program"])


def run_command(
    program: str, *arguments: object, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run `python -m program arguments` to its end. `environ` is its whole environment, by default this process's."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "out", Path(folder) / "err"
        for file in files:
            file.touch()
        environ = dict(os.environ if environ is None else environ)
        process = _context.Process(target=_run, args=(program, words, environ, cwd or Path.cwd(), files))
        process.start()
        process.join(PATIENCE_S)
        if process.exitcode is None:
            process.kill()
            process.join(PATIENCE_S)
            raise AssertionError(f"{program} {words} did not end within {PATIENCE_S:g} s")
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess([program, *words], code, *(file.read_text() for file in files))


def _run(program: str, words: list[str], environ: dict[str, str], cwd: Path, files: tuple[Path, Path]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    for number, file in zip((1, 2), files, strict=True):
        with file.open("w") as stream:
            os.dup2(stream.fileno(), number)
    sys.argv = [program, *words]
    importlib.import_module(f"{program}.cli").main()
