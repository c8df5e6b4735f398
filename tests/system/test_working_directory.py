"""The programs run from any working directory: above a clone named lkas, in it, beside it, and among bad names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import PATIENCE_S, ROOT, Stack

BIN = Path(sys.executable).parent
SHADOWS = ("logging.py", "token.py", "simulation.py", "viewer.py", "typing.py")


def above_a_clone(folder: Path) -> Path:
    (folder / "lkas").symlink_to(ROOT)
    return folder


def in_the_clone(folder: Path) -> Path:
    return ROOT


def beside_the_clone(folder: Path) -> Path:
    (folder / "lkas").symlink_to(ROOT)
    (folder / "work").mkdir()
    return folder / "work"


def among_bad_names(folder: Path) -> Path:
    for name in SHADOWS:
        (folder / name).write_text("raise SystemExit(f'{__file__} was executed')\n")
    return folder


@pytest.mark.parametrize("place", [above_a_clone, in_the_clone, beside_the_clone])
def test_the_package_is_imported_from_anywhere(place, tmp_path):
    code = "from lkas.integration.shared_memory import ImageChannel; import simulation.world, viewer.api"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place(tmp_path), capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", [above_a_clone, in_the_clone, beside_the_clone, among_bad_names])
def test_a_drive_works_from_anywhere(place, tmp_path, stack: Stack):
    folder = tmp_path / "place"
    folder.mkdir()
    metrics = tmp_path / "drive.json"
    done = subprocess.run(
        [
            *(str(BIN / "lkas"), "demo", "--duration", "2", "--no-browser", "--port", "0", "--json", str(metrics)),
            *("--instance", stack.instance, "--set", f"zmq.port_base={stack.port_base}"),
        ],
        cwd=place(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    drive = json.loads(metrics.read_text())
    assert (drive["frames"] > 20, drive["restarts"]) == (True, 0), done.stderr


@pytest.mark.parametrize("program", ["lkas", "simulation", "viewer"])
def test_a_command_imports_nothing_from_the_working_directory(program, tmp_path):
    done = subprocess.run(
        [str(BIN / program), "--help"],
        cwd=among_bad_names(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
