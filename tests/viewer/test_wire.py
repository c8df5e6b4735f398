import json

import msgspec
import pytest

from lkas.integration.zmq import messages
from viewer.topics import InvalidMessageError, decode_frame, validated_text
from viewer.wire import FRAME_HEADER, Credit, PageActionRequest, PageParameterRequest, decode_page_message

JPEG = b"\xff\xd8 pixels \xff\xd9"
HEAD = messages.FrameHeader(session=2**53 - 1, frame_id=2**40, timestamp=1_795_256_899.25, width=800, height=600)


def test_a_frame_packet_is_the_header_and_the_jpeg():
    frame = decode_frame([b"frame", messages.encode(HEAD), JPEG])
    assert FRAME_HEADER.size == 32
    assert FRAME_HEADER.unpack(frame.packet[:32]) == (1, 800, 600, 2**53 - 1, 2**40, 1_795_256_899.25)
    assert frame.packet[32:] == frame.jpeg == JPEG


@pytest.mark.parametrize(
    "parts",
    [
        [b"frame", messages.encode(HEAD)],
        [b"frame", messages.encode(HEAD), b"not a JPEG"],
        [b"frame", b'{"type": "frame"}', JPEG],
        [b"frame", b"\xff\xfe", JPEG],
        [b"frame", messages.encode(msgspec.structs.replace(HEAD, width=-1)), JPEG],
        [b"frame", messages.encode(msgspec.structs.replace(HEAD, height=70_000)), JPEG],
    ],
)
def test_a_malformed_frame_is_refused(parts):
    with pytest.raises(InvalidMessageError, match="frame"):
        decode_frame(parts)


def test_a_topic_passes_unchanged_with_unknown_fields():
    text = json.dumps({"type": "state", "timestamp": 1.5, "speed": 3.0, "mood": "calm"})
    assert validated_text([b"state", text.encode()]) == text


@pytest.mark.parametrize(
    "parts",
    [
        [b"state", b'{"type": "state", "timestamp": 1.5, "speed": NaN}'],
        [b"state", b'{"type": "state", "timestamp": 1.5, "speed": "fast"}'],
        [b"state", b'{"type": "control", "timestamp": 1.5}'],
        [b"state", b"[]"],
        [b"state", b'{"type": "state", "timestamp": 1.5}', b"more"],
        [b"weather", b"{}"],
        [b"detection", b'{"type": "detection", "left_line_px": [[1]]}'],
    ],
)
def test_a_malformed_topic_is_refused(parts):
    with pytest.raises(InvalidMessageError):
        validated_text(parts)


def test_valid_messages_of_a_page():
    assert decode_page_message('{"type": "credit", "frames": 2}') == Credit(2)
    assert decode_page_message('{"type": "action", "action": "pause", "request_id": "1"}') == PageActionRequest(
        action="pause", request_id="1"
    )
    text = '{"type": "parameter", "category": "detection", "name": "canny_low", "value": 60.5, "request_id": "2"}'
    assert decode_page_message(text) == PageParameterRequest(
        category="detection", name="canny_low", value=60.5, request_id="2"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"type": "shutdown"}',
        '{"type": "credit", "frames": 0}',
        '{"type": "credit", "frames": 1000000}',
        '{"type": "credit", "frames": 1, "more": 1}',
        '{"type": "action", "action": "", "request_id": "1"}',
        '{"type": "action", "action": "pause"}',
        '{"type": "action", "action": "pause", "request_id": "1", "params": {"a": [1]}}',
        '{"type": "parameter", "category": "detection", "name": "x", "value": NaN, "request_id": "1"}',
        '{"type": "parameter", "category": "detection", "name": "x", "value": {}, "request_id": "1"}',
    ],
)
def test_invalid_messages_of_a_page(text):
    with pytest.raises(msgspec.DecodeError):
        decode_page_message(text)
