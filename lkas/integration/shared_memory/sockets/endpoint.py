"""What all sockets share: name, options, figures, an inbox for those that receive, closing."""

import os
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Self

from msgspec import Struct

from lkas.integration.shared_memory.errors import SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets._ring import Inbox
from lkas.integration.shared_memory.sockets.receivers import Receivers
from lkas.integration.shared_memory.sockets.registry import Registry
from lkas.integration.shared_memory.sockets.serialize import Kind, Parts, Serializer, decoders, encoder, refusal
from lkas.integration.shared_memory.sockets.waiting import deadline_of, left_s

SLOTS = 1000  # messages an inbox holds, as in ZMQ
CAPACITY_BYTES = 32 << 20  # and bytes: three messages of 10 MB; memory is taken when it is first needed
LOOK_AROUND_S = 0.1  # the longest sleep of those that watch other processes

Taken = tuple[int, int, int, Parts]  # kind, sender, request, parts


class SocketStats(Struct, frozen=True, kw_only=True):
    """What a socket did so far."""

    sent: int  # messages handed over
    received: int
    dropped: int  # sender: not handed over, per receiver; receiver: missed for want of room, or answers come too late
    errors: int  # objects that could not be made or read, and sends that found no memory
    bytes: int  # of the messages sent and received


class Endpoint:
    """One end of a named socket. It belongs to one thread at a time; any thread may close it."""

    pattern: ClassVar[str]
    bequeaths: ClassVar[bool] = False  # whether others take over what was not received here

    def __init__(
        self,
        name: str,
        *,
        serializer: Serializer,
        instance: str | None,
        directory: str | os.PathLike[str] | None,
    ) -> None:
        self.name = name
        self._serializer: Serializer = serializer
        self._make_parts = encoder(serializer)
        self._decoders = decoders(serializer)
        self._registry = Registry(name, self.pattern, instance, directory)
        self._inboxes: list[Inbox] = []  # its own, then those of dead ones it goes through
        self._ways: list[Receivers] = []  # to those it sends to
        self._copy = True
        self._sent = self._received = self._dropped = self._errors = self._bytes = 0
        self._finish = weakref.finalize(self, _finish, self._registry, self._inboxes, self._ways, self.bequeaths)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return not self._finish.alive

    def stats(self) -> SocketStats:
        """Counts since the socket was made."""
        missed = self._inboxes[0].dropped if self._inboxes else 0
        return SocketStats(
            sent=self._sent,
            received=self._received,
            dropped=self._dropped + missed,
            errors=self._errors + sum(receivers.failures for receivers in self._ways),
            bytes=self._bytes,
        )

    def close(self) -> None:
        """Let go of the name and end waits of other threads. Arrays that lie in the inbox stay readable."""
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}{' closed' if self.closed else ''}>"

    def _open_inbox(self, role: str, slots: int, capacity: int, copy: bool) -> int:
        number, inbox = self._registry.create_inbox(role, slots, capacity)
        self._inboxes.append(inbox)
        self._copy = copy
        return number

    def _open_way(self, role: str) -> Receivers:
        self._ways.append(Receivers(self._registry, role))
        return self._ways[0]

    def _encode(self, item: Any) -> tuple[Kind, Parts]:
        try:
            return self._make_parts(item)
        except SHMSerializationError:
            self._errors += 1
            raise

    def _decode(self, taken: Taken) -> Any:
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
        self._bytes += len(parts[0]) if len(parts) == 1 else _size(parts)
        return item

    def _count_sent(self, parts: Parts, receivers: int) -> None:
        if receivers:
            self._sent += 1
            self._bytes += (len(parts[0]) if len(parts) == 1 else _size(parts)) * receivers

    def _take(self, timeout: float | None, look: Callable[[], Taken | None] | None = None) -> Taken:
        """The next message. `look` is called before each sleep, which then is a short one; it may have a message."""
        inbox = self._inboxes[0]
        taken = inbox.take(self._copy)
        if taken:
            return taken
        deadline = deadline_of(timeout)
        while True:
            taken = look() if look else None
            if taken:
                return taken
            left = left_s(deadline)
            if left <= 0:
                raise SHMTimeoutError(f"{self!r}: no message within {timeout:g} ms")
            inbox.wait(min(left, LOOK_AROUND_S) if look else left)
            taken = inbox.take(self._copy)
            if taken:
                return taken


def _size(parts: Parts) -> int:
    return sum(len(part) for part in parts)


def _finish(registry: Registry, inboxes: list[Inbox], ways: list[Receivers], keep_messages: bool) -> None:
    for inbox in inboxes:
        inbox.close(keep_messages)
    for receivers in ways:
        receivers.close()
    registry.close()
