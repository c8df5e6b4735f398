import contextlib
import time
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage
from lkas.integration.zmq import messages
from lkas.integration.zmq.messages import MalformedMessageError

DECODERS = [
    messages.decode_action,
    messages.decode_parameter,
    messages.decode_ack,
    messages.decode_instruction,
    messages.decode_report,
    messages.decode_detection,
    messages.decode_topic,
]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b'"pause"',
        b"{}",
        b'{"action": 1}',
        b'{"action": ""}',
        b'{"action": null}',
        b'{"action": "pause", "params": null}',
        b'{"action": "pause", "params": []}',
        b'{"action": "pause", "params": {"speed": NaN}}',
        b'{"action": "pause", "params": {"speed": 1e999}}',
        b'{"action": "pause", "params": {"speed": [1]}}',
        b'{"action": "pause", "request_id": 7}',
        b'{"action": "' + b"x" * 65 + b'"}',
        b'{"action": "pause", "request_id": "' + b"x" * 129 + b'"}',
        b'{"action": "\xff"}',
        b'{"action": "pause", "deep": ' + b"[" * 20000,
        b'{"action": "pause", "params": {"n": ' + b"9" * 400 + b"}}",
    ],
)
def test_a_malformed_action_request_is_refused(text):
    with pytest.raises(MalformedMessageError):
        messages.decode_action(text)


@pytest.mark.parametrize("value", [b"true", b"null", b"60", b"60.5", b'"cv"'])
def test_parameter_values_are_scalars(value):
    text = b'{"category": "detection", "name": "canny_low", "value": ' + value + b"}"
    assert messages.decode_parameter(text).value == msgspec.json.decode(value)


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-1e999", b"[1]", b"{}", b"9" * 30, b'"' + b"x" * 1001 + b'"'])
def test_other_parameter_values_are_refused(value):
    with pytest.raises(MalformedMessageError):
        messages.decode_parameter(b'{"category": "detection", "name": "canny_low", "value": ' + value + b"}")


def test_a_parameter_request_needs_its_value():
    with pytest.raises(MalformedMessageError, match="value"):
        messages.decode_parameter(b'{"category": "detection", "name": "canny_low"}')


def test_unknown_fields_are_ignored_so_that_the_json_can_grow():
    request = messages.decode_action(b'{"action": "pause", "colour": ["blue"]}')
    assert request == messages.ActionRequest(action="pause")


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(decode, data):
    with contextlib.suppress(MalformedMessageError):
        decode(data)


def test_the_topics_have_all_fields_of_the_channel_messages():
    assert set(ControlMessage.__struct_fields__) <= set(messages.Control.__struct_fields__)
    assert set(DetectionMessage.__struct_fields__) <= set(messages.Detection.__struct_fields__)


def test_monotonic_stamps_become_epoch_seconds():
    before_s, stamp_ns = time.time(), time.monotonic_ns() - 60_000_000_000
    after_s = time.time()
    assert before_s - 60.001 <= messages.epoch_s(stamp_ns) <= after_s - 59.999
    before_s = time.time()
    assert before_s - 0.001 <= messages.epoch_s(0) <= time.time() + 0.001


@pytest.mark.parametrize("interrupted", [1, 2])
def test_an_interruption_between_the_two_clocks_changes_no_stamp(monkeypatch, interrupted):
    """Half a second passes before the second, or the third, read of a clock."""
    now_ns, reads = 1_000_000_000, 0

    def read(offset_ns):
        nonlocal now_ns, reads
        now_ns += 500_000_000 if reads == interrupted else 50
        reads += 1
        return now_ns + offset_ns

    clocks = SimpleNamespace(monotonic_ns=lambda: read(0), time_ns=lambda: read(7_000_000_000))
    monkeypatch.setattr(messages, "time", clocks)
    assert messages.epoch_s(900_000_000) == pytest.approx(7.9, abs=1e-6)


def test_a_number_that_is_not_finite_is_sent_as_null():
    state = messages.State(timestamp=1.0, speed=float("nan"), steering=float("inf"))
    assert msgspec.json.decode(messages.encode(state))["speed"] is None
    assert msgspec.json.decode(messages.encode(state))["steering"] is None
