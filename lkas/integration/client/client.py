"""Reads what a perception core publishes, as plain dicts. A core is a C program, or our detection and decision servers.

    client = LKASClient()
    detections = client.get_detections()    # {'frame_id': ..., 'timestamp': ..., 'detections': [...]}
    success = client.send_command('CONFIG_UPDATE', {'threshold': 0.7})
    client.close()

It attaches when a publisher starts, keeps the last data and their age when it ends, and continues with the next
publisher.
"""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from msgspec import Struct

from lkas.integration.client.any_channel import AnyChannels
from lkas.integration.client.commands import CommandSender
from lkas.integration.client.feed import Feed, detections_of, fields_of, timelines_of, tracks_of
from lkas.integration.client.status import StatusError, read_status, status_path
from lkas.integration.shared_memory import DetectionChannel, TimelineChannel, TracksChannel
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.shared_memory.messages import DetectionMessage, TimelineMessage, TracksMessage
from lkas.integration.zmq.messages import Value
from lkas.runtime.instance import instance_name

MessageT = TypeVar("MessageT", bound=Struct)

FRESH_S = 0.5  # detections and tracks: five periods at 10 Hz; decision ignores older ones as well
FRESH_TIMELINE_S = 2.5  # timelines: a publisher may write one a second
ACK_TIMEOUT_MS = 100.0


