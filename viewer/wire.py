"""What travels between the viewer and its page, on one WebSocket.

To the page: a binary message per frame (the header below, then the JPEG), and text messages, each one JSON object
with a `type`: the broker's own topics as they came, `ack`, and `viewer` (the state of this process).
From the page: text only, one of the structs below; anything else ends the connection.
"""

import struct
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lkas.integration.zmq import messages
from lkas.integration.zmq.messages import Name, Value

# type, padding, width px, height px, session, frame_id, capture time in epoch seconds; little-endian, 32 bytes
FRAME_HEADER = struct.Struct("<B3xHHqqd")
FRAME_TYPE = 1
MAX_INBOUND_BYTES = 4096
MAX_CREDIT = 4  # frames a page may have under way

PageRequestId = Annotated[str, Meta(min_length=1, max_length=64)]


class Frame(Struct, frozen=True, kw_only=True):
    """One camera picture as the broker sent it, encoded there once for everybody."""

    session: int
    frame_id: int
    timestamp: float  # s, epoch, of the exposure
    jpeg: bytes
    packet: bytes  # header and JPEG, ready for any number of pages

    @classmethod
    def packed(cls, head: messages.Frame, jpeg: bytes) -> "Frame":
        """Raises ValueError when a figure does not fit the header."""
        try:
            header = FRAME_HEADER.pack(FRAME_TYPE, head.width, head.height, head.session, head.frame_id, head.timestamp)
        except struct.error as error:
            raise ValueError(f"{head}: {error}") from error
        return cls(
            session=head.session,
            frame_id=head.frame_id,
            timestamp=head.timestamp,
            jpeg=jpeg,
            packet=header + jpeg,
        )


class Credit(Struct, frozen=True, tag="credit", tag_field="type", forbid_unknown_fields=True):
    """The page can take so many more frames; it sends one for each that it has drawn."""

    frames: Annotated[int, Meta(ge=1, le=MAX_CREDIT)]


class Action(Struct, frozen=True, tag="action", tag_field="type", forbid_unknown_fields=True):
    """Pause, resume, respawn and whatever else the broker knows."""

    action: Name
    request_id: PageRequestId
    params: Annotated[dict[Name, Value], Meta(max_length=16)] = {}


class SetParameter(Struct, frozen=True, tag="parameter", tag_field="type", forbid_unknown_fields=True):
    """One parameter's new value; the broker checks it against its declaration."""

    category: Name
    name: Name
    value: Value
    request_id: PageRequestId


class Answer(Struct, frozen=True, tag="ack", tag_field="type"):
    """The answer to a request. `ok` with `applied` null: accepted, a second answer will follow."""

    request_id: str
    ok: bool
    applied: Value = None
    active: bool | None = None
    error: str | None = None


class BrokerState(Struct, frozen=True, kw_only=True):
    """Whether the broker is heard."""

    alive: bool
    address: str
    silent_s: float | None  # since its last message; None: there never was one


class ViewerState(Struct, frozen=True, tag="viewer", tag_field="type", kw_only=True):
    """This process, once a second: the page sets its clock by it."""

    time: float  # s, epoch
    broker: BrokerState
    viewers: int


PageMessage = Credit | Action | SetParameter

_page_decoder = msgspec.json.Decoder(PageMessage)


def decode_page_message(text: str) -> PageMessage:
    """A message from the page; raises msgspec.DecodeError (ValidationError is one) with what is wrong."""
    return _page_decoder.decode(text)


def encode(message: Struct) -> str:
    return messages.encode(message).decode()
