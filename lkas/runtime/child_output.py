"""Reads what supervised processes print and passes it on line by line: none of them ever waits for its reader."""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import IO

MAX_LINE_BYTES = 16_384  # a longer line is passed on in pieces
END_LIMIT_S = 0.5  # that `finish` waits; a grandchild may keep a pipe open for ever

Line = Callable[[str], str]  # turns a line into what is printed


class ChildOutput:
    """The pipes of one process, each read by a thread of its own until its end."""

    def __init__(self, stdout: IO[bytes], stderr: IO[bytes], log_line: Line) -> None:
        """Take the two pipes of a process; `log_line` is applied to the lines of its standard error."""
        self._threads = [
            threading.Thread(target=_pass_on, args=arguments, name="child output", daemon=True)
            for arguments in ((stdout, "stdout", None), (stderr, "stderr", log_line))
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until the rest of an ended process is passed on, at most END_LIMIT_S."""
        deadline_s = time.monotonic() + END_LIMIT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))


def _pass_on(pipe: IO[bytes], stream: str, line_of: Line | None) -> None:
    rest = b""
    with pipe:
        while chunk := os.read(pipe.fileno(), 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _print(line + b"\n", stream, line_of)
            if len(rest) > MAX_LINE_BYTES:
                _print(rest + b"\n", stream, line_of)
                rest = b""
    if rest:
        _print(rest + b"\n", stream, line_of)


def _print(line: bytes, stream: str, line_of: Line | None) -> None:
    text = line.decode("utf-8", "backslashreplace")
    target = getattr(sys, stream)  # at this moment: the program may have replaced it
    target.write(text if line_of is None else line_of(text))
    target.flush()
