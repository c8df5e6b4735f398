"""Where segments live, and what `lkas doctor` learns of them."""

import os
import stat
from pathlib import Path

import pytest

from lkas.integration.shared_memory import (
    ControlChannel,
    ImageChannel,
    SHMError,
    _core,
    list_segments,
    remove_stale,
)
from lkas.integration.shared_memory.segment import segment_path

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
# Where the header keeps it (see lkas_channel.h).
LAYOUT_VERSION_OFFSET, BOOT_ID_OFFSET = 4, 64


def patch(path: str, offset: int, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


def test_name_and_mode_of_the_file(opened, instance, tmp_path):
    channel = opened(ControlChannel, create=True, directory=tmp_path)
    assert channel.path == f"{tmp_path}/lkas.{os.getuid()}.{instance}.vehicle_control"
    assert stat.S_IMODE(os.stat(channel.path).st_mode) == 0o600
    assert os.listdir(tmp_path) == [os.path.basename(channel.path)]  # no temporary file is left


def test_the_instance_is_given_or_of_the_environment_or_default(monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", "left")
    assert segment_path("x").endswith(".left.x")
    assert segment_path("x", "right").endswith(".right.x")
    monkeypatch.delenv("LKAS_INSTANCE")
    assert segment_path("x") == f"/dev/shm/lkas.{os.getuid()}.default.x"
    with pytest.raises(ValueError, match="instance 'a/b'"):
        segment_path("x", "a/b")


def test_instances_are_separate(opened, instance):
    opened(ControlChannel, create=True).write(**NEUTRAL)
    assert ControlChannel(instance=f"{instance}-other").read() is None


def test_any_directory_backs_a_channel(opened, tmp_path):
    writer = opened(ControlChannel, create=True, directory=tmp_path)
    writer.write(**NEUTRAL, frame_id=5)
    assert opened(ControlChannel, directory=tmp_path).read().frame_id == 5
    assert [info.name for info in list_segments(tmp_path)] == ["vehicle_control"]


def test_a_directory_that_is_not_there_is_an_error(instance, tmp_path):
    with pytest.raises(SHMError, match="cannot create the segment"):
        ControlChannel(create=True, directory=tmp_path / "nowhere")


def test_a_living_segment_is_listed_with_its_state(opened, instance):
    writer = opened(ImageChannel, create=True, width=8, height=4)
    (info,) = list_segments(instance=instance)
    assert (info.name, info.instance, info.path) == ("camera_feed", instance, writer.path)
    assert (info.record_type, info.size_bytes) == ("ImageMessage", os.stat(writer.path).st_size)
    assert (info.writer_pid, info.readers, info.age_s, info.sequence) == (os.getpid(), 0, None, 0)
    assert info.stale is None
    readers = [opened(ImageChannel) for _ in range(3)]
    for reader in readers:
        reader.read()
    readers[1].close()
    with writer.loan():
        pass
    (info,) = list_segments(instance=instance)
    assert (info.readers, info.sequence, info.drops, info.generation) == (2, 1, 0, 1)
    assert info.age_s is not None
    assert info.age_s >= 0.0
    assert remove_stale(instance=instance) == []


def test_a_segment_with_only_readers_is_not_stale(opened, instance):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    reader.read()
    writer.close()
    (info,) = list_segments(instance=instance)
    assert (info.writer_pid, info.readers, info.stale) == (None, 1, None)
    assert remove_stale(instance=instance) == []
    reader.close()
    (removed,) = remove_stale(instance=instance)
    assert removed.stale == f"its writer (process {os.getpid()}) has ended and no process reads it"


def test_listing_does_not_disturb(opened, instance):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    for sequence in range(1, 20):
        writer.write(**NEUTRAL)
        list_segments(instance=instance)
        assert reader.read().sequence == sequence
    assert opened(ControlChannel).latest().sequence == 19


@pytest.mark.parametrize("content", [b"", b"LRNG", b"LBLL", b"not a channel" * 1000])
def test_a_file_removed_during_the_listing_is_left_out(instance, monkeypatch, content):
    path = Path(segment_path("vehicle_control-sub-0123456789abcdef"))
    path.write_bytes(content)
    look = _core.inspect

    def look_and_lose(its_path):
        state = look(its_path)
        Path(its_path).unlink(missing_ok=True)
        return state

    monkeypatch.setattr(_core, "inspect", look_and_lose)
    assert list_segments(instance=instance) == []


def test_a_segment_of_another_boot_is_stale_for_all(opened, instance):
    first = opened(ControlChannel, create=True)
    first.write(**NEUTRAL)
    first.close()
    patch(first.path, BOOT_ID_OFFSET, b"another boot! 16")
    (info,) = list_segments(instance=instance)
    assert (info.stale, info.age_s) == ("left from before the last boot", None)
    assert opened(ControlChannel).latest() is None
    second = opened(ControlChannel, create=True)
    assert (second.stats.generation, second.stats.sequence) == (1, 0)
    second.close()
    patch(first.path, BOOT_ID_OFFSET, b"another boot! 16")
    assert [info.name for info in remove_stale(instance=instance)] == ["vehicle_control"]


def test_another_layout_version_is_named_by_readers_and_replaced_by_writers(opened, instance):
    first = opened(ControlChannel, create=True)
    first.close()
    patch(first.path, LAYOUT_VERSION_OFFSET, b"\x07")
    with pytest.raises(SHMError, match="channel layout 7, this program knows 1"):
        opened(ControlChannel).read()
    assert opened(ControlChannel, create=True).write(**NEUTRAL)


@pytest.mark.parametrize("content", [b"", b"not a channel", b"x" * 10000])
def test_a_file_that_is_no_channel_is_named_and_removable(opened, instance, content):
    path = Path(segment_path("vehicle_control"))
    path.write_bytes(content)
    try:
        with pytest.raises(SHMError, match=r"vehicle_control: not a channel.*remove it"):
            opened(ControlChannel).read()
        (info,) = list_segments(instance=instance)
        assert info.stale is not None
        assert "not a channel" in info.stale
        assert len(remove_stale(instance=instance)) == 1
    finally:
        path.unlink(missing_ok=True)


def test_a_segment_cut_short_is_refused(opened, instance):
    first = opened(ControlChannel, create=True)
    first.close()
    os.truncate(first.path, os.stat(first.path).st_size - 64)
    with pytest.raises(SHMError, match="its header says"):
        opened(ControlChannel).read()


def test_files_of_an_interrupted_creator_are_listed_and_removed(instance):
    path = Path(segment_path("vehicle_control") + ".new-123-0")
    path.write_bytes(b"\0" * 10000)
    (info,) = list_segments(instance=instance)
    assert info.size_bytes == 10000
    assert (info.name, info.stale) == ("vehicle_control", "its creator died before it was complete")
    assert len(remove_stale(instance=instance)) == 1


def test_a_late_unlink_keeps_the_segment_of_the_next_writer(opened, instance):
    first = opened(ControlChannel, create=True)
    first.close()
    heir = opened(ControlChannel, create=True)
    first.unlink()
    heir.write(**NEUTRAL)
    assert opened(ControlChannel).read() is not None
    heir.close()
    replacing = opened(ControlChannel, create=True, slots=3)
    first.unlink()
    heir.unlink()
    assert os.path.exists(replacing.path)
