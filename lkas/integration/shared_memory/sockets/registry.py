"""The receivers of a name: found by file names, announced by a bell.

    lkas.<uid>.<instance>.<name>-pubsub                      the bell of a name; every socket of it holds a shared lock
    lkas.<uid>.<instance>.<name>-sub-<16 hex digits>         the inbox of one receiver, locked while it lives

The directory itself is the table, so no process can leave it half-written. Every lookup removes dead inboxes; the last
socket of a name removes the bell.
"""

import contextlib
import os
import re
import time
from pathlib import Path

from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.shared_memory.segment import SOCKET_PATTERNS, segment_path
from lkas.integration.shared_memory.sockets._ring import Bell, Inbox, Outlet

_OWN_MESSAGES_ROLES = {"sub", "rep", "req"}  # their messages are for one receiver: lost when it dies


class Registry:
    """The receivers of one name, of all roles of a pattern."""

    def __init__(self, name: str, pattern: str, instance: str | None, directory: str | os.PathLike[str] | None) -> None:
        self.name = name
        self._base = segment_path(name, instance, directory)
        self._roles = [role for role, its_pattern in SOCKET_PATTERNS.items() if its_pattern == pattern]
        self.bell = Bell(f"{self._base}-{pattern}")
        self.clean()

    def create_inbox(self, role: str, slots: int, capacity: int) -> tuple[int, Inbox]:
        """Create a receiver; return its number, which grows with time, and its inbox."""
        while True:
            number = time.monotonic_ns()
            try:
                inbox = Inbox(self._path(role, number), self.bell, slots, capacity)
            except FileExistsError:
                continue
            self.bell.announce()
            return number, inbox

    def adopt_inboxes(self, role: str) -> list[Inbox]:
        """Take over the inboxes of dead receivers that still hold messages."""
        adopted = []
        for number in self.numbers(role):
            outlet = self.attach(role, number)
            if outlet is not None and not outlet.is_alive() and outlet.has_messages:
                inbox = self._adopt(self._path(role, number))
                if inbox is not None:
                    adopted.append(inbox)
        return adopted

    def numbers(self, role: str) -> list[int]:
        """Return the numbers of the receivers that have a file, living or dead, oldest first."""
        prefix = os.path.basename(self._path(role, 0))[:-16]
        with os.scandir(os.path.dirname(self._base)) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(prefix)]
        return sorted(int(name[-16:], 16) for name in names if re.fullmatch("[0-9a-f]{16}", name[len(prefix) :]))

    def attach(self, role: str, number: int) -> Outlet | None:
        """Attach to an inbox; None when there is none of this number, or the file is no inbox."""
        try:
            return Outlet(self._path(role, number))
        except (FileNotFoundError, SHMError):
            return None

    def clean(self, *, with_messages: bool = False) -> None:
        """Remove the files of dead receivers; those with messages for others only with `with_messages`."""
        for role in self._roles:
            for number in self.numbers(role):
                outlet = self.attach(role, number)
                if outlet is None or outlet.is_alive():
                    continue
                if with_messages or role in _OWN_MESSAGES_ROLES or not outlet.has_messages:
                    inbox = self._adopt(self._path(role, number))
                    if inbox is not None:
                        inbox.close(False)
        self._clean_unfinished()

    def close(self) -> None:
        """Stop using the name; its last user removes all files."""
        if self.bell.leave():
            self.clean(with_messages=True)
        self.bell.end_waits()
        self.bell.close()

    def _path(self, role: str, number: int) -> str:
        return f"{self._base}-{role}-{number:016x}"

    def _adopt(self, path: str) -> Inbox | None:
        try:
            return Inbox(path, self.bell, adopt=True)
        except (FileExistsError, FileNotFoundError, SHMError):  # another process was faster
            return None

    def _clean_unfinished(self) -> None:
        """Remove files whose creator died before it named them."""
        base = Path(self._base)
        pattern = re.compile(rf"{re.escape(base.name)}-[a-z]+(-[0-9a-f]{{16}})?\.new-(\d+)-\d+")
        for path in base.parent.glob(f"{base.name}-*.new-*"):
            match = pattern.fullmatch(path.name)
            if match and not _is_running(int(match[2])):
                with contextlib.suppress(OSError):  # removed meanwhile, or of another user
                    path.unlink()


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True
