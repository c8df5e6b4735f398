"""Which of several stacks on this machine this one is, and where its small files are: status, sockets.

The runtime directory is `$XDG_RUNTIME_DIR/lkas/<instance>`, or `/tmp/lkas-<uid>/<instance>` where there is no
XDG_RUNTIME_DIR of one's own; it is open to its user only. `lkas_status.h` has the same rule for C.
"""

import os
import re
import stat
import tempfile
from pathlib import Path

INSTANCE_VARIABLE = "LKAS_INSTANCE"
DEFAULT_INSTANCE = "default"

_WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def instance_name(instance: str | None = None) -> str:
    """The instance given, else that of the environment, else `default`. ValueError when it makes no file name."""
    return file_word("instance", instance or os.environ.get(INSTANCE_VARIABLE) or DEFAULT_INSTANCE)


def file_word(what: str, word: str) -> str:
    """`word` itself; ValueError, with `what` it is, when it can not be part of a file name."""
    if not _WORD.fullmatch(word):
        raise ValueError(f"{what} {word!r}: expected 1 to 64 letters, digits, - or _")
    return word


def runtime_directory(instance: str | None = None) -> Path:
    """Where an instance keeps its small files; nothing is made."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    base = Path(given) / "lkas" if _is_own_directory(given) else Path(f"/tmp/lkas-{os.getuid()}")
    return base / instance_name(instance)


def make_runtime_directory(instance: str | None = None) -> Path:
    """The runtime directory, made when it is not there. Raises PermissionError for one that others can write to."""
    directory = runtime_directory(instance)
    for path in (directory.parent, directory):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(
                f"{path}: expected a directory of user {os.getuid()} with mode 0700, found "
                f"{stat.filemode(found.st_mode)} of user {found.st_uid}: remove it"
            )
    return directory


def write_whole(path: Path, text: str) -> None:
    """Write a file in one go: a reader sees the old one or the new one. Its mode is 0600. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise


def _is_own_directory(path: str) -> bool:
    try:
        found = os.stat(path)
    except OSError:
        return False
    return os.path.isabs(path) and stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
