"""List the sockets of this machine: users, receivers and message counts of each name. Does not disturb them."""

import contextlib
import os
import re
from collections.abc import Iterable

from msgspec import Struct

from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.shared_memory.segment import SOCKET_PATTERNS, SegmentInfo, list_segments
from lkas.integration.shared_memory.sockets._ring import Outlet

_INBOX = re.compile(r"(.+)-(sub|pull|rep|req)-[0-9a-f]{16}")
_BELL = re.compile(r"(.+)-(pubsub|pushpull|reqrep)")


class ReceiverInfo(Struct, frozen=True, kw_only=True):
    """One receiver's inbox."""

    role: str  # sub, pull, rep; req: a requester, which receives replies
    pid: int  # of the process that created it or took it over
    is_alive: bool
    received: int  # messages it has taken
    waiting: int  # messages it has not taken yet
    dropped: int  # messages that found no room
    slots: int  # messages that may wait
    memory_bytes: int  # allocated so far
    path: str


class SocketInfo(Struct, frozen=True, kw_only=True):
    """One name and pattern."""

    name: str
    instance: str
    pattern: str  # pubsub, pushpull, reqrep
    users: list[int]  # processes that have it open, senders and receivers
    receivers: list[ReceiverInfo]
    stale: str | None  # why no process needs it; None: it is in use


def list_sockets(directory: str | os.PathLike[str] | None = None, instance: str | None = None) -> list[SocketInfo]:
    """List this user's sockets, of one instance or of all, by instance and name."""
    files = [info for info in list_segments(directory, instance) if info.kind != "channel"]
    names: dict[tuple[str, str, str], list[SegmentInfo]] = {}
    for info in files:
        match = _INBOX.fullmatch(info.name) or _BELL.fullmatch(info.name)
        if match is not None:
            pattern = SOCKET_PATTERNS.get(match[2], match[2])
            names.setdefault((info.instance, match[1], pattern), []).append(info)
    users = _users(info.path for info in files if info.kind == "bell")
    return [
        SocketInfo(
            name=name,
            instance=its_instance,
            pattern=pattern,
            users=sorted({pid for part in parts for pid in users.get(part.path, ())}),
            receivers=[found for part in parts if part.kind == "inbox" and (found := _receiver(part)) is not None],
            stale=next((part.stale for part in parts if part.stale is not None), None),
        )
        for (its_instance, name, pattern), parts in sorted(names.items())
    ]


def _receiver(info: SegmentInfo) -> ReceiverInfo | None:
    """Describe a receiver; None when it was removed meanwhile, or is of another version."""
    match = _INBOX.fullmatch(info.name)
    try:
        inbox = Outlet(info.path)
    except (FileNotFoundError, SHMError):
        return None
    counts = inbox.counts()
    found = ReceiverInfo(
        role=match[2] if match else "",
        pid=inbox.pid,
        is_alive=inbox.is_alive(),
        received=counts["taken"],
        waiting=counts["handed"] - counts["taken"],
        dropped=counts["dropped"],
        slots=counts["slots"],
        memory_bytes=counts["allocated"],
        path=info.path,
    )
    inbox.close()
    return found


def _users(paths: Iterable[str]) -> dict[str, list[int]]:
    """Return the processes of this user that have each file open; empty where there is no /proc."""
    users: dict[str, list[int]] = {path: [] for path in paths}
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc") if users and os.path.isdir("/proc") else ())):
        for path in users.keys() & _open_files(pid):
            users[path].append(pid)
    return users


def _open_files(pid: int) -> set[str]:
    files = set()
    with contextlib.suppress(OSError):  # it ended, or belongs to another user
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                files.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return files
