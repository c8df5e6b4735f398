"""The status file of a publisher: its name and pid, a heartbeat, its versions. It is replaced atomically.

    {"name": "perception", "pid": 4711, "state": "running", "started_ns": 81540332441, "heartbeat_ns": 99031820023,
     "versions": {"program": "1.0", "detection": "a71a8a91a123084b"}, "stats": {"fps": 9.8}}

Both stamps are monotonic time of this machine. `lkas_status.h` writes the same file in C.
"""

import os
import stat
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lkas.runtime.instance import make_runtime_directory, runtime_directory, write_whole

FILE_NAME = "status.json"
MAX_BYTES = 16 * 1024
FRESH_S = 2.0  # writers write at least twice a second

ShortText = Annotated[str, Meta(min_length=1, max_length=64)]
LongText = Annotated[str, Meta(max_length=1000)]


class StatusError(ValueError):
    """The status file is missing or malformed. The text names the file and what was found."""


class Status(Struct, frozen=True, kw_only=True):
    """The status of a publisher."""

    name: ShortText
    pid: Annotated[int, Meta(ge=1)]
    state: LongText
    started_ns: int  # monotonic
    heartbeat_ns: int  # monotonic, when the file was written
    versions: dict[ShortText, LongText] = {}
    stats: dict[ShortText, float] = {}  # numbers of the publisher's choice

    def age_s(self, now_ns: int) -> float:
        return (now_ns - self.heartbeat_ns) / 1e9

    def is_fresh(self, now_ns: int) -> bool:
        """Return whether the heartbeat is recent. One in the future is from before a reboot."""
        return 0 <= self.age_s(now_ns) <= FRESH_S


def status_path(instance: str | None = None) -> Path:
    return runtime_directory(instance) / FILE_NAME


def write_status(status: Status, instance: str | None = None) -> None:
    """Replace the status file atomically. Raises OSError."""
    write_whole(make_runtime_directory(instance) / FILE_NAME, msgspec.json.encode(status).decode() + "\n")


def read_status(path: Path) -> Status:
    """Read the status file. Raises StatusError. Does not block and follows no link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
                raise StatusError(
                    f"{path}: expected a file of user {os.getuid()}, found {stat.filemode(found.st_mode)} "
                    f"of user {found.st_uid}"
                )
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise StatusError(f"{path}: no such file: no publisher of this instance writes one") from None
    except OSError as error:
        raise StatusError(f"{path}: cannot read it: {error.strerror}") from error
    if len(text) > MAX_BYTES:
        raise StatusError(f"{path}: longer than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StatusError(f"{path}: not a status: {error}; found {text[:60]!r}") from error
