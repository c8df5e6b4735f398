"""What one client reads of a channel: the newest message with its age, as plain dicts."""

import time
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from lkas.integration.client.readers import release, shared_reader
from lkas.integration.shared_memory.channel import MessageChannel
from lkas.integration.shared_memory.errors import SHMConnectionError
from lkas.integration.shared_memory.messages import (
    DetectionMessage,
    ImageMessage,
    Message,
    TimelineMessage,
    TracksMessage,
)
from lkas.integration.shared_memory.segment import segment_path

MessageT = TypeVar("MessageT", bound=Struct)


class Feed(Generic[MessageT]):
    """The newest message of a channel, even after its publisher has ended, and its age. Never blocks.

    Threads may share it. The reader behind it is that of the process (readers.py).
    """

    def __init__(self, message_type: type[MessageT], name: str, instance: str, fresh_s: float = 0.0) -> None:
        """`fresh_s`: a message is fresh for so long. ValueError for a name that is no file name."""
        self.message_type = message_type
        self._name = name
        self._fresh_s = fresh_s
        self._is_closed = False
        self._reader = shared_reader(
            message_type, segment_path(name, instance), lambda: MessageChannel(message_type, name, instance=instance)
        )

    def newest(self) -> MessageT | None:
        """Return the newest message, or None before the first. Raises SHMError for a segment that cannot be read."""
        self._check_open()
        return self._reader.newest()

    def stamps(self, message: Message | None) -> dict[str, Any]:
        """Return the fields that every dict starts with; None before the first message."""
        age_s = age_of(message, time.monotonic_ns())
        return {
            "frame_id": None if message is None else message.frame_id,
            "session": None if message is None else message.session,
            "timestamp": None if message is None else message.timestamp,
            "age_s": age_s,
            "fresh": self._is_fresh(age_s),
        }

    def stats(self) -> dict[str, Any]:
        """Read the channel and return its statistics (ChannelStats) with those of this process's reader."""
        self._check_open()
        message, received, stats = self._reader.read()
        age_s = age_of(message, time.monotonic_ns())
        return {
            "received": received,
            "age_s": age_s,
            "fresh": self._is_fresh(age_s),
            **msgspec.structs.asdict(stats),
        }

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            release(self._reader)

    def _is_fresh(self, age_s: float | None) -> bool:
        """A message with a stamp in the future is not fresh."""
        return age_s is not None and 0 <= age_s <= self._fresh_s

    def _check_open(self) -> None:
        if self._is_closed:
            raise SHMConnectionError(f"channel {self._name!r}: the client is closed")


def age_of(message: Struct | None, now_ns: int) -> float | None:
    """Return the time in s since the exposure, or since the writing of a message without that stamp; None: unknown."""
    if not isinstance(message, Message):
        return None
    return (now_ns - (message.capture_ns or message.publish_ns)) / 1e9


def fields_of(message: Struct) -> dict[str, Any]:
    """Return a message as a dict of plain values with its `age_s`; an image stays an array, shared and read-only."""
    fields = {} if not isinstance(message, Message) else {"age_s": age_of(message, time.monotonic_ns())}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(message, ImageMessage) and name == "image":
            value.flags.writeable = False
            fields[name] = value
        else:
            fields[name] = msgspec.to_builtins(value, builtin_types=(bytes,))
    return fields


def detections_of(message: DetectionMessage | None) -> list[dict[str, Any]]:
    """Return the lines of a frame, left before right: the segment in the image, and the line on the ground if known."""
    if message is None:
        return []
    model = message.lane_model
    lines = (("left", message.left_lane, model and model.left), ("right", message.right_lane, model and model.right))
    return [
        {"side": side, **msgspec.to_builtins(lane), "line": msgspec.to_builtins(line)}
        for side, lane, line in lines
        if lane is not None
    ]


def tracks_of(message: TracksMessage | None) -> list[dict[str, Any]]:
    """Return the tracked lines, with the fields of Track."""
    return [] if message is None else list(msgspec.to_builtins(message.tracks))


def timelines_of(message: TimelineMessage | None) -> list[dict[str, Any]]:
    """Return a list of one prediction, or an empty list when the publisher knows no lane."""
    if message is None or not message.points:
        return []
    return [
        {
            "points": list(msgspec.to_builtins(message.points)),
            "ttlc_left_s": message.ttlc_left_s,
            "ttlc_right_s": message.ttlc_right_s,
        }
    ]
