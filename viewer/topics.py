"""Checks the broker's messages; an invalid one never reaches a page.

A page receives the JSON of the broker unchanged, so that new fields need no change here.
"""

from collections.abc import Sequence

import msgspec

from lkas.integration.zmq import messages
from viewer.wire import PageFrame

FRAME = "frame"
EVENT = "event"
PARAMETERS = "parameters"

_JPEG_START = b"\xff\xd8"
_TEXT_TOPICS = {
    "detection": messages.Detection,
    "control": messages.Control,
    "state": messages.State,
    "health": messages.Health,
    PARAMETERS: messages.Parameters,
    EVENT: messages.BroadcastEvent,
}
TELEMETRY = tuple(_TEXT_TOPICS)

_frame_decoder = msgspec.json.Decoder(messages.FrameHeader)
_text_decoders = {topic: msgspec.json.Decoder(kind) for topic, kind in _TEXT_TOPICS.items()}


class InvalidMessageError(ValueError):
    """A message that does not have the type of its topic."""


def topic_of(parts: Sequence[bytes]) -> str:
    return parts[0].decode("ascii", "replace")


def decode_frame(parts: Sequence[bytes]) -> PageFrame:
    """Decode [topic, JSON, JPEG] to a frame that can be sent. Raises InvalidMessageError."""
    if len(parts) != 3:
        raise InvalidMessageError(f"frame: expected 3 parts, found {len(parts)}")
    try:
        head = _frame_decoder.decode(parts[1])
        if not parts[2].startswith(_JPEG_START):
            raise InvalidMessageError("frame: the third part is not a JPEG")
        return PageFrame.packed(head, parts[2])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidMessageError(f"frame: {error}") from error


def validated_text(parts: Sequence[bytes]) -> str:
    """Check [topic, JSON] and return the JSON unchanged. Raises InvalidMessageError."""
    topic = topic_of(parts)
    if topic not in _text_decoders:
        raise InvalidMessageError(f"{topic[:32]!r}: unknown topic")
    if len(parts) != 2:
        raise InvalidMessageError(f"{topic}: expected 2 parts, found {len(parts)}")
    try:
        _text_decoders[topic].decode(parts[1])
        return parts[1].decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMessageError(f"{topic}: {error}") from error
