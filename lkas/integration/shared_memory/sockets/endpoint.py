"""What all sockets share: name, options, figures, an inbox for those that receive, closing."""

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

SLOTS = 4096  # messages an inbox holds: what ZMQ and the kernel hold together by default
CAPACITY_BYTES = 32 << 20  # and bytes: three messages of 10 MB; memory is taken when it is first needed
LOOK_AROUND_S = 0.1  # the longest sleep of those that watch other processes


class SocketStats(Struct, frozen=True, kw_only=True):
    """What a socket did so far."""

    sent: int  # messages handed over
    received: int
    dropped: int  # sender: not handed over, per receiver; receiver: missed for want of room, or answers come too late
    errors: int  # objects that could not be made or read, and sends that found no memory
    bytes: int  # of the messages sent and received


class EndpointOptions(TypedDict, total=False):
    """What every socket may be made with besides its name; Endpoint says what each means."""

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
    | `directory` | where the files are, default /dev/shm |
    | `copy` | receivers: False gives arrays and raw bytes as read-only views of the inbox, which hold their room |
    | `slots`, `capacity` | receivers: messages, and bytes, that wait for it; more are dropped and counted |

    SHMBufferFullError when there is no room for a receiver; every call raises SHMConnectionError after close() and in
    the child of a fork.
    """

    pattern: ClassVar[str]  # which kinds of socket share a name
    bequeaths: ClassVar[bool] = False  # whether others take over what was not received here

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
        self._inboxes: list[Inbox] = []  # its own, then those of dead ones it goes through
        self._ways: list[Receivers] = []  # to those it sends to
        self._copy = True
        self._nothing = f"<{type(self).__name__} {name!r}>: no message"
        self._received = self._dropped = self._errors = self._bytes = 0  # beside what inboxes and ways count
        self._finish = weakref.finalize(self, _finish, self._registry, self._inboxes, self._ways, self.bequeaths)

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return not self._finish.alive

    def stats(self) -> SocketStats:
        """Counts since the socket was made; costs a few microseconds."""
        return SocketStats(
            sent=sum(way.sent for way in self._ways),
            received=self._received + sum(inbox.received for inbox in self._inboxes),
            dropped=self._dropped + sum(inbox.dropped for inbox in self._inboxes[:1]),
            errors=self._errors + sum(way.failures for way in self._ways),
            bytes=self._bytes + sum(end.bytes for end in (*self._inboxes, *self._ways)),
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

    def _open_inbox(self, role: str, slots: int, capacity: int, copy: bool) -> tuple[int, Inbox]:
        number, inbox = self._registry.create_inbox(role, slots, capacity)
        self._inboxes.append(inbox)
        self._copy = copy
        return number, inbox

    def _open_way(self, role: str) -> Receivers:
        self._ways.append(Receivers(self._registry, role))
        return self._ways[0]

    def _encode(self, item: Any) -> tuple[int, Parts]:
        try:
            return self._make_parts(item)
        except SHMSerializationError:
            self._errors += 1
            raise

    def _open(self, taken: Any) -> Any:
        """The item of a message as the inbox gave it."""
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

    def _wait(self, timeout: float | None, look: Callable[[], Any] | None = None) -> Any:
        """The next message, when there is none now. `look` is asked before each sleep, which then is a short one."""
        if look is not None and (taken := look()) is not NOTHING:
            return taken
        if timeout == 0:
            raise SHMTimeoutError(self._nothing)
        inbox, deadline = self._inboxes[0], deadline_of(timeout)
        while (left := left_s(deadline)) > 0:
            inbox.wait(left if look is None else min(left, LOOK_AROUND_S))
            if (taken := inbox.take(self._copy)) is not NOTHING:
                return taken
            if look is not None and (taken := look()) is not NOTHING:
                return taken
        raise SHMTimeoutError(f"{self._nothing} within {timeout:g} ms")


def _finish(registry: Registry, inboxes: list[Inbox], ways: list[Receivers], keep_messages: bool) -> None:
    for inbox in inboxes:
        inbox.close(keep_messages)
    for receivers in ways:
        receivers.close()
    registry.close()
