"""What goes through the socket: a line of JSON for each message, a text or an object, of at most 64 KiB."""

from typing import Any

import msgspec

MAX_LINE_BYTES = 64 * 1024  # with its line end

EventMessage = str | dict[str, Any]

_decoder = msgspec.json.Decoder(EventMessage)


class EventError(Exception):
    """A socket that can not be had or is not in use; the text says what to do."""


class MalformedEventError(EventError, ValueError):
    """No message: neither text nor object, no JSON, or too long."""


def encode(message: EventMessage) -> bytes:
    """A message as its line. Raises MalformedEventError."""
    if not isinstance(message, (str, dict)):
        raise MalformedEventError(f"a message is a str or a dict, not {type(message).__name__}")
    try:
        line = msgspec.json.encode(message) + b"\n"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedEventError(f"a message that JSON can not hold: {error}") from error
    if len(line) > MAX_LINE_BYTES:
        raise MalformedEventError(f"a message of {len(line)} bytes, at most {MAX_LINE_BYTES} are sent")
    return line


def decode(line: bytes) -> EventMessage:
    """The message of a line, without its end. Raises MalformedEventError."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedEventError(f"not a message: {error}") from error


class LineSplitter:
    """Bytes as they come to whole lines."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now. Raises MalformedEventError for one without end; then the peer is lost."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        if max(map(len, (*lines, self._begun))) >= MAX_LINE_BYTES:
            raise MalformedEventError(f"a line of more than {MAX_LINE_BYTES} bytes")
        return lines
