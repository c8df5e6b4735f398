"""What all channels have: a name, a role, options, statistics; and a channel for custom messages.

A writer never waits: a write takes the time to copy its fields (under a microsecond, plus the pixels of an image) and,
when readers sleep, one system call to wake them. A read that finds nothing takes some tens of nanoseconds.
docs/channels.md has the measurements.
"""

import os
import time
from collections.abc import Sequence
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack

from msgspec import Struct

from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.errors import SHMConnectionError
from lkas.integration.shared_memory.packing import packed_record
from lkas.integration.shared_memory.segment import segment_path

_ATTACH_POLL_S = 0.02

MessageT = TypeVar("MessageT", bound=Struct)
ChannelT = TypeVar("ChannelT", bound=_core.Channel[Any])


class ChannelStats(Struct, frozen=True, kw_only=True):
    """Statistics of a channel. Counts cover the segment's whole life; `missed`, `restarts`, `corrupt` one reader."""

    attached: bool
    generation: int = 0  # counts writers
    sequence: int = 0  # of the newest message
    drops: int = 0  # messages that were dropped, because no slot was free
    missed: int = 0  # messages that were replaced before this reader read them
    restarts: int = 0  # times that another writer took over
    corrupt: int = 0  # messages that failed their checksum and were skipped; for a writer: at all its readers
    writer_pid: int | None = None  # None: no process writes it


class ChannelOptions(TypedDict, total=False):
    """The options of every channel besides name and role; Channel describes them."""

    slots: int
    instance: str | None
    directory: str | os.PathLike[str] | None
    attach_timeout: float | None
    spin_us: float
    checksum: bool


class Channel(_core.Channel[MessageT]):
    """Base of the typed channels: naming, roles, options and the wait for a first writer.

    | Option | Meaning |
    |---|---|
    | `name` | which channel: 1 to 64 letters, digits, - or _ (ValueError) |
    | `create` | True: write it, SHMWriterExistsError when another process does; False: read it once it exists |
    | `slots` | number of messages that fit, 2 to 64, default 8; set by the writer |
    | `checksum` | True: each message carries a CRC-32 that readers check; set by the writer |
    | `instance` | which of several stacks on this machine; default LKAS_INSTANCE, else `default` |
    | `directory` | folder of the file, default /dev/shm |
    | `attach_timeout` | s; a reader waits at most so long for a living writer, then raises SHMConnectionError |
    | `spin_us` | a waiting reader polls for so long before it sleeps; costs CPU, saves the kernel's wake-up |

    A writer raises SHMError when there is no room or no permission, with the numbers; every call raises it after
    close() and in the child of a fork.
    """

    message_type: type[Struct]  # of the messages in the channel
    default_name: ClassVar[str]  # of the segment, when no name is given
    creator: ClassVar[str]  # the program that usually writes it, for error texts

    __slots__ = ("instance", "name")

    def __init__(
        self,
        name: str | None = None,
        create: bool = False,
        *,
        slots: int = 8,
        instance: str | None = None,
        directory: str | os.PathLike[str] | None = None,
        attach_timeout: float | None = None,
        spin_us: float = 0.0,
        checksum: bool = False,
        shape: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.name = self.default_name if name is None else name
        path = segment_path(self.name, instance, directory)
        self.instance = os.path.basename(path).split(".")[2]
        record = packed_record(self.message_type)
        super().__init__(path, record, create, slots, *shape, round(spin_us * 1000), checksum)
        if attach_timeout is not None and not create:
            self._wait_for_writer(attach_timeout)

    @property
    def stats(self) -> ChannelStats:
        """Current statistics; costs a check of the writer's lock (some microseconds): not for each message."""
        state = self._state()
        if state is None:
            return ChannelStats(attached=False)
        generation, sequence, drops, missed, restarts, corrupt, writer_pid = state
        return ChannelStats(
            attached=True,
            generation=generation,
            sequence=sequence,
            drops=drops,
            missed=missed,
            restarts=restarts,
            corrupt=corrupt,
            writer_pid=writer_pid,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' closed' if self.closed else ''}>"

    def _wait_for_writer(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not (self._attach() and self.stats.writer_pid is not None):
            if time.monotonic() >= deadline:
                found = "it has no living writer" if self._attach() else "it does not exist"
                self.close()
                raise SHMConnectionError(
                    f"channel {self.name!r} (instance {self.instance!r}): no process wrote it within {timeout_s:g} s: "
                    f"{self.path}: {found}; it is created by {self.creator}: start that program with the same instance"
                )
            time.sleep(_ATTACH_POLL_S)


class MessageChannel(Channel[MessageT]):
    """A channel for custom messages: any msgspec Struct whose fields a record can hold (`messages` lists them).

        class Wheels(Message, frozen=True, kw_only=True):
            speeds_mps: Annotated[tuple[float, ...], Meta(max_length=4)]
            raw: Annotated[bytes, Meta(extra={"bytes": 64})] = b""

        MessageChannel(Wheels, "wheels", create=True).write(Wheels(speeds_mps=(8.1, 8.1, 8.0, 8.0)))

    A Struct that does not derive from Message carries no stamps. TypeError for a field that a record cannot hold.
    """

    creator = "a program that writes it"
    __slots__ = ("message_type",)

    def __init__(
        self,
        message_type: type[MessageT],
        name: str,
        create: bool = False,
        **options: Unpack[ChannelOptions],
    ) -> None:
        self.message_type = message_type
        super().__init__(name, create, **options)

    write = _core.Channel._write_message


def wait_any(channels: Sequence[ChannelT], timeout: float) -> list[ChannelT]:
    """Sleep until a reader has a new message, at most `timeout` seconds; return the readers that have one.

    For 1 to 64 readers (ValueError), in one system call. Reads no message, and costs no CPU while it sleeps. Errors as
    read(); SHMError for a writer.
    """
    return _core.wait_any(channels, timeout)
