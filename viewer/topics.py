"""The broker's topics as they arrive, decoded strictly: what does not fit never reaches a page.

The page gets the broker's own JSON, not a copy of it, so that fields added there pass through.
"""

from collections.abc import Sequence

import msgspec

from lkas.integration.zmq import messages
from viewer.wire import Frame

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
    EVENT: messages.Event,
}
TELEMETRY = tuple(_TEXT_TOPICS)

_frame_decoder = msgspec.json.Decoder(messages.Frame)
_text_decoders = {topic: msgspec.json.Decoder(kind) for topic, kind in _TEXT_TOPICS.items()}


class WireError(ValueError):
    """A message that is not what its topic promises."""


def topic_of(parts: Sequence[bytes]) -> str:
    return parts[0].decode("ascii", "replace")


def decode_frame(parts: Sequence[bytes]) -> Frame:
    """[topic, JSON, JPEG] -> the frame, ready to be sent. Raises WireError."""
    if len(parts) != 3:
        raise WireError(f"frame: expected 3 parts, found {len(parts)}")
    try:
        head = _frame_decoder.decode(parts[1])
        if not parts[2].startswith(_JPEG_START):
            raise WireError("frame: the third part is not a JPEG")
        return Frame.packed(head, parts[2])
    except (msgspec.DecodeError, ValueError) as error:
        raise WireError(f"frame: {error}") from error


def checked_text(parts: Sequence[bytes]) -> str:
    """[topic, JSON] -> the JSON as it came, known to be what the topic promises. Raises WireError."""
    topic = topic_of(parts)
    if topic not in _text_decoders:
        raise WireError(f"{topic[:32]!r}: no such topic")
    if len(parts) != 2:
        raise WireError(f"{topic}: expected 2 parts, found {len(parts)}")
    try:
        _text_decoders[topic].decode(parts[1])
        return parts[1].decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"{topic}: {error}") from error
