"""An output that cannot be written is one sentence and exit code 1, in every program."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command", [["lkas", "ls"], ["lkas", "--help"], ["simulation", "--version"], ["viewer", "--version"]]
)
def test_a_full_disk_behind_standard_output_is_said(command):
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", *command], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 1
    assert done.stderr == f"{command[0]}: the output cannot be written: No space left on device\n"
