"""Smoke test of an installation: the help of every command, then a drive of 10 s.

Run it with the Python of the environment to test, from a folder without the source code:

    /tmp/bare/bin/python scripts/smoke.py
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

PROGRAMS = ("lkas", "simulation", "viewer")
BIN = Path(sys.executable).parent
DRIVE = ("demo", "--duration", "10", "--no-browser", "--port", "0", "--set", "zmq.port_base=0")
DRIVE_TIMEOUT_S = 120
MIN_FRAMES = 100  # of 300: the machine may be busy


def commands(program: str) -> Iterator[list[str]]:
    """Yield every command of a program, as the words to type."""
    app = typer.main.get_command(import_module(f"{program}.cli" if program != "lkas" else "lkas.cli.app").app)
    yield from _subcommands([program], app)


def _subcommands(words: list[str], command: Any) -> Iterator[list[str]]:
    yield words
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from _subcommands([*words, name], subcommand)


def check_help(folder: Path) -> None:
    """Raise AssertionError for a command whose --help fails."""
    for program in PROGRAMS:
        for words in commands(program):
            done = subprocess.run(
                [str(BIN / words[0]), *words[1:], "--help"], cwd=folder, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, f"{' '.join(words)} --help: exit code {done.returncode}\n{done.stderr}"
            assert "Usage" in done.stdout, f"{' '.join(words)} --help prints no usage:\n{done.stdout}"
            print(f"{' '.join(words)} --help: ok")


def check_drive(folder: Path) -> None:
    """Raise AssertionError unless a drive of 10 s keeps its lane."""
    metrics = folder / "drive.json"
    command = [str(BIN / "lkas"), *DRIVE, "--instance", f"smoke{os.getpid()}", "--json", str(metrics)]
    subprocess.run(command, cwd=folder, check=True, timeout=DRIVE_TIMEOUT_S)
    drive = json.loads(metrics.read_text())
    assert drive["frames"] >= MIN_FRAMES, drive
    assert drive["departures"] == 0, drive
    assert drive["distance_m"] > 10, drive


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_help(Path(folder))
        check_drive(Path(folder))


if __name__ == "__main__":
    main()
