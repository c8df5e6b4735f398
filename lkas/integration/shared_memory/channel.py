"""What every channel is: a name, a role, options, figures; and a channel for a message of your own.

A writer never waits: a write takes what its fields take to copy (under a microsecond, plus the pixels of an image) and,
when readers sleep, one system call to wake them. A reader's look when there is nothing takes some tens of nanoseconds.
README.md has the measured figures.
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
    """How a channel is doing. Counts are of the segment's whole life; a reader's own three since it was made."""

    attached: bool
    generation: int = 0  # counts writers
    sequence: int = 0  # of the newest message
    drops: int = 0  # messages that found no free slot
    missed: int = 0  # messages this reader did not see, because newer ones came first
    restarts: int = 0  # times this reader saw another writer take over
    corrupt: int = 0  # messages that failed their checksum and were passed over; for a writer: at all its readers
    writer_pid: int | None = None  # None: nobody writes


class ChannelOptions(TypedDict, total=False):
    """What every channel may be made with besides its name and its role; Channel says what each means."""

    slots: int
    instance: str | None
    directory: str | os.PathLike[str] | None
    attach_timeout: float | None
    spin_us: float
    checksum: bool


class Channel(_core.Channel[MessageT]):
    """What the typed channels share: naming, roles, options and the wait for a first writer.

    | Option | Meaning |
    |---|---|
    | `name` | which channel: 1 to 64 letters, digits, - or _ (ValueError) |
    | `create` | True: write it, SHMWriterExistsError when somebody does; False: read it, once there is a writer |
    | `slots` | messages that fit at a time, 2 to 64, default 8; the writer's choice |
    | `checksum` | True: each message carries a CRC-32 that readers check; the writer's choice |
    | `instance` | which of several stacks on this machine; default LKAS_INSTANCE, else `default` |
    | `directory` | where the file is, default /dev/shm |
    | `attach_timeout` | s; a reader waits so long for a living writer, then raises SHMConnectionError |
    | `spin_us` | a reader that waits looks so long before it sleeps; costs CPU, saves the kernel's wake-up |

    A writer raises SHMError when there is no room or no permission, with the numbers; every call raises it after
    close() and in the child of a fork.
    """

    message_type: type[Struct]  # what it carries
    default_name: ClassVar[str]  # of the segment, where none is given
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
        """Figures of this moment; costs a look at the writer's lock (some microseconds), so ask now and then."""
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
                    f"channel {self.name!r} (instance {self.instance!r}): nobody wrote it within {timeout_s:g} s: "
                    f"{self.path}: {found}; it is created by {self.creator}: start that, with the same instance"
                )
            time.sleep(_ATTACH_POLL_S)


class MessageChannel(Channel[MessageT]):
    """A channel for a message of your own: any msgspec Struct whose fields a record can hold (`messages` says which).

        class Wheels(Message, frozen=True, kw_only=True):
            speeds_mps: Annotated[tuple[float, ...], Meta(max_length=4)]
            raw: Annotated[bytes, Meta(extra={"bytes": 64})] = b""

        MessageChannel(Wheels, "wheels", create=True).write(Wheels(speeds_mps=(8.1, 8.1, 8.0, 8.0)))

    A Struct that does not derive from Message carries no stamps, which makes it as small as it says. TypeError for a
    field that has no place in a record.
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
    """Sleep until one of the readers has something new, at most `timeout` seconds: those that have.

    For 1 to 64 readers (ValueError), in one system call. It reads nothing, and costs no CPU while it sleeps. Errors as
    read(); SHMError for a writer.
    """
    return _core.wait_any(channels, timeout)
