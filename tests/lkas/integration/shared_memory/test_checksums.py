"""Channels with a CRC: messages that changed in the file are skipped and counted."""

import mmap
import os
import struct
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkas.integration.shared_memory import ControlChannel, ImageChannel, list_segments
from lkas.integration.shared_memory.layout import record_of
from lkas.integration.shared_memory.messages import ControlMessage, ImageMessage
from tests.lkas.integration.shared_memory.test_round_trips import QUIET

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
# See lkas_channel.h: the control area, a slot's header and the CRCs in it, of the record and of the pixels.
CONTROL_BYTES, SLOT_HEADER_BYTES, CRC_OFFSET = 8192, 64, 16
HEIGHT, WIDTH = 5, 7
PATIENCE_S = 120.0


def flip(path: str, offset: int, bit: int = 0) -> None:
    """Flip one bit of the first slot, counted from its record, as a damaged disk would."""
    with open(path, "r+b") as file:
        file.seek(CONTROL_BYTES + SLOT_HEADER_BYTES + offset)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1 << bit]))


def picture(value: int = 7) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, np.uint8)


@pytest.fixture
def control(opened):
    return opened(ControlChannel, create=True, checksum=True), opened(ControlChannel)


@pytest.fixture
def camera(opened):
    return opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT, checksum=True), opened(ImageChannel)


def test_checksums_are_the_crcs_of_zlib(camera):
    writer, _ = camera
    image = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    writer.write(image, frame_id=3)
    with open(writer.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as segment:
        record_begin = CONTROL_BYTES + SLOT_HEADER_BYTES
        record = segment[record_begin : record_begin + record_of(ImageMessage).size]
        stored = struct.unpack_from("<II", segment, CONTROL_BYTES + CRC_OFFSET)
    assert stored == (zlib.crc32(record), zlib.crc32(image))


@pytest.mark.parametrize("offset", [0, 8, record_of(ControlMessage).size - 1])
def test_a_changed_record_is_skipped_counted_once_and_the_next_one_read(control, opened, offset):
    writer, reader = control
    writer.write(**NEUTRAL, frame_id=1)
    flip(writer.path, offset)
    other = opened(ControlChannel)
    for _ in range(3):
        assert reader.latest() is None
        assert reader.read() is None
    assert reader.stats.corrupt == 1
    assert other.stats.corrupt == 0
    assert other.read() is None
    assert writer.stats.corrupt == 2  # counted by all its readers
    writer.write(**NEUTRAL, frame_id=2)
    assert reader.read().frame_id == 2
    assert reader.stats.corrupt == 1
    (info,) = list_segments(instance=writer.instance)
    assert (info.has_checksum, info.corrupt) == (True, 2)


@pytest.mark.parametrize("offset", [0, 64, 64 + HEIGHT * WIDTH * 3 - 1])
def test_a_changed_frame_is_neither_viewed_nor_copied(camera, offset):  # pixels begin at 64
    writer, reader = camera
    writer.write(picture(), frame_id=1)
    flip(writer.path, offset, bit=7)
    with reader.view() as message:
        assert message is None
    assert reader.read() is None
    assert reader.latest() is None
    assert reader.stats.corrupt == 1
    for value in range(2, 12):  # its slot is used again
        assert writer.write(picture(value), frame_id=value)
        with reader.view() as message:
            assert (message.image == value).all()
    assert writer.stats.corrupt == 1


def test_without_a_checksum_the_same_change_goes_unnoticed(opened):
    writer, reader = opened(ImageChannel, create=True, width=WIDTH, height=HEIGHT), opened(ImageChannel)
    writer.write(picture())
    flip(writer.path, SLOT_HEADER_BYTES)
    assert (reader.read().image != 7).sum() == 1
    assert reader.stats.corrupt == 0


def test_a_loan_carries_a_checksum_too(camera):
    writer, reader = camera
    with writer.loan(frame_id=4) as image:
        image[:] = 3
    assert (reader.read().image == 3).all()
    flip(writer.path, SLOT_HEADER_BYTES)
    assert reader.latest() is None


def test_a_wait_continues_after_a_corrupt_message(control):
    writer, reader = control
    writer.write(**NEUTRAL, frame_id=1)
    flip(writer.path, 0)
    received = []
    thread = threading.Thread(target=lambda: received.append(reader.read(timeout=PATIENCE_S)))
    thread.start()
    writer.write(**NEUTRAL, frame_id=2)
    thread.join(PATIENCE_S)
    assert [message.frame_id for message in received] == [2]


def test_a_file_on_disk_that_was_changed_between_two_writers(opened, tmp_path):
    """Written, damaged, adopted by the next writer: the old message is refused, the next one is accepted."""
    first = opened(ControlChannel, create=True, directory=tmp_path, checksum=True)
    first.write(**NEUTRAL, frame_id=1)
    first.close()
    flip(first.path, 24)
    heir = opened(ControlChannel, create=True, directory=tmp_path, checksum=True)
    reader = opened(ControlChannel, directory=tmp_path)
    assert reader.latest() is None
    heir.write(**NEUTRAL, frame_id=2)
    assert (reader.read().frame_id, reader.stats.corrupt, reader.stats.generation) == (2, 1, 2)


def test_a_writer_without_checksums_replaces_a_segment_with_them(opened):
    first, reader = opened(ControlChannel, create=True, checksum=True), opened(ControlChannel)
    first.write(**NEUTRAL)
    reader.read()
    first.close()
    heir = opened(ControlChannel, create=True)
    heir.write(**NEUTRAL, frame_id=9)
    assert reader.read(timeout=PATIENCE_S).frame_id == 9
    assert [info.has_checksum for info in list_segments(instance=heir.instance)] == [False]


@given(offset=st.integers(0, record_of(ControlMessage).size - 1), bit=st.integers(0, 7), reason=st.text(max_size=20))
@settings(max_examples=60, suppress_health_check=QUIET)
def test_no_flipped_bit_is_accepted(control, offset, bit, reason):
    writer, reader = control
    writer.write(**NEUTRAL, state_reason=reason)
    assert reader.read().state_reason == reason
    writer.write(**NEUTRAL, state_reason=reason)  # back in the first slot at every other message
    writer.write(**NEUTRAL, state_reason=reason)
    flip(writer.path, offset, bit)
    before = reader.stats.corrupt
    assert (reader.read() is None) == (reader.stats.corrupt == before + 1)
    assert reader.stats.corrupt == before + (writer.stats.sequence % 2)
