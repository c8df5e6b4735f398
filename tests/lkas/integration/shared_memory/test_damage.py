"""Files that another program damaged: no side gets a signal, the writer mends its segment, reads end in time."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    ImageChannel,
    SHMError,
    TimelineChannel,
    TracksChannel,
    VehicleChannel,
)
from lkas.integration.shared_memory.messages import VehicleState
from lkas.integration.shared_memory.segment import segment_path

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
ROUNDS = 500
ROLES = str(Path(__file__).with_name("damage_roles.py"))
TIMEOUT_S = 120.0


def overwrite(path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def cut(path) -> None:
    os.truncate(path, 0)


def cut_in_the_slots(path) -> None:
    os.truncate(path, 8192 + 100)


def extend(path) -> None:
    os.truncate(path, os.stat(path).st_size + 4096)


def overwrite_header(path) -> None:
    overwrite(path, 0, random.Random(1).randbytes(512))


def overwrite_facts(path) -> None:
    overwrite(path, 100, b"\xff" * 40)


def retire(path) -> None:
    overwrite(path, 204, b"\1\0\0\0")  # `replaced`


def remove(path) -> None:
    path.unlink()


DAMAGES = [cut, cut_in_the_slots, extend, overwrite_header, overwrite_facts, retire, remove]


@pytest.fixture
def pair(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.write(**NEUTRAL)
    assert reader.read() is not None
    return writer, reader


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_living_writer_creates_its_damaged_segment_again(pair, opened, damage):
    writer, reader = pair
    damage(Path(writer.path))
    time.sleep(0.06)  # the writer looks at size and name twenty times a second
    with pytest.warns(RuntimeWarning, match=r"vehicle_control: .* while it was written; created again"):
        assert writer.write(**NEUTRAL | {"steering": 0.5})
    message = reader.read(timeout=TIMEOUT_S)
    assert message.steering == 0.5
    assert opened(ControlChannel).latest().steering == 0.5
    assert writer.write(**NEUTRAL)  # no further warning


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_read_of_a_damaged_segment_ends_in_time(pair, damage):
    writer, reader = pair
    damage(Path(writer.path))
    began_s = time.monotonic()
    assert reader.read(timeout=0.2) is None
    assert time.monotonic() - began_s < 5.0


@pytest.mark.parametrize("damage", [cut, cut_in_the_slots, extend, overwrite_facts])
def test_a_reader_gets_an_error_when_no_writer_mends_the_file(pair, damage):
    writer, reader = pair
    writer.close()
    damage(Path(writer.path))
    fresh = ControlChannel(instance=reader.instance)
    with fresh, pytest.raises(SHMError, match="vehicle_control"):
        fresh.read()


def test_an_attached_reader_gets_an_error_when_no_writer_mends_the_file_in_time(pair):
    writer, reader = pair
    writer.close()
    cut(writer.path)
    assert reader.read(timeout=0.1) is None
    with pytest.raises(SHMError, match="not a channel"):
        reader.read(timeout=TIMEOUT_S)


@pytest.mark.parametrize("content", [b"", b"not a channel", b"x" * 10_000, b"LKAS\1" + b"\0" * 20_000])
def test_a_bad_file_without_an_owner_is_replaced_with_one_warning(opened, content):
    Path(segment_path("vehicle_control")).write_bytes(content)
    with pytest.warns(RuntimeWarning, match=r"vehicle_control: .*\(replaced\)") as caught:
        writer = opened(ControlChannel, create=True)
    assert len(caught) == 1
    assert writer.write(**NEUTRAL)
    assert opened(ControlChannel).read() is not None


def test_a_directory_in_the_place_of_a_channel_is_left_alone(opened):
    path = Path(segment_path("vehicle_control"))
    path.mkdir()
    try:
        with pytest.raises(SHMError, match="vehicle_control"):
            opened(ControlChannel, create=True)
        assert path.is_dir()
    finally:
        path.rmdir()


def test_a_view_of_a_file_that_is_cut_short_stays_readable(opened):
    writer, reader = opened(ImageChannel, create=True, width=64, height=48), opened(ImageChannel)
    writer.write(np.full((48, 64, 3), 7, np.uint8), frame_id=1)
    with reader.view() as message:
        cut(writer.path)
        assert message.image.sum() in (0, 7 * message.image.size)
    time.sleep(0.06)
    with pytest.warns(RuntimeWarning, match="created again"):
        writer.write(np.full((48, 64, 3), 8, np.uint8), frame_id=2)
    assert reader.read(timeout=TIMEOUT_S).image.max() == 8


def test_a_loan_over_a_file_that_is_cut_short_can_be_filled(opened):
    writer, reader = opened(ImageChannel, create=True, width=64, height=48), opened(ImageChannel)
    with writer.loan(frame_id=1) as frame:
        cut(writer.path)
        frame[:] = 9
    time.sleep(0.06)
    with pytest.warns(RuntimeWarning, match="created again"):
        writer.write(np.full((48, 64, 3), 8, np.uint8), frame_id=2)
    assert reader.read(timeout=TIMEOUT_S).frame_id == 2


@pytest.mark.parametrize(
    "kind", [ControlChannel, VehicleChannel, DetectionChannel, ImageChannel, TracksChannel, TimelineChannel]
)
def test_random_damage_ends_no_process_and_no_read_late(kind, instance):
    """1 to 200 bytes anywhere, or a cut, in a file that a writer and a reader use, each in a process of its own."""
    draw = random.Random(kind.__name__)
    command = [sys.executable, "-W", "ignore::RuntimeWarning", ROLES]
    writer = subprocess.Popen([*command, "write", kind.__name__, instance], stdout=subprocess.PIPE, text=True)
    reader = subprocess.Popen(
        [*command, "read", kind.__name__, instance], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout.readline() == "ready\n"
    path = Path(segment_path(kind.default_name, instance))
    damaged = 0
    for _ in range(ROUNDS):
        damaged += damage_randomly(path, draw)
        time.sleep(0.002)
    reader.stdin.close()
    try:
        report = reader.stdout.read().decode()
        assert reader.wait(TIMEOUT_S) == 0, report
        assert writer.poll() is None, "the writer ended"
    finally:
        writer.terminate()
        assert writer.wait(TIMEOUT_S) == 0
        writer.stdout.close()
        reader.stdout.close()
    assert damaged > ROUNDS // 2, "the writer did not create the file again"
    read, late = map(int, report.split())
    assert read > 0
    assert late == 0


def damage_randomly(path: Path, draw: random.Random) -> bool:
    try:
        size = os.stat(path).st_size
        if draw.random() < 0.1:
            os.truncate(path, draw.choice((0, 100, 8192, draw.randrange(size + 1))))
        elif size:
            end = draw.choice((512, 8192, size))
            for _ in range(draw.randint(1, 200)):
                overwrite(path, draw.randrange(min(end, size)), draw.randbytes(1))
    except FileNotFoundError:
        return False
    return True


def test_a_healthy_segment_is_never_called_damaged(opened, recwarn):
    writer, reader = opened(VehicleChannel, create=True), opened(VehicleChannel)
    for number in range(1, 200):
        writer.write(VehicleState(speed_mps=float(number)))
        assert reader.read().speed_mps == number
        time.sleep(0.001)
    assert not recwarn.list
