"""Programs in C and C++ exchange messages with Python in both directions."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lkas import get_include
from lkas.integration.shared_memory import ControlChannel, ImageChannel
from lkas.integration.shared_memory.messages import ControlMode

SOURCE = Path(__file__).with_name("program.c")


@pytest.fixture(scope="module", params=[("cc", "-std=c11", "-xc"), ("c++", "-std=c++17", "-xc++")], ids=["c", "c++"])
def program(request, tmp_path_factory) -> Path:
    if not shutil.which(request.param[0]):
        pytest.skip(f"no {request.param[0]} here")
    built = tmp_path_factory.mktemp("program") / "program"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-I", get_include(), "-pthread", "-o", str(built)]
    subprocess.run([*request.param, *flags, str(SOURCE)], check=True, timeout=300)
    return built


def run(program: Path, role: str) -> str:
    done = subprocess.run(
        [program, role, os.environ["LKAS_INSTANCE"]], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def test_python_reads_what_c_writes(program, opened):
    run(program, "write_control")
    message = opened(ControlChannel).read()
    assert (message.frame_id, message.steering, message.mode) == (42, -0.25, ControlMode.HOLD)
    assert (message.curvature, message.ttlc_left_s, message.state_reason) == (0.01, None, "from C")
    assert message.sequence == 1
    assert message.publish_ns > 0
    opened(ControlChannel, create=True, slots=4)  # adopts the segment of the C program, and removes it at the end


def test_c_reads_what_python_writes(program, opened):
    writer = opened(ControlChannel, create=True)
    writer.write(
        steering=0.5, throttle=0.0, brake=0.0, mode=ControlMode.STANDBY, frame_id=3, state_reason="from Python"
    )
    assert run(program, "read_control") == "1 3 0.5 5 0 0 0 from Python"


def test_images_from_c(program, opened):
    run(program, "write_image")
    message = opened(ImageChannel).read()
    assert message.frame_id == 7
    assert np.array_equal(message.image, np.arange(45, dtype=np.uint8).reshape(3, 5, 3))
    heir = opened(ImageChannel, create=True, height=3, width=5, slots=4, checksum=True)
    assert heir.stats.generation == 2
    with pytest.raises(AssertionError), heir.loan():
        raise AssertionError  # nothing is published
    assert heir.stats.corrupt == 0


def test_images_to_c(program, opened):
    writer = opened(ImageChannel, create=True, width=10, height=4)
    writer.write(np.full((4, 10, 3), 2, np.uint8), frame_id=9)
    assert run(program, "view_image") == "9 4 10 240"


def test_errors_are_printed_as_text(program, opened):
    opened(ControlChannel, create=True)
    done = subprocess.run(
        [program, "write_control", os.environ["LKAS_INSTANCE"]],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert f"process {os.getpid()} already writes this channel" in done.stdout
