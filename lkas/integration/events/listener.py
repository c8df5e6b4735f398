"""A listening Unix socket at a path. Only one server runs at a time; it replaces the socket of a dead one.

The server holds a lock file beside the socket; the kernel releases the lock when the process ends for any reason. The
holder of the lock replaces the socket by renaming a new one over it, so that the path always exists.
"""

import fcntl
import os
import socket
import stat
from pathlib import Path

from lkas.integration.events.messages import EventError

MAX_PATH_BYTES = 107  # in the address of a Unix socket
BACKLOG = 16


class Listener:
    """Raises EventError when another server uses the path, or when it is not a socket of this user."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new_path = path.with_name(path.name + ".new")
        length = len(os.fsencode(self._new_path))
        if length > MAX_PATH_BYTES:
            raise EventError(f"{self._new_path}: {length} bytes, a socket's path has at most {MAX_PATH_BYTES}")
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock = self._locked()
        try:
            self._refuse_foreign()
            self.socket = self._bound()
        except OSError as error:
            self._unlock()
            raise EventError(f"{path}: cannot create the socket: {error.strerror}") from error
        except EventError:
            self._unlock()
            raise

    def close(self) -> None:
        """Close and remove the socket."""
        self.socket.close()
        self._path.unlink(missing_ok=True)
        self._unlock()

    def _locked(self) -> int:
        while True:
            try:
                lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise EventError(f"{self._lock_path}: cannot open it: {error.strerror}") from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.read(lock, 32).decode(errors="replace") or "another process"
                os.close(lock)
                raise EventError(
                    f"{self._path}: process {pid} serves this socket; stop it or use another path"
                ) from None
            if self._is_named(lock):
                os.truncate(lock, 0)
                os.write(lock, str(os.getpid()).encode())
                return lock
            os.close(lock)  # its owner has just removed it

    def _is_named(self, lock: int) -> bool:
        try:
            return os.path.samestat(os.fstat(lock), os.lstat(self._lock_path))
        except FileNotFoundError:
            return False

    def _unlock(self) -> None:
        self._lock_path.unlink(missing_ok=True)
        os.close(self._lock)

    def _refuse_foreign(self) -> None:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
            raise EventError(
                f"{self._path}: expected a socket of user {os.getuid()} or nothing, found "
                f"{stat.filemode(found.st_mode)} of user {found.st_uid}; it is not replaced: use another path"
            )

    def _bound(self) -> socket.socket:
        self._new_path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(os.fspath(self._new_path))
            self._new_path.chmod(0o600)
            listening.listen(BACKLOG)
            listening.setblocking(False)
            self._new_path.rename(self._path)
        except OSError:
            listening.close()
            self._new_path.unlink(missing_ok=True)
            raise
        return listening
