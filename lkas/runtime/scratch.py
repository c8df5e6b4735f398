"""A folder for the files of one run, also where /tmp is missing or read-only, as in some containers."""

import tempfile


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """Create a folder that is removed on exit: in the usual place or in shared memory. Raises OSError."""
    try:
        return tempfile.TemporaryDirectory(prefix="lkas-")
    except OSError:
        pass
    try:
        return tempfile.TemporaryDirectory(prefix="lkas-", dir="/dev/shm")
    except OSError as error:
        reason = (
            f"no folder for temporary files: neither $TMPDIR nor /tmp nor /dev/shm can be written: {error.strerror}"
        )
        raise OSError(error.errno, reason) from error
