"""Runs the command line of a program: the same start and the same end of output for all three."""

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

from lkas.runtime.descriptors import open_standard_streams
from lkas.runtime.exit_codes import EXIT_FAILED

OUTPUT_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def run_command(app: Callable[..., Any], name: str) -> None:
    """Run a typer app. An output that cannot be written (a full disk) is one sentence and exit code 1."""
    open_standard_streams()
    try:
        app(prog_name=name)
        sys.stdout.flush()
    except SystemExit:
        _check_output(name)
        raise
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        _give_up_output(name, error)


def _check_output(name: str) -> None:
    """Write what waits in standard output now, while an error can still be said."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _give_up_output(name, error)


def _give_up_output(name: str, error: OSError) -> None:
    print(f"{name}: the output cannot be written: {error.strerror}", file=sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what waits must not fail again when the interpreter ends
    raise SystemExit(EXIT_FAILED)