class LKASClient:
    """Reads the publisher of one instance. No getter blocks; each takes some microseconds.

    Threads may share a client, or have one each: all clients of a process read a channel through one reader. In the
    child of a fork a client continues with a separate reader. SHMSchemaError, which names both versions, is raised for
    a segment of another version; SHMError after close().
    """

    def __init__(self, instance: str | None = None) -> None:
        """`instance` names one of several stacks; default: LKAS_INSTANCE, else `default`. No publisher has to run."""
        instance = instance_name(instance)
        self._detections = Feed(DetectionMessage, DetectionChannel.default_name, instance, FRESH_S)
        self._tracks = Feed(TracksMessage, TracksChannel.default_name, instance, FRESH_S)
        self._timelines = Feed(TimelineMessage, TimelineChannel.default_name, instance, FRESH_TIMELINE_S)
        self._feeds: dict[str, Feed[Any]] = {
            "detections": self._detections,
            "tracks": self._tracks,
            "timelines": self._timelines,
        }
        self._channels = AnyChannels(instance)
        self._commands = CommandSender(instance)
        self._status_path = status_path(instance)

    def get_detections(self) -> dict[str, Any]:
        """Return the newest detection: {'frame_id', 'session', 'timestamp', 'age_s', 'fresh', 'processing_time_ms',
        'detections': [{'side', 'x1', 'y1', 'x2', 'y2', 'confidence', 'line'}, ...]}.

        The last one again when there is no new one; None and no lines before the first. `timestamp` is world time in s,
        `age_s` the time since the exposure. Units and signs: LaneMessage and LaneLine (messages.py).
        """
        message = self._detections.newest()
        return {
            **self._detections.stamps(message),
            "processing_time_ms": None if message is None else message.processing_time_ms,
            "detections": detections_of(message),
        }

    def get_tracks(self) -> dict[str, Any]:
        """Return the newest tracks: {..., 'tracks': [{'id', 'type', 'state', 'c0', ...}, ...]}, as Track."""
        message = self._tracks.newest()
        return {**self._tracks.stamps(message), "tracks": tracks_of(message)}

    def get_timelines(self) -> dict[str, Any]:
        """Return the newest prediction: {..., 'timelines': [{'points': [...], 'ttlc_left_s', 'ttlc_right_s'}]}.

        The points are as TimelinePoint. The list is empty when the publisher knows no lane.
        """
        message = self._timelines.newest()
        return {**self._timelines.stamps(message), "timelines": timelines_of(message)}

    @overload
    def get(self, name: str, message_type: None = None) -> dict[str, Any] | None: ...

    @overload
    def get(self, name: str, message_type: type[MessageT]) -> MessageT | None: ...

    def get(self, name: str, message_type: type[MessageT] | None = None) -> dict[str, Any] | MessageT | None:
        """Return the newest message of any channel of this instance; None before the first.

        With its struct the message itself; without, a dict of its fields and its `age_s`. The messages of lkas are
        known by their name; the struct of any other one must have been given before (SHMSchemaError). All threads get
        the same object, an image read-only. ValueError for a name that is no file name, TypeError for a struct that
        cannot be in a channel.
        """
        message = self._channels.newest(name, message_type)
        return message if message is None or message_type is not None else fields_of(message)

    def get_stats(self) -> dict[str, Any]:
        """Return counts: for 'detections', 'tracks' and 'timelines' those of ChannelStats with 'received', 'age_s' and
        'fresh', counted by this process; for 'commands' sent, acknowledged, refused and unanswered, counted by this
        client. 'core' has the numbers that the publisher reports about itself, as of its last status file."""
        stats: dict[str, Any] = {name: feed.stats() for name, feed in self._feeds.items()}
        stats["commands"] = self._commands.counts()
        try:
            stats["core"] = read_status(self._status_path).stats
        except StatusError:
            stats["core"] = {}
        return stats

    def get_status(self) -> dict[str, Any]:
        """Return the publisher's status file: 'name', 'pid', 'state', 'age_s', 'fresh', 'uptime_s', 'versions'.

        All are None when the file cannot be read, with the reason in 'problem'. 'state' is 'silent' when the heartbeat
        is old, unless the publisher has reported that it stopped.
        """
        try:
            status = read_status(self._status_path)
        except StatusError as error:
            unknown = dict.fromkeys(("name", "pid", "state", "age_s", "uptime_s", "versions"))
            return {**unknown, "fresh": False, "problem": str(error)}
        now_ns = time.monotonic_ns()  # after reading: the heartbeat may have been written just before
        is_fresh = status.is_fresh(now_ns)
        return {
            "name": status.name,
            "pid": status.pid,
            "state": status.state if is_fresh or status.state == "stopped" else "silent",
            "age_s": status.age_s(now_ns),
            "uptime_s": (status.heartbeat_ns - status.started_ns) / 1e9,
            "versions": status.versions,
            "fresh": is_fresh and status.state != "stopped",
            "problem": None,
        }

    def send_command(
        self, name: str, params: Mapping[str, Value] | None = None, timeout: float = ACK_TIMEOUT_MS
    ) -> bool:
        """Send a command and return whether the publisher acknowledged it within the timeout (ms).

        False, with the reason as a warning in the log: no publisher receives commands, or none answered in time (it may
        still execute the command). CommandRefusedError: the publisher refused, with its reason. ValueError: not a name
        of 1 to 64 characters with plain values.
        """
        return self._commands.send(name, params or {}, timeout)

    def health_check(self) -> dict[str, Any]:
        """Return the health of the publisher. Raises nothing.

        'healthy' is True when the other four are: 'shm_accessible' (all three channels can be read), 'publisher_alive'
        (a running process writes each of them), 'data_fresh' (each has fresh data) and 'status_fresh' (the status file
        is fresh). 'problems' lists what is wrong.
        """
        problems: list[str] = []
        found = {"shm_accessible": True, "publisher_alive": True, "data_fresh": True}
        for name, feed in self._feeds.items():
            for text, keys in _problems(feed):
                problems.append(f"{name}: {text}")
                found.update(dict.fromkeys(keys, False))
        status = self.get_status()
        found["status_fresh"] = status["fresh"]
        if not status["fresh"]:
            problems.append(status["problem"] or f"status: {status['state']}, {status['age_s']:.1f} s old")
        return {"healthy": all(found.values()), **found, "problems": problems}

    def close(self) -> None:
        """Close all channels. May be called twice."""
        for feed in self._feeds.values():
            feed.close()
        self._channels.close()
        self._commands.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _problems(feed: Feed[Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the problems of one channel, each with the keys of health_check() that it makes False."""
    all_keys = "shm_accessible", "publisher_alive", "data_fresh"
    try:
        stats = feed.stats()
    except SHMError as error:
        return [(str(error), all_keys)]
    if not stats["attached"]:
        return [("there is no channel", all_keys)]
    found: list[tuple[str, tuple[str, ...]]] = []
    if stats["writer_pid"] is None:
        found.append(("no process writes it", ("publisher_alive",)))
    if not stats["fresh"]:
        age_s = stats["age_s"]
        found.append(("no message yet" if age_s is None else f"{age_s:.1f} s old", ("data_fresh",)))
    return found
