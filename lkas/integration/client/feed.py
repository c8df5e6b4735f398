"""Keeps the newest message of a channel for a client, with its age."""

import time
from typing import Any, Generic, TypeVar

import msgspec

from lkas.integration.shared_memory.channel import Channel
from lkas.integration.shared_memory.messages import DetectionMessage, Message, TimelineMessage, TracksMessage

MessageT = TypeVar("MessageT", bound=Message)


class Feed(Generic[MessageT]):
    """Keeps the newest message, even after its publisher has ended, and knows its age. Never blocks."""

    def __init__(self, channel: Channel[MessageT], fresh_s: float) -> None:
        self._channel = channel
        self._fresh_s = fresh_s
        self._newest: MessageT | None = None
        self.received = 0

    def newest(self) -> MessageT | None:
        """Return the newest message, or None before the first. Raises SHMError for a segment that cannot be read."""
        message = self._channel.read()
        if message is not None:
            self._newest = message
            self.received += 1
        return self._newest

    def age_s(self, now_ns: int) -> float | None:
        """Return the time since the exposure of the newest message, or since its writing when it has no such stamp."""
        newest = self._newest
        return None if newest is None else (now_ns - (newest.capture_ns or newest.publish_ns)) / 1e9

    def is_fresh(self, now_ns: int) -> bool:
        """Return whether the newest message is fresh. One with a stamp in the future is not."""
        age_s = self.age_s(now_ns)
        return age_s is not None and 0 <= age_s <= self._fresh_s

    def stamps(self, now_ns: int) -> dict[str, Any]:
        """Return the fields that every dict starts with; None before the first message."""
        newest = self._newest
        return {
            "frame_id": None if newest is None else newest.frame_id,
            "session": None if newest is None else newest.session,
            "timestamp": None if newest is None else newest.timestamp,
            "age_s": self.age_s(now_ns),
            "fresh": self.is_fresh(now_ns),
        }

    def stats(self) -> dict[str, Any]:
        """Read the channel and return its statistics (ChannelStats) with those of this reader."""
        self.newest()
        now_ns = time.monotonic_ns()
        return {
            "received": self.received,
            "age_s": self.age_s(now_ns),
            "fresh": self.is_fresh(now_ns),
            **msgspec.structs.asdict(self._channel.stats),
        }

    def close(self) -> None:
        self._channel.close()


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
