"""Opening and closing in one process: roles, schemas, names and limits."""

import os

import numpy as np
import pytest

from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    ImageChannel,
    SHMConnectionError,
    SHMError,
    SHMSchemaError,
    SHMWriterExistsError,
)

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}


def image_of(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def camera(opened):
    return opened(ImageChannel, create=True, width=30, height=20, slots=4), opened(ImageChannel)


def test_a_second_writer_gets_the_pid_of_the_first(opened):

    writer = opened(ControlChannel, create=True)
    with pytest.raises(SHMWriterExistsError, match=f"process {os.getpid()} already writes") as caught:
        ControlChannel(create=True)
    assert caught.value.pid == os.getpid()
    writer.close()
    assert opened(ControlChannel, create=True).stats.generation == 2


def test_reading_another_message_names_both_schemas(opened):
    opened(ControlChannel, name="shared", create=True)
    reader = opened(DetectionChannel, name="shared")
    for _ in range(2):  # the error is raised at each call
        with pytest.raises(SHMSchemaError, match=r"holds ControlMessage .* this program reads DetectionMessage"):
            reader.read()


def test_a_reader_that_expects_another_size_gets_both_sizes(opened):
    opened(ImageChannel, create=True, width=30, height=20)
    with pytest.raises(SHMSchemaError, match=r"20 x 30 x 3 .* expects 20 x 31 x 0"):
        opened(ImageChannel, width=31, height=20).read()


def test_the_attach_timeout_names_the_creator_of_the_channel(instance):
    with pytest.raises(
        SHMConnectionError, match=r"camera_feed.*does not exist; it is created by `simulation`"
    ) as caught:
        ImageChannel(attach_timeout=0.05)
    assert isinstance(caught.value, ConnectionError)


def test_the_attach_timeout_needs_a_living_writer(opened):
    opened(ControlChannel, create=True).close()
    with pytest.raises(SHMConnectionError, match="no living writer"):
        ControlChannel(attach_timeout=0.05)


def test_closed_channels_raise(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.close()
    reader.close()
    reader.close()
    assert reader.closed
    for call in (reader.read, reader.latest, lambda: writer.write(**NEUTRAL)):
        with pytest.raises(SHMError, match="is closed"):
            call()


def test_each_role_has_its_methods(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    with pytest.raises(SHMError, match="opened for reading"):
        reader.write(**NEUTRAL)
    with pytest.raises(SHMError, match="opened for writing"):
        writer.read()


def test_unlink_by_a_reader_does_nothing(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    reader.read()
    reader.close()
    reader.unlink()
    writer.write(**NEUTRAL)
    assert opened(ControlChannel).read() is not None


@pytest.mark.parametrize("name", ["", "a.b", "../x", "a b", "x" * 65])
def test_names_that_are_no_file_names_are_refused(instance, name):
    with pytest.raises(ValueError, match="expected 1 to 64 letters"):
        ControlChannel(name=name)


@pytest.mark.parametrize("slots", [0, 1, 65])
def test_slots_have_limits(instance, slots):
    with pytest.raises(ValueError, match="slots must be from 2 to 64"):
        ControlChannel(create=True, slots=slots)


def test_more_readers_than_places_is_an_error_with_the_limit(opened):
    opened(ControlChannel, create=True)
    readers = [opened(ControlChannel) for _ in range(65)]
    for reader in readers[:64]:
        assert reader.read() is None
    with pytest.raises(SHMError, match="all 64 reader places are taken"):
        readers[64].read()
    readers[10].close()
    assert readers[64].read() is None
    assert readers[64].stats.attached
