"""Several processes that start, die and restart in any order."""

import gc
import os
import signal
import threading

import numpy as np
import pytest

from lkas.integration.shared_memory import (
    ControlChannel,
    ImageChannel,
    SHMError,
    list_segments,
    remove_stale,
)
from tests.lkas.integration.shared_memory.roles import HEIGHT, WIDTH

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
PATIENCE_S = 120.0


def frame(value: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


def test_reader_comes_first_and_follows_three_writers(peer):
    """One that leaves its segment, one that is killed, one that unlinks and is followed by a new segment."""
    reader = peer("read_controls")
    assert reader.line() == "ready"
    leaves = peer("write_one_control", frame_id=1)
    assert reader.line() == "1"
    leaves.release()
    assert leaves.wait() == 0
    killed = peer("write_one_control", frame_id=2)
    assert reader.line() == "2"
    killed.kill()
    unlinks = peer("write_one_control", frame_id=3, unlink=True)
    assert reader.line() == "3"
    unlinks.release()
    assert unlinks.wait() == 0
    assert list_segments(instance=os.environ["LKAS_INSTANCE"]) == []
    peer("write_one_control", frame_id=4)
    assert reader.line() == "4"


def test_second_writer_in_another_process_is_refused_until_the_first_is_dead(peer, opened):
    first = peer("write_one_control", frame_id=1)
    assert first.line() == "written"
    assert peer("open_second_writer").line() == str(first.pid)
    first.kill()
    heir = opened(ControlChannel, create=True)
    assert (heir.stats.generation, heir.stats.sequence, heir.stats.writer_pid) == (2, 1, os.getpid())


def test_writer_killed_while_writing_leaves_the_last_whole_frame(peer, opened):
    reader = opened(ImageChannel)
    writer = peer("die_mid_write")
    assert writer.line() == "half-way"
    writer.kill()
    message = reader.read()
    assert message.frame_id == 1
    assert (message.image == 1).all()
    assert reader.read() is None


def test_same_shape_is_adopted_and_the_sequence_continues(peer, opened):
    reader = opened(ImageChannel)
    writer = peer("die_mid_write")
    assert writer.line() == "half-way"
    with reader.view() as kept:
        writer.kill()
        heir = opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT)
        for value in range(10, 30):
            assert heir.write(frame(value), frame_id=value)
        assert (kept.image == 1).all()  # pinned while its writer dies and the next one writes frames
    message = reader.read()
    assert (message.frame_id, message.sequence) == (29, 21)
    assert (message.image == 29).all()
    assert (reader.stats.generation, reader.stats.restarts) == (2, 1)


def test_another_shape_replaces_the_segment_and_readers_move_on(peer, opened):
    reader = opened(ImageChannel)
    writer = peer("die_mid_write")
    assert writer.line() == "half-way"
    with reader.view() as kept:
        writer.kill()
        heir = opened(ImageChannel, create=True, width=40, height=30)
        assert heir.write(np.full((30, 40, 3), 5, np.uint8))
        assert (kept.image == 1).all()
        message = reader.read(timeout=PATIENCE_S)
        assert message.image.shape == (30, 40, 3)
        assert message.sequence == 2
        assert (kept.image == 1).all()
    assert (reader.stats.generation, reader.stats.restarts) == (2, 1)
    assert len(list_segments(instance=reader.instance)) == 1


def test_replacing_wakes_a_sleeping_reader(opened):
    reader = opened(ControlChannel)
    first = opened(ControlChannel, create=True)
    first.write(**NEUTRAL)
    reader.read()
    received = []
    thread = threading.Thread(target=lambda: received.append(reader.read(timeout=PATIENCE_S)))
    thread.start()
    first.close()
    heir = opened(ControlChannel, create=True, slots=4)
    heir.write(**NEUTRAL, frame_id=8)
    thread.join(PATIENCE_S)
    assert [message.frame_id for message in received] == [8]


