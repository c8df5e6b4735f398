import os
from typing import Any

from typing_extensions import Buffer

HANDED: int  # the receiver has it
FULL: int  # no room: the receiver is behind
GONE: int  # the receiver is closed or dead
TOO_LARGE: int  # larger than the whole inbox
NO_SPACE: int  # the directory has no room for more of the inbox

PLAIN: int  # the kind of a message whose only part is the item
NOTHING: object  # the result of receiving when there is no message: any other object may be a message

class Bell:
    """Announces new receivers and room to the senders of one name."""

    def __init__(self, path: str | os.PathLike[str]) -> None: ...
    @property
    def members(self) -> int:
        """Counts the changes of membership."""
    def announce(self) -> None:
        """Announce that the receivers of this name have changed."""
    def watch(self) -> int:
        """Call before looking for room or receivers; return the word for wait()."""
    def wait(self, word: int, timeout_s: float, /) -> None:
        """Sleep until news, at most 0.1 s."""
    def leave(self) -> bool:
        """Stop using the name: whether this was its last user. Then the name cannot be used until close()."""
    def end_waits(self) -> None:
        """End waits, now and later; may be called from any thread."""
    def close(self) -> None:
        """Stop using the name; the last user removes the file."""

class Inbox:
    """Messages for one receiver. FileExistsError: the name is taken, or, adopting, the owner lives."""

    def __init__(
        self, path: str | os.PathLike[str], bell: Bell, slots: int = ..., capacity: int = ..., *, adopt: bool = False
    ) -> None: ...
    @property
    def dropped(self) -> int:
        """Messages that senders dropped, because the inbox had no room."""
    @property
    def received(self) -> int:
        """PLAIN messages that were returned as they are."""
    @property
    def bytes(self) -> int:
        """The bytes of these messages."""
    def take(self, copy: bool, /) -> Any:
        """The next message as (kind, sender, request, parts), or NOTHING; of a PLAIN one without request its only part.

        The parts are copies (bytes, then bytearrays) or read-only views of the inbox.
        """
    def wait(self, timeout_s: float, /) -> bool:
        """Sleep until there is a message: whether there is."""
    def end_waits(self) -> None:
        """End waits, now and later; may be called from any thread."""
    def close(self, keep_messages: bool, /) -> None:
        """Remove the file and notify the senders. With messages to keep it stays, for another receiver to adopt."""

class Outlet:
    """The sending end of an inbox. FileNotFoundError when there is no such inbox."""

    def __init__(self, path: str | os.PathLike[str]) -> None: ...
    @property
    def pid(self) -> int:
        """The owner's process."""
    @property
    def capacity(self) -> int:
        """Bytes of messages that the inbox can hold."""
    @property
    def has_messages(self) -> bool:
        """Whether the inbox has messages that its owner has not taken."""
    def push(self, kind: int, parts: tuple[Buffer, ...], sender: int, request: int, /) -> int:
        """Copy a message in: HANDED, FULL, GONE, TOO_LARGE or NO_SPACE."""
    def count_drop(self) -> None:
        """Count a message that found no room, in the statistics of the owner."""
    def is_alive(self) -> bool:
        """Whether the owner lives and takes messages."""
    def counts(self) -> dict[str, int]:
        """Return handed, taken, dropped (messages), slots, allocated (bytes)."""
    def close(self) -> None:
        """Detach from the inbox."""

class Outlets:
    """The receivers of a sender, to send in one call as long as they do not change and each has room."""

    turn: int  # whose turn it is, modulo their number
    @property
    def sent(self) -> int:
        """Messages that at least one receiver has."""
    @property
    def bytes(self) -> int:
        """Their bytes, once per receiver."""
    def __init__(self, bell: Bell) -> None: ...
    def fill(self, outlets: list[Outlet], members: int, /) -> None:
        """Set the receivers, as of this count of the bell."""
    def push_next(self, kind: int, parts: tuple[Buffer, ...], sender: int, request: int, /) -> Outlet | None:
        """The outlet whose turn it is, when it took the message; None when it did not, or after a change."""
    def push_next_plain(self, item: object, /) -> Outlet | None:
        """push_next() of bytes or a bytearray as a PLAIN message; None also for any other object."""
    def push_all(self, kind: int, parts: tuple[Buffer, ...], /) -> int:
        """How many took the message before the first one that did not, or before a change."""
    def count(self, parts: tuple[Buffer, ...], receivers: int, /) -> None:
        """Count a message that was sent by other calls than push_next() and a complete push_all()."""
