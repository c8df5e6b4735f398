"""Messages between the viewer and its page on one WebSocket.

To the page: a binary message per frame (the header below, then the JPEG), and text messages, each a JSON object with a
`type`: the broker's topics unchanged, `ack`, and `viewer` (the state of this process).
From the page: text only, one of the structs in `PageMessage`; anything else ends the connection. Requests and answers
are those of the broker, with a `type` and stricter limits.
"""

import struct
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from lkas.integration.zmq import messages
from lkas.integration.zmq.messages import Ack, ActionRequest, Name, ParameterRequest, Value

# type, padding, width px, height px, session, frame_id, capture time in epoch seconds; little-endian, 32 bytes
FRAME_HEADER = struct.Struct("<B3xHHqqd")
FRAME_TYPE = 1
MAX_INBOUND_BYTES = 4096
MAX_CREDIT = 4  # frames that may be on their way to a page

PageRequestId = Annotated[str, Meta(min_length=1, max_length=64)]


class PageFrame(Struct, frozen=True, kw_only=True):
    """A camera frame, encoded once by the broker for all pages."""

    session: int
    frame_id: int
    timestamp: float  # s, epoch, of the exposure
    jpeg: bytes
    packet: bytes  # header and JPEG, ready for any number of pages

    @classmethod
    def packed(cls, head: messages.FrameHeader, jpeg: bytes) -> "PageFrame":
        """Pack a frame of the broker. Raises ValueError when a value does not fit the header."""
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
    """The page can take this many more frames. It sends one credit for each frame that it has drawn."""

    frames: Annotated[int, Meta(ge=1, le=MAX_CREDIT)]


class PageActionRequest(
    ActionRequest, frozen=True, kw_only=True, tag="action", tag_field="type", forbid_unknown_fields=True
):
    """An action that a page requests."""

    request_id: PageRequestId  # pyright: ignore[reportGeneralTypeIssues]  # required here, unlike in the base class
    params: Annotated[dict[Name, Value], Meta(max_length=16)] = field(default_factory=dict)


class PageParameterRequest(
    ParameterRequest, frozen=True, kw_only=True, tag="parameter", tag_field="type", forbid_unknown_fields=True
):
    """A parameter change that a page requests."""

    request_id: PageRequestId  # pyright: ignore[reportGeneralTypeIssues]  # required here, unlike in the base class


class PageAck(Ack, frozen=True, kw_only=True, tag="ack", tag_field="type"):
    """The broker's answer to a request of a page."""


class BrokerState(Struct, frozen=True, kw_only=True):
    """Whether messages of the broker arrive."""

    alive: bool
    address: str
    silent_s: float | None  # since its last message; None: there was none


class ViewerState(Struct, frozen=True, tag="viewer", tag_field="type", kw_only=True):
    """The state of this process, sent once a second. The page sets its clock by it."""

    time: float  # s, epoch
    broker: BrokerState
    viewers: int


PageMessage = Credit | PageActionRequest | PageParameterRequest

_page_decoder = msgspec.json.Decoder(PageMessage)


def decode_page_message(text: str) -> PageMessage:
    """Decode a message from the page. Raises msgspec.DecodeError with what is wrong."""
    return _page_decoder.decode(text)


def encode(message: Struct) -> str:
    return messages.encode(message).decode()