def test_pins_of_dead_readers_are_cleared_when_slots_run_out(peer, opened):
    writer = opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT, slots=3)
    holder = peer("hold_views", count=2)
    for value in (1, 2):
        assert writer.write(frame(value))
        assert holder.line() == "holding"
    assert writer.write(frame(3))
    assert not writer.write(frame(4))  # a living reader's pins are respected
    holder.kill()
    assert writer.write(frame(5))
    assert writer.stats.drops == 1
    assert [info.readers for info in list_segments(instance=writer.instance)] == [0]


def test_pins_of_living_readers_stay(peer, opened):
    writer = opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT, slots=3)
    writer.write(frame(1))
    holder = peer("hold_views")
    assert holder.line() == "holding"
    writer.write(frame(2))
    reader = opened(ImageChannel)
    with reader.view() as message:
        writer.write(frame(3))
        holder.kill()
        for value in range(4, 20):
            assert writer.write(frame(value))
        assert (message.image == 2).all()


@pytest.mark.parametrize("size", [{"width": 60000, "height": 60000, "slots": 64}])
def test_a_segment_that_does_not_fit_is_an_error_with_both_sizes(instance, size):
    with pytest.raises(SHMError, match=r"no room for the segment: needs \d+ bytes, free are \d+"):
        ImageChannel(create=True, **size)


def test_a_segment_above_the_file_size_limit_is_an_error(instance):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SHMError, match="no room for the segment"):
            ImageChannel(create=True, width=800, height=600)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def in_forked_child(action) -> str:
    """Return what `action` returned or raised in a child of a fork."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = str(action())
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        os.write(send, text.encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


def test_after_a_fork_the_childs_channels_are_invalid(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.write(**NEUTRAL)
    for call in (lambda: writer.write(**NEUTRAL), reader.read, reader.latest, writer.unlink):
        assert in_forked_child(call).startswith("SHMError: ")
    assert in_forked_child(lambda: opened(ControlChannel).read().sequence) == "1"  # a new one works
    assert writer.write(**NEUTRAL)
    assert reader.read().sequence == 2


def test_a_forked_child_that_closes_and_dies_changes_nothing(opened):
    writer = opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT, slots=3)
    reader = opened(ImageChannel)
    writer.write(frame(1))
    view = reader.view()
    message = view.__enter__()

    def end_everything():
        view.__exit__(None, None, None)
        reader.close()
        writer.close()
        return bool((message.image == 1).all())

    assert in_forked_child(end_everything) == "True"
    for value in range(2, 10):
        assert writer.write(frame(value))
    assert (message.image == 1).all()
    assert writer.stats.writer_pid == os.getpid()
    view.__exit__(None, None, None)


def test_a_forked_child_does_not_keep_its_parents_lock(opened, instance):
    first = ControlChannel(create=True)
    release, hold = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hold)
        os.read(release, 1)  # outlives the parent's channel
        os._exit(0)
    first.close()
    opened(ControlChannel, create=True)
    os.close(hold)
    os.close(release)
    os.waitpid(pid, 0)


def test_a_forked_child_does_not_keep_its_killed_parents_lock(peer, opened):
    parent = peer("write_and_fork")
    child = int(parent.line())
    parent.kill()
    try:
        opened(ControlChannel, create=True)
        os.kill(child, 0)  # it still runs
    finally:
        os.kill(child, signal.SIGKILL)


def test_dropping_a_channel_without_closing_it_frees_its_lock(opened):
    ControlChannel(create=True)
    gc.collect()
    opened(ControlChannel, create=True)


def test_doctor_removes_what_a_killed_pipeline_left(peer, instance):
    control, image = peer("write_one_control", frame_id=1), peer("die_mid_write")
    assert (control.line(), image.line()) == ("written", "half-way")
    assert remove_stale(instance=instance) == []
    control.kill()
    image.signal(signal.SIGKILL)
    image.wait()
    assert {info.name for info in remove_stale(instance=instance)} == {"vehicle_control", "camera_feed"}
    assert list_segments(instance=instance) == []
