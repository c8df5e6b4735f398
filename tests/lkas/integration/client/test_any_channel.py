"""LKASClient.get(): any channel by its name."""

from typing import Annotated

import numpy as np
import pytest
from msgspec import Meta, Struct

from lkas.integration.client import LKASClient
from lkas.integration.shared_memory import (
    ControlChannel,
    ImageChannel,
    MessageChannel,
    SHMError,
    SHMSchemaError,
    list_segments,
)
from lkas.integration.shared_memory.messages import ControlMode, Message


class Wheels(Message, frozen=True, kw_only=True):
    speeds_mps: Annotated[tuple[float, ...], Meta(max_length=4)] = ()
    raw: Annotated[bytes, Meta(extra={"bytes": 8})] = b""


class Bare(Struct, frozen=True):
    flag: bool
    level: int = 0


@pytest.fixture
def opened(instance):
    """`opened(kind, ...)`: a writer, removed at the end."""
    channels = []

    def open_channel(kind, *args, **options):
        channels.append(kind(*args, create=True, **options))
        return channels[-1]

    yield open_channel
    for channel in channels:
        channel.unlink()
        channel.close()


def test_a_message_of_lkas_is_a_dict(client, opened):
    assert client.get("vehicle_control") is None  # no channel yet
    control = opened(ControlChannel)
    assert client.get("vehicle_control") is None  # no message yet
    control.write(steering=0.25, throttle=0.1, brake=0.0, mode=ControlMode.HOLD, frame_id=3, state_reason="why")
    found = client.get("vehicle_control")
    assert (found["steering"], found["mode"], found["frame_id"], found["state_reason"]) == (0.25, "hold", 3, "why")
    assert found["lateral_offset"] is None
    assert 0 <= found["age_s"] < 600
    assert client.get("vehicle_control")["frame_id"] == 3  # the last one again


def test_a_custom_message_is_typed_once_its_struct_is_given(client, opened, instance):
    wheels = opened(MessageChannel, Wheels, "wheels")
    wheels.write(Wheels(speeds_mps=(8.0, 8.5), raw=b"ab", frame_id=1))
    with pytest.raises(SHMSchemaError, match=r"channel 'wheels' holds Wheels.*get\('wheels', Wheels\)"):
        client.get("wheels")
    message = client.get("wheels", Wheels)
    assert isinstance(message, Wheels)
    assert (message.speeds_mps, message.raw, message.frame_id) == ((8.0, 8.5), b"ab", 1)
    found = client.get("wheels")  # known from now on
    assert (list(found["speeds_mps"]), found["raw"], found["frame_id"]) == ([8.0, 8.5], b"ab", 1)
    assert {s.name: s.readers for s in list_segments(instance=instance)} == {"wheels": 1}


def test_a_struct_without_stamps(client, opened):
    bare = opened(MessageChannel, Bare, "bare")
    bare.write(Bare(flag=True, level=-5))
    assert client.get("bare", Bare) == Bare(flag=True, level=-5)
    assert client.get("bare") == {"flag": True, "level": -5}


def test_an_image_is_shared_and_read_only(client, opened):
    camera = opened(ImageChannel, width=4, height=2)
    camera.write(np.full((2, 4, 3), 7, np.uint8), frame_id=1)
    found = client.get("camera_feed")
    assert (found["image"].shape, found["image"].max(), found["frame_id"]) == ((2, 4, 3), 7, 1)
    with pytest.raises(ValueError, match="read-only"):
        found["image"][0, 0, 0] = 1
    for frame_id in range(2, 6):  # what was returned stays as it is
        camera.write(np.full((2, 4, 3), frame_id, np.uint8), frame_id=frame_id)
        assert client.get("camera_feed")["image"].max() == frame_id
    assert found["image"].max() == 7


def test_the_wrong_struct_is_named(client, opened):
    bare = opened(MessageChannel, Bare, "bare")
    bare.write(Bare(flag=True))
    with pytest.raises(SHMSchemaError, match=r"holds Bare.*reads Wheels"):
        client.get("bare", Wheels)


def test_what_cannot_be_a_channel(client):
    with pytest.raises(ValueError, match="channel name 'a/b'"):
        client.get("a/b")

    class Bad(Struct):
        text: str

    with pytest.raises(TypeError, match=r"Bad.text: text needs a capacity"):
        client.get("bad", Bad)
    client.close()
    with pytest.raises(SHMError, match="closed"):
        client.get("bare", Bare)
    with LKASClient() as other:
        assert other.get("bare", Bare) is None
