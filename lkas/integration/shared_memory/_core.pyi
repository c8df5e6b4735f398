import os
from collections.abc import Callable, Sequence
from inspect import Signature
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np
from msgspec import Struct

from lkas.integration.shared_memory.messages import ImageMessage

MAX_READERS: int
MAX_VIEWS: int

MessageT = TypeVar("MessageT", bound=Struct)
ChannelT = TypeVar("ChannelT", bound="Channel[Any]")

class Record:
    def __init__(
        self, message_type: type[Struct], size: int, schema_hash: int, stamp_offset: int, fields: tuple[tuple, ...]
    ) -> None: ...

class MessageCall:
    """A method that takes the fields of a message by name and passes their values on to `target` by position."""

    def __init__(
        self,
        name: str,
        message_name: str,
        target: Callable[..., Any],
        parameters: tuple[str, ...],
        positional_count: int,
        defaults: dict[str, Any],
        positions: tuple[int, ...],
        valid_s: float,
        doc: str,
        signature: Signature,
    ) -> None: ...

class Loan:
    """A slot lent to be drawn into."""

    def __enter__(self) -> np.ndarray: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class View:
    """A pinned slot, read in place."""

    def __enter__(self) -> ImageMessage | None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

class Channel(Generic[MessageT]):
    def __init__(
        self,
        path: str | os.PathLike[str],
        record: Record,
        create: bool,
        slots: int = ...,
        height: int = ...,
        width: int = ...,
        channels: int = ...,
        spin_ns: int = ...,
        checksum: bool = ...,
    ) -> None: ...
    @property
    def closed(self) -> bool:
        """Whether close() was called."""
    @property
    def path(self) -> str:
        """The segment's file."""
    def read(self, timeout: float = 0.0) -> MessageT | None:
        """The newest message this reader has not read yet, or None.

        With a timeout (s) it sleeps until there is one. Costs less than a microsecond; an image, the reader's own copy,
        one copy of the pixels, into the memory of an earlier frame that was released. SHMSchemaError when the segment
        holds another message, SHMError after close() or a fork, or when all 64 reader places are taken.
        """
    def latest(self) -> MessageT | None:
        """The newest message, read before or not, or None.

        Does not count as reading it. Costs and errors as read().
        """
    def close(self) -> None:
        """Detach from the segment and end waits of other threads; arrays over it stay readable.

        May be called twice, and from another thread.
        """
    def unlink(self) -> None:
        """Remove the writer's segment, before or after close(). Does nothing for a reader.

        Its readers wake up and look for the next one. SHMError without permission.
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def _view(self, timeout: float = 0.0) -> View:
        """A context manager that gives the newest unread message, its image read-only and without a copy, or None.

        `timeout` (s): sleep at most so long for one. The slot stays pinned until the block ends; keep no array of it
        longer. Two views at a time per reader, a third is an SHMError. Costs well under a microsecond.
        """
    def _write_values(self, *values: Any) -> bool: ...
    def _write_message(self, message: MessageT, /) -> bool:
        """Publish a whole message, its publish_ns and sequence set by the channel.

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field. Costs less
        than a microsecond, more for nested messages.
        """
    def _write_image(self, image: Any, *values: Any) -> bool: ...
    def _loan(self, *values: Any) -> Loan: ...
    def _attach(self) -> bool: ...
    def _state(self) -> tuple[int, int, int, int, int, int, int | None] | None: ...
    @property
    def _shape(self) -> tuple[int, int, int] | None: ...

def wait_any(channels: Sequence[ChannelT], timeout: float, /) -> list[ChannelT]:
    """Sleep until one of the channels has something new, at most `timeout` seconds; return those that have."""

def inspect(path: str, /) -> dict[str, Any] | None:
    """Return a description of a segment, or None; does not disturb its users."""

def remove_idle(path: str, /) -> bool:
    """Remove a segment without writer and readers: whether it was removed."""
