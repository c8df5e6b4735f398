"""The examples in C build as their README says, and exchange messages with Python."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import lkas
from lkas.integration.shared_memory import ControlChannel, DetectionChannel, TimelineChannel, TracksChannel, wait_any
from lkas.integration.shared_memory.messages import ControlMode, LineType

FOLDER = Path(lkas.__file__).parents[1] / "examples" / "c"
WAIT_S = 120.0


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the examples, built by the command lines of their README."""
    if not shutil.which("gcc"):
        pytest.skip("no gcc here")
    folder = tmp_path_factory.mktemp("examples")
    for source in FOLDER.glob("*.c"):
        shutil.copy(source, folder)
    commands = re.findall(r"^gcc .*$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == len(list(folder.glob("*.c")))
    for command in commands:
        words = command.replace('"$INCLUDE"', lkas.get_include()).split()
        subprocess.run([*words, "-Wall", "-Wextra", "-Werror"], cwd=folder, check=True, timeout=300)
    return folder


@pytest.fixture
def start(built, instance):
    """`start("control", 3)`: an example in the test's instance, which ends with the test."""
    processes: list[subprocess.Popen] = []

    def run(name: str, count: int) -> subprocess.Popen:
        processes.append(subprocess.Popen([built / name, instance, str(count)], stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield run
    for process in processes:
        process.terminate()
        process.communicate(timeout=WAIT_S)


def test_perception_publishes_all_three(start, opened):
    process = start("perception", 0)
    channels = [opened(kind) for kind in (DetectionChannel, TracksChannel, TimelineChannel)]
    detection, tracks, timeline = (channel.read(timeout=WAIT_S) for channel in channels)
    assert detection.left_lane.x1 < 400 < detection.right_lane.x1
    assert detection.left_lane.y1 == 600.0
    assert [track.type for track in tracks.tracks] == [LineType.SOLID, LineType.DASHED]
    assert tracks.tracks[0].c0 - tracks.tracks[1].c0 == pytest.approx(3.5)
    assert len(timeline.points) == 31
    assert timeline.points[30].t_s == pytest.approx(3.0)
    assert timeline.points[0].margin_left_m + timeline.points[0].margin_right_m == pytest.approx(1.7)
    assert timeline.ttlc_left_s is None
    again = channels[0].read(timeout=WAIT_S)
    assert again.frame_id > detection.frame_id
    assert again.session == detection.session
    assert again.capture_ns > detection.capture_ns
    process.terminate()
    assert process.wait(WAIT_S) == 0
    assert wait_any(channels, 0.0) is not None  # its segments are removed, which is no error


def test_perception_ends_after_its_rounds(start):
    assert start("perception", 2).wait(WAIT_S) == 0


def test_control_prints_what_python_writes(start, opened):
    process = start("control", 1)
    writer = opened(ControlChannel, create=True)
    writer.write(
        steering=-0.25,
        throttle=0.5,
        brake=0.0,
        mode=ControlMode.LANE_KEEPING,
        lateral_offset_meters=0.1,
        state_reason="both lines",
        frame_id=7,
    )
    assert process.stdout.readline() == (
        "frame 7  steering -0.250  throttle 0.50  brake 0.00  offset +0.10 m  keeping the lane  both lines\n"
    )
    assert process.wait(WAIT_S) == 0


def test_examples_report_the_writer_of_the_channel(built, opened, instance):
    opened(TracksChannel, create=True)
    done = subprocess.run([built / "perception", instance, "1"], capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 1
    assert f"process {os.getpid()} already writes this channel" in done.stderr
    opened(DetectionChannel, create=True)  # adopts its segment, and removes it at the end
