"""Base of all sockets: name, options, statistics, an inbox for those that receive, closing."""

import logging
import os
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self, TypedDict

from msgspec import Struct

from lkas.integration.shared_memory.errors import SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets._ring import NOTHING, Inbox
from lkas.integration.shared_memory.sockets.receivers import Receivers
from lkas.integration.shared_memory.sockets.registry import Registry
from lkas.integration.shared_memory.sockets.serialize import Parts, Serializer, decoders, encoder, refusal
from lkas.integration.shared_memory.sockets.waiting import deadline_of, left_s

logger = logging.getLogger(__name__)

SLOTS = 4096  # messages in an inbox: as many as ZMQ and the kernel queue together by default
CAPACITY_BYTES = 32 << 20  # of an inbox: three messages of 10 MB; memory is allocated on first use
CHECK_PERIOD_S = 0.1  # the longest sleep of a socket that watches other processes


class SocketStats(Struct, frozen=True, kw_only=True):
    """Statistics of a socket since it was made."""

    sent: int  # messages delivered
    received: int
    dropped: int  # sender: not delivered, per receiver; receiver: no room in the inbox, or replies that came too late
    errors: int  # objects that could not be serialized or read, and sends that found no memory
    bytes: int  # of the messages sent and received


class EndpointOptions(TypedDict, total=False):
    """The options of every socket besides its name; Endpoint describes them."""

    serializer: Serializer
    instance: str | None
    directory: str | os.PathLike[str] | None


class Endpoint:
    """One end of a named socket. It belongs to one thread at a time; any thread may close it.

    | Option | Meaning |
    |---|---|
    | `name` | which socket: 1 to 64 letters, digits, - or _ (ValueError) |
    | `serializer` | `pickle` (any object), `msgpack` (plain data), `raw` (bytes and arrays); the same at both ends |
    | `instance` | which of several stacks on this machine; default LKAS_INSTANCE, else `default` |
    | `directory` | folder of the files, default /dev/shm |
    | `copy` | receivers: False gives arrays and raw bytes as read-only views of the inbox, which occupy their room |
    | `slots`, `capacity` | receivers: messages, and bytes, that may wait for it; more are dropped and counted |

    SHMBufferFullError when there is no room for a receiver; every call raises SHMConnectionError after close() and in
    the child of a fork.
    """

    pattern: ClassVar[str]  # sockets of one pattern share a name
    keeps_messages: ClassVar[bool] = False  # whether other sockets take over messages not received here

    def __init__(
        self,
        name: str,
        *,
        serializer: Serializer = "pickle",
        instance: str | None = None,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        self.name = name
        self._serializer: Serializer = serializer
        self._make_parts = encoder(serializer)
        self._decoders = decoders(serializer)
        self._registry = Registry(name, self.pattern, instance, directory)
        self._inboxes: list[Inbox] = []  # its own, then those of dead receivers that it empties
        self._receiver_sets: list[Receivers] = []  # to which it sends
        self._copy = True
        self._no_message = f"<{type(self).__name__} {name!r}>: no message"
        self._received = self._dropped = self._errors = self._bytes = 0  # besides the counts of inboxes and receivers
        self._next_report = 1  # of _dropped: doubled with each report
        self._finish = weakref.finalize(
            self, _finish, self._registry, self._inboxes, self._receiver_sets, self.keeps_messages
        )

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return not self._finish.alive

    def stats(self) -> SocketStats:
        """Counts since the socket was made; costs a few microseconds."""
        return SocketStats(
            sent=sum(receivers.sent for receivers in self._receiver_sets),
            received=self._received + sum(inbox.received for inbox in self._inboxes),
            dropped=self._dropped + sum(inbox.dropped for inbox in self._inboxes[:1]),
            errors=self._errors + sum(receivers.failures for receivers in self._receiver_sets),
            bytes=self._bytes + sum(end.bytes for end in (*self._inboxes, *self._receiver_sets)),
        )

    def close(self) -> None:
        """Stop using the name and end waits of other threads. Arrays in the inbox stay readable."""
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}{' closed' if self.closed else ''}>"

    def _open_inbox(self, role: str, slots: int, capacity: int, copy: bool) -> tuple[int, Inbox]:
        number, inbox = self._registry.create_inbox(role, slots, capacity)
        self._inboxes.append(inbox)
        self._copy = copy
        return number, inbox

    def _open_receivers(self, role: str) -> Receivers:
        self._receiver_sets.append(Receivers(self._registry, role))
        return self._receiver_sets[0]

    def _count_drops(self, count: int) -> None:
        """Count messages that a receiver had no room for. Logged at the first, and when their number has doubled."""
        self._dropped += count
        if self._dropped >= self._next_report:
            self._next_report = 2 * self._dropped
            logger.warning(
                "%s: a receiver has no room, %d messages dropped so far: receive more often, give send() a timeout, "
                "or give the receiver more slots and capacity",
                repr(self),
                self._dropped,
            )

    def _encode(self, item: Any) -> tuple[int, Parts]:
        try:
            return self._make_parts(item)
        except SHMSerializationError:
            self._errors += 1
            raise

    def _decode(self, taken: Any) -> Any:
        """Decode a message that was taken from the inbox."""
        if type(taken) is not tuple:
            return taken
        kind, _, _, parts = taken
        try:
            decode = self._decoders.get(kind)
            if decode is None:
                raise refusal(kind, self._serializer)
            item = decode(parts)
        except SHMSerializationError:
            self._errors += 1
            raise
        self._received += 1
        self._bytes += len(parts[0]) if len(parts) == 1 else sum(len(part) for part in parts)
        return item

    def _wait(self, timeout: float | None, poll: Callable[[], Any] | None = None) -> Any:
        """Wait for the next message. `poll` is called before each sleep, and limits the sleep to CHECK_PERIOD_S."""
        if poll is not None and (taken := poll()) is not NOTHING:
            return taken
        if timeout == 0:
            raise SHMTimeoutError(self._no_message)
        inbox, deadline = self._inboxes[0], deadline_of(timeout)
        while (left := left_s(deadline)) > 0:
            inbox.wait(left if poll is None else min(left, CHECK_PERIOD_S))
            if (taken := inbox.take(self._copy)) is not NOTHING:
                return taken
            if poll is not None and (taken := poll()) is not NOTHING:
                return taken
        raise SHMTimeoutError(f"{self._no_message} within {timeout:g} ms")


def _finish(registry: Registry, inboxes: list[Inbox], receiver_sets: list[Receivers], keep_messages: bool) -> None:
    for inbox in inboxes:
        inbox.close(keep_messages)
    for receivers in receiver_sets:
        receivers.close()
    registry.close()
