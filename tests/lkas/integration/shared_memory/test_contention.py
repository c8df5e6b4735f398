"""Processes that compete for a channel, and processes without permission."""

import os
import threading

import numpy as np
import pytest

from lkas.integration.shared_memory import ControlChannel, ImageChannel, SHMError, list_segments
from tests.lkas.integration.shared_memory.test_lifecycle import in_forked_child

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
NOBODY = 65534
PATIENCE_S = 120.0


@pytest.mark.parametrize("left", ["nothing", "a segment of this shape", "a segment of another shape"])
def test_of_writers_that_start_together_one_writes_and_the_others_get_its_pid(peer, opened, left):
    if left != "nothing":
        opened(ControlChannel, create=True, slots=8 if left == "a segment of this shape" else 5).close()
    reader = opened(ControlChannel)
    racers = [peer("race_to_write", slots=8) for _ in range(4)]
    assert [racer.line() for racer in racers] == ["ready"] * 4
    for racer in racers:
        racer.release()
    answers = [racer.line() for racer in racers]
    winners = [racer for racer, answer in zip(racers, answers, strict=True) if answer == str(racer.pid)]
    assert len(winners) == 1
    assert sorted(answers) == sorted([str(winners[0].pid)] + [f"lost to {winners[0].pid}"] * 3)
    assert reader.read(timeout=PATIENCE_S).frame_id == winners[0].pid
    (info,) = list_segments(instance=reader.instance)  # no temporary file is left
    assert info.writer_pid == winners[0].pid
    winners[0].kill()
    assert opened(ControlChannel, create=True).stats.generation == (2 if left == "nothing" else 3)


def test_a_reader_and_writer_per_thread(opened):
    """Each object belongs to one thread; threads share segments as processes do."""
    count, finished = 300, threading.Event()
    writer = opened(ImageChannel, create=True, width=16, height=8)
    readers = [opened(ImageChannel) for _ in range(4)]
    faults: list[str] = []

    def read_on(reader: ImageChannel) -> None:
        last = 0
        while last < count and not finished.wait(0.0):
            message = reader.read(timeout=PATIENCE_S)
            if message is None or message.sequence <= last or (message.image != message.frame_id & 0xFF).any():
                faults.append(f"{message} after {last}")
                return
            last = message.sequence

    threads = [threading.Thread(target=read_on, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for frame_id in range(1, count + 1):
        assert writer.write(np.full((8, 16, 3), frame_id & 0xFF, np.uint8), frame_id=frame_id)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in threads)
    finished.set()
    assert faults == []


def as_nobody(action) -> str:
    """Return what `action` returned or raised for a user without rights (in a child, which cannot regain them)."""

    def dropped():
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        return action()

    return in_forked_child(dropped)


def test_no_permission_for_the_directory(instance, tmp_path):
    tmp_path.chmod(0o500)
    try:
        said = as_nobody(lambda: ControlChannel(create=True, directory=tmp_path))
    finally:
        tmp_path.chmod(0o700)
    assert said.startswith("SHMError: ")
    assert "cannot" in said
    assert said.endswith("Permission denied")


def test_no_permission_for_the_segment(opened):
    writer = opened(ControlChannel, create=True)
    writer.write(**NEUTRAL)
    if os.geteuid():
        os.chmod(writer.path, 0)
    for action in (lambda: ControlChannel().read(), lambda: ControlChannel(create=True)):
        said = as_nobody(action)
        assert said == f"SHMError: {writer.path}: cannot open the segment: Permission denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_segment_of_another_user_is_refused(opened):
    writer = opened(ControlChannel, create=True)
    os.chown(writer.path, NOBODY, -1)
    try:
        with pytest.raises(SHMError, match=f"belongs to user {NOBODY}, not to 0"):
            opened(ControlChannel).read()
    finally:
        os.chown(writer.path, 0, -1)
