"""Names and folders of segments, and which of them are stale.

A segment is the file `lkas.<uid>.<instance>.<name>` in /dev/shm or any directory given, readable by its user only.
"""

import os
import re
import sys
import time
from pathlib import Path

from msgspec import Struct, structs

from lkas.integration.shared_memory import _core
from lkas.runtime.instance import file_word, instance_name

DEFAULT_DIRECTORY = "/dev/shm" if sys.platform == "linux" else "/tmp"  # as lkas_path() in C

SOCKET_PATTERNS = {"sub": "pubsub", "pull": "pushpull", "rep": "reqrep", "req": "reqrep"}  # by a receiver's role

_KINDS = {b"LRNG": "inbox", b"LBLL": "bell"}  # by the first bytes of a file, see lkas_ring_file.h
_INBOX_NAME = re.compile(r"(.+)-(sub|pull|rep|req)-[0-9a-f]{16}")
_FILE_NAME = re.compile(r"lkas\.(\d+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)(\.new-\d+-\d+)?")


class SegmentInfo(Struct, frozen=True, kw_only=True):
    """One segment on this machine."""

    name: str
    instance: str
    path: str
    kind: str = "channel"  # or the file of a socket: "bell" (one per name) or "inbox" (one per receiver)
    record_type: str  # name of the message, "" when it cannot be read
    size_bytes: int
    writer_pid: int | None  # None: no process writes it
    readers: int  # living ones
    age_s: float | None  # of the newest message; None: there is none
    sequence: int  # of the newest message, counted since the channel was first created
    drops: int  # messages that were dropped, because no slot was free
    corrupt: int = 0  # messages that failed their checksum at a reader
    has_checksum: bool = False  # each message carries a CRC-32
    generation: int  # counts writers
    stale: str | None  # why no process needs it; None: it is in use, or its readers wait for a writer
    damage: str | None = None  # what is wrong with the file; None: it is sound


def segment_path(name: str, instance: str | None = None, directory: str | os.PathLike[str] | None = None) -> str:
    """Return the file of a channel. ValueError for a name or an instance that is no valid file name."""
    file_word("channel name", name)
    file = f"lkas.{os.getuid()}.{instance_name(instance)}.{name}"
    return os.path.join(os.fspath(directory or DEFAULT_DIRECTORY), file)


def list_segments(directory: str | os.PathLike[str] | None = None, instance: str | None = None) -> list[SegmentInfo]:
    """List this user's segments, of one instance or of all, by instance and name; does not disturb their users.

    Costs some tens of microseconds per segment; OSError when the directory cannot be listed.
    """
    found = []
    for path in sorted(Path(directory or DEFAULT_DIRECTORY).glob(f"lkas.{os.getuid()}.*")):
        match = _FILE_NAME.fullmatch(path.name)
        if not match or (instance is not None and match[2] != instance):
            continue
        state = _core.inspect(str(path))
        kind = _kind_of(path)
        if state is None or kind is None:  # it was removed meanwhile
            continue
        info = _info(match[3], match[2], state, is_unfinished=bool(match[4]))
        found.append(info if kind == "channel" else _socket_info(info, kind, is_locked=state["has_writer"]))
    return found


def remove_stale(directory: str | os.PathLike[str] | None = None, instance: str | None = None) -> list[SegmentInfo]:
    """Remove the stale segments, never one with a living writer or reader; return those that were removed.

    Costs as list_segments(); SHMError, with the text of the OSError, for one that cannot be opened.
    """
    return [
        info for info in list_segments(directory, instance) if info.stale is not None and _core.remove_idle(info.path)
    ]


def _info(name: str, instance: str, state: dict, *, is_unfinished: bool) -> SegmentInfo:
    has_writer, newest_ns = state["has_writer"], state["newest_ns"]
    is_known = state["problem"] is None and state["is_this_boot"]
    return SegmentInfo(
        name=name,
        instance=instance,
        path=state["path"],
        record_type=state["record_type"],
        size_bytes=state["size_bytes"],
        writer_pid=state["writer_pid"] if has_writer else None,
        readers=state["readers"],
        age_s=(time.monotonic_ns() - newest_ns) / 1e9 if newest_ns and is_known else None,
        sequence=state["sequence"],
        drops=state["drops"],
        corrupt=state["corrupt"],
        has_checksum=state["has_checksum"],
        generation=state["generation"],
        stale=_stale_reason(state, is_unfinished=is_unfinished),
        damage=state["problem"],
    )


def _stale_reason(state: dict, *, is_unfinished: bool) -> str | None:
    if state["has_writer"] or state["readers"]:
        return None
    if is_unfinished:
        return "its creator died before it was complete"
    if state["problem"] is not None:
        return state["problem"]
    if not state["is_this_boot"]:
        return "left from before the last boot"
    return f"its writer (process {state['writer_pid']}) has ended and no process reads it"


def _kind_of(path: Path) -> str | None:
    """channel, bell or inbox; None: it was removed meanwhile."""
    try:
        with open(path, "rb") as file:
            return _KINDS.get(file.read(4), "channel")
    except FileNotFoundError:
        return None
    except OSError:  # belongs to another user
        return "channel"


def _socket_info(info: SegmentInfo, kind: str, *, is_locked: bool) -> SegmentInfo:
    """The file of a socket; stale when no process uses its name (living sockets remove what dead ones left)."""
    match = _INBOX_NAME.fullmatch(info.path)
    bell = _core.inspect(f"{match[1]}-{SOCKET_PATTERNS[match[2]]}") if match else None
    is_used = is_locked or (bell is not None and bell["has_writer"])
    return structs.replace(
        info,
        kind=kind,
        damage=None,
        record_type="",
        writer_pid=None,
        stale=None if is_used else "no process uses its name any more",
    )
