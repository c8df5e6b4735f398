"""One reader per process and channel, shared by all clients of the process, whichever threads they run in.

A segment has 64 places for readers. A web server with a client per request would use them up; with shared readers it
uses one per channel. The child of a fork gets readers of its own when it first reads.
"""

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from lkas.integration.shared_memory.channel import Channel, ChannelStats

MessageT = TypeVar("MessageT", bound=Struct)


class SharedReader(Generic[MessageT]):
    """The newest message of a channel, for any number of users in any thread. Never waits for a message."""

    def __init__(self, key: Hashable, open_channel: Callable[[], Channel[MessageT]]) -> None:
        self.key = key
        self.users = 0
        self._open = open_channel
        self._lock = threading.Lock()
        self._channel = open_channel()
        self._newest: MessageT | None = None
        self._received = 0

    def newest(self) -> MessageT | None:
        """Return the newest message, or None before the first. Raises SHMError for a segment that cannot be read."""
        with self._lock:
            return self._read()

    def read(self) -> tuple[MessageT | None, int, ChannelStats]:
        """Return the newest message, the number of messages received by this process, and the channel's statistics."""
        with self._lock:
            newest = self._read()
            return newest, self._received, self._channel.stats

    def close(self) -> None:
        with self._lock:
            self._channel.close()

    def reopen(self) -> None:
        """In the child of a fork: leave the parent's reader, whose lock another thread may have held, for a new one."""
        self._lock = threading.Lock()
        self._channel = self._open()

    def _read(self) -> MessageT | None:
        message = self._channel.read()
        if message is not None:
            self._newest = message
            self._received += 1
        return self._newest


_lock = threading.Lock()
_readers: dict[Hashable, SharedReader[Any]] = {}


def shared_reader(message_type: type[Struct], path: str, open_channel: Callable[[], Channel[Any]]) -> SharedReader[Any]:
    """Return this process's reader of a channel; the first user opens it. Each use ends with `release()`."""
    key = (path, message_type)
    with _lock:
        reader = _readers.get(key)
        if reader is None:
            reader = _readers[key] = SharedReader(key, open_channel)
        reader.users += 1
        return reader


def release(reader: SharedReader[Any]) -> None:
    """End one use of a reader; the last user closes it."""
    with _lock:
        reader.users -= 1
        if reader.users == 0:
            del _readers[reader.key]
            reader.close()


class Forked(Protocol):
    """What must change in the child of a fork."""

    def reopen(self) -> None: ...


_others: "weakref.WeakSet[Any]" = weakref.WeakSet()


def reopened_after_fork(item: Forked) -> None:
    """Call `item.reopen()` in the child of each fork, as long as the item lives."""
    _others.add(item)


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    for item in (*_readers.values(), *_others):
        item.reopen()


os.register_at_fork(after_in_child=_after_fork_in_child)
