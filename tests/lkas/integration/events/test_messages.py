"""Lines of JSON that arrive in pieces, and malformed lines."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkas.integration.events.messages import MAX_LINE_BYTES, LineSplitter, MalformedEventError, decode, encode

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | words
)
messages = words | st.dictionaries(words, st.recursive(plain, lambda inner: st.lists(inner, max_size=3)), max_size=4)


@settings(max_examples=60)
@given(sent=st.lists(messages, max_size=5), cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_messages_are_complete_however_the_stream_is_split(sent, cuts):
    stream, splitter, received = b"".join(encode(message) for message in sent), LineSplitter(), []
    while stream:
        cut = cuts[len(stream) % len(cuts)]
        received += [decode(line) for line in splitter.feed(stream[:cut])]
        stream = stream[cut:]
    assert received == sent


@settings(max_examples=60)
@given(line=st.binary(max_size=60) | st.recursive(plain, st.lists).map(lambda item: json.dumps(item).encode()))
def test_any_line_is_a_message_or_malformed(line):
    with contextlib.suppress(MalformedEventError):
        assert isinstance(decode(line), (str, dict))


def test_the_length_of_a_message_is_limited():
    longest = "x" * (MAX_LINE_BYTES - 3)
    splitter = LineSplitter()
    assert splitter.feed(encode(longest)) == [f'"{longest}"'.encode()]
    with pytest.raises(MalformedEventError, match="65537 bytes"):
        encode(longest + "x")
    with pytest.raises(MalformedEventError, match="more than 65536 bytes"):
        splitter.feed(b"x" * MAX_LINE_BYTES)


def test_deep_nesting_is_malformed():
    with pytest.raises(MalformedEventError):
        decode(b'{"a":' + b"[" * 50_000)
