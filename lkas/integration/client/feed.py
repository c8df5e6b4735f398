"""One channel as a client sees it: its newest message, kept for as long as nothing newer comes, and how old it is."""

import time
from typing import Any, Generic, TypeVar

import msgspec

from lkas.integration.shared_memory.channel import Channel
from lkas.integration.shared_memory.messages import DetectionMessage, Message, TimelineMessage, TracksMessage

MessageT = TypeVar("MessageT", bound=Message)


class Feed(Generic[MessageT]):
    """Never waits. What it kept outlives its publisher; `age_s` and `is_fresh` say so."""

    def __init__(self, channel: Channel[MessageT], fresh_s: float) -> None:
        self._channel = channel
        self._fresh_s = fresh_s
        self._newest: MessageT | None = None
        self.received = 0

    def newest(self) -> MessageT | None:
        """The newest message there ever was, or None. Raises SHMError for a segment that can not be read."""
        message = self._channel.read()
        if message is not None:
            self._newest = message
            self.received += 1
        return self._newest

    def age_s(self, now_ns: int) -> float | None:
        """Since the exposure that the newest message belongs to, or where it has no such stamp, since its writing."""
        newest = self._newest
        return None if newest is None else (now_ns - (newest.capture_ns or newest.publish_ns)) / 1e9

    def is_fresh(self, now_ns: int) -> bool:
        """Whether the newest message is young; a stamp from the future counts as old."""
        age_s = self.age_s(now_ns)
        return age_s is not None and 0 <= age_s <= self._fresh_s

    def stamps(self, now_ns: int) -> dict[str, Any]:
        """What every dict begins with; None where there has not been a message yet."""
        newest = self._newest
        return {
            "frame_id": None if newest is None else newest.frame_id,
            "session": None if newest is None else newest.session,
            "timestamp": None if newest is None else newest.timestamp,
            "age_s": self.age_s(now_ns),
            "fresh": self.is_fresh(now_ns),
        }

    def stats(self) -> dict[str, Any]:
        """The channel's figures (ChannelStats) and this reader's own, after a look for news."""
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
    """The lines of a frame, left before right: the segment in the image, and the line on the ground if it is known."""
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
    """The lines that are followed, with the fields of Track."""
    return [] if message is None else list(msgspec.to_builtins(message.tracks))


def timelines_of(message: TimelineMessage | None) -> list[dict[str, Any]]:
    """The predictions: one, or none where its publisher knows no lane."""
    if message is None or not message.points:
        return []
    return [
        {
            "points": list(msgspec.to_builtins(message.points)),
            "ttlc_left_s": message.ttlc_left_s,
            "ttlc_right_s": message.ttlc_right_s,
        }
    ]
