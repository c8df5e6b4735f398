"""Logging of the programs: one line per record with the name of the process; warnings on change, not per frame.

Logs and everything else that a program prints go through lkas.runtime.output, so that no reader can block the program.
"""

import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from lkas.runtime.output import OutputStream, RotatingFile
from lkas.runtime.printable import printable

FORMAT = "%(asctime)s %(levelname)-7s {process:<10} %(message)s"


class LogFormat(StrEnum):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"  # one object a line: time (UTC), level, process, logger, text


class LogOptions(Struct, frozen=True, kw_only=True):
    """What a user can choose about the log."""

    verbose: bool = False
    format: LogFormat = LogFormat.TEXT
    file: Path | None = None  # the log as well as standard error goes there; rotated


class Output:
    """The standard output and error of a program while it runs. `close` restores the streams."""

    def __init__(self, process: str, options: LogOptions) -> None:
        """Replace both streams and log to standard error. Raises OSError when the log file cannot be opened."""
        self._file = None if options.file is None else RotatingFile(options.file)
        more = () if self._file is None else (self._file,)
        self._streams = OutputStream(sys.stdout), OutputStream(sys.stderr, *more)
        sys.stdout, sys.stderr = self._streams
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_formatter(process, options.format))
        level = logging.DEBUG if options.verbose else logging.INFO
        logging.basicConfig(handlers=[handler], level=level, force=True)

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what still waits, for a bounded time."""
        for stream in self._streams:
            stream.close_writers()
        sys.stdout, sys.stderr = (stream.original for stream in self._streams)
        if self._file is not None:
            self._file.close()


class LogFileError(Exception):
    """The log file cannot be opened; the text says why."""


def set_up(process: str, options: LogOptions) -> Output:
    """Send what this program prints and logs through bounded queues. Programs call this once; libraries never do.

    Raises LogFileError.
    """
    try:
        return Output(process, options)
    except OSError as error:
        raise LogFileError(f"--log-file {options.file}: cannot be written: {error.strerror}") from error


def supervisor_line(options: LogOptions) -> Callable[[str, str], str]:
    """Return how a supervisor prints a line of a child: `function(process, line)`."""
    return _as_record if options.format is LogFormat.JSON else lambda process, line: line


def _as_record(process: str, line: str) -> str:
    """Return a line that a child printed as a JSON log line; one that is a log line already stays as it is."""
    if line.startswith('{"time":'):
        return line
    return _json_line(datetime.now(UTC), "WARNING", process, "stderr", line.rstrip("\n"))


def _formatter(process: str, log_format: LogFormat) -> logging.Formatter:
    if log_format is LogFormat.JSON:
        return _JsonFormatter(process)
    return _TextFormatter(FORMAT.format(process=process), datefmt="%H:%M:%S")


class _TextFormatter(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        record.message = printable(record.message)
        return super().formatMessage(record)


class _JsonFormatter(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        when = datetime.fromtimestamp(record.created, UTC)
        return _json_line(when, record.levelname, self._process, record.name, text).rstrip("\n")


def _json_line(when: datetime, level: str, process: str, logger: str, text: str) -> str:
    record = {"time": when.isoformat(timespec="milliseconds"), "level": level.lower(), "process": process}
    return msgspec.json.encode(record | {"logger": logger, "text": text}).decode() + "\n"
