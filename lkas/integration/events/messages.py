"""Messages of the event socket: one line of JSON each, a string or an object, of at most 64 KiB."""

from typing import Any

import msgspec

MAX_LINE_BYTES = 64 * 1024  # including the newline

EventMessage = str | dict[str, Any]

_decoder = msgspec.json.Decoder(EventMessage)


class EventError(Exception):
    """The socket cannot be used. The text says what to do."""


class MalformedEventError(EventError, ValueError):
    """Not a message: not JSON, neither string nor object, or too long."""


def encode(message: EventMessage) -> bytes:
    """Encode a message as a line. Raises MalformedEventError."""
    if not isinstance(message, (str, dict)):
        raise MalformedEventError(f"a message is a str or a dict, not {type(message).__name__}")
    try:
        line = msgspec.json.encode(message) + b"\n"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedEventError(f"cannot encode the message as JSON: {error}") from error
    if len(line) > MAX_LINE_BYTES:
        raise MalformedEventError(f"a message of {len(line)} bytes, expected at most {MAX_LINE_BYTES}")
    return line


def decode(line: bytes) -> EventMessage:
    """Decode a line without its newline. Raises MalformedEventError."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedEventError(f"not a message: {error}") from error


class LineSplitter:
    """Splits a stream of bytes into lines."""

    def __init__(self) -> None:
        self._incomplete = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete. Raises MalformedEventError for a line that is too long; the rest of the
        stream cannot be used then."""
        *lines, self._incomplete = (self._incomplete + data).split(b"\n")
        if max(map(len, (*lines, self._incomplete))) >= MAX_LINE_BYTES:
            raise MalformedEventError(f"a line of more than {MAX_LINE_BYTES} bytes")
        return lines
