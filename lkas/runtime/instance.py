"""Instances: several stacks on one machine, each with a name and a runtime directory for status files and sockets.

The runtime directory is `$XDG_RUNTIME_DIR/lkas/<instance>`, or `/tmp/lkas-<uid>/<instance>` when XDG_RUNTIME_DIR is
not set or belongs to another user. Only its user can open it. `lkas_status.h` implements the same rule in C.
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
    """Return `instance`, else LKAS_INSTANCE, else `default`. Raises ValueError when it makes no file name."""
    return file_word("instance", instance or os.environ.get(INSTANCE_VARIABLE) or DEFAULT_INSTANCE)


def file_word(what: str, word: str) -> str:
    """Return `word`. Raises ValueError, which begins with `what`, when it cannot be part of a file name."""
    if not _WORD.fullmatch(word):
        raise ValueError(f"{what} {word!r}: expected 1 to 64 letters, digits, - or _")
    return word


def runtime_directory(instance: str | None = None) -> Path:
    """Return the directory of an instance's status files and sockets without creating it."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    base = Path(given) / "lkas" if _is_own_directory(given) else Path(f"/tmp/lkas-{os.getuid()}")
    return base / instance_name(instance)


def make_runtime_directory(instance: str | None = None) -> Path:
    """Create the runtime directory where it is missing and return it.

    Raises PermissionError when another user owns it or can access it.
    """
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
    """Replace a file atomically (mode 0600): a reader sees the old content or the new one. Raises OSError."""
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
