"""lkas_json.h against Python's json module: both accept the same texts and find the same values."""

import ctypes
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.lkas.integration.client.conftest import compiled

SOURCE = Path(__file__).with_name("json_library.c")
MAX_DEPTH = 16

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    plain | words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
)
objects = st.dictionaries(words, values, max_size=4)
texts = st.builds(
    lambda item, indent, ascii_only: json.dumps(item, indent=indent, ensure_ascii=ascii_only),
    objects,
    st.sampled_from([None, 1]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> ctypes.CDLL:
    path = compiled(SOURCE, tmp_path_factory.mktemp("json") / "json.so", "-std=c11", "-shared", "-fPIC")
    return ctypes.CDLL(str(path))


def is_object(library, text: bytes) -> bool:
    return bool(library.is_object(text, ctypes.c_size_t(len(text))))


def python_accepts(text: bytes) -> bool:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(text.decode("latin-1"), parse_constant=refuse), dict)
    except ValueError:
        return False


@settings(max_examples=50)
@given(text=texts)
def test_objects_are_accepted_and_their_members_counted(library, text):
    data = text.encode()
    assert is_object(library, data)
    assert library.count_members(data, ctypes.c_size_t(len(data))) == len(json.loads(text))


@given(text=texts, cut=st.integers(0, 80), put=st.binary(max_size=3), removed=st.integers(0, 3))
@example(text='{"a": 1}', cut=6, put=b"01", removed=1)
@example(text='{"a": "b"}', cut=7, put=b"\\", removed=1)
@example(text='{"a": "b"}', cut=7, put=b"\\u12", removed=1)
@example(text='{"a": 1}', cut=6, put=b"NaN", removed=1)
@example(text='{"a": 1}', cut=7, put=b",", removed=0)
def test_damaged_texts_are_accepted_where_python_accepts_them(library, text, cut, put, removed):
    data = text.encode()
    damaged = data[:cut] + put + data[cut + removed :]
    assert is_object(library, damaged) == python_accepts(damaged)


@given(text=st.binary(max_size=40))
def test_any_bytes_are_accepted_where_python_accepts_them(library, text):
    assert is_object(library, text) == python_accepts(text)


@given(number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15), before=words)
def test_numbers_are_read_exactly(library, number, before):
    text = json.dumps({before + "x": before, "n": number}).encode()
    found = ctypes.c_double()
    assert library.number_of(text, ctypes.c_size_t(len(text)), b"n", ctypes.byref(found))
    assert found.value == float(number)


@pytest.mark.parametrize("value", ["1e999", '"1"', "true", "null", "[1]", "1" * 64])
def test_other_values_are_no_finite_number(library, value):
    text = f'{{"n": {value}}}'.encode()
    assert not library.number_of(text, ctypes.c_size_t(len(text)), b"n", ctypes.byref(ctypes.c_double()))


@given(word=words.filter(lambda word: "\0" not in word), ascii_only=st.booleans(), capacity=st.integers(1, 80))
def test_strings_are_read_when_they_fit(library, word, ascii_only, capacity):
    text = json.dumps({"other": {"n": 1}, "n": word}, ensure_ascii=ascii_only).encode()
    found = ctypes.create_string_buffer(b"?" * capacity, capacity)
    fits = library.text_of(text, ctypes.c_size_t(len(text)), b"n", found, ctypes.c_size_t(capacity))
    assert bool(fits) == (len(word.encode()) < capacity)
    assert not fits or found.value.decode() == word


@pytest.mark.parametrize("escape", ["\\u0000", "\\ud800", "\\ud800x", "\\ud800\\u0041", "\\udc00"])
def test_escapes_that_a_c_string_cannot_hold_are_refused(library, escape):
    text = f'{{"n": "{escape}"}}'.encode()
    found = ctypes.create_string_buffer(16)
    assert is_object(library, text)
    assert not library.text_of(text, ctypes.c_size_t(len(text)), b"n", found, ctypes.c_size_t(16))


def test_the_nesting_depth_is_limited(library):
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert is_object(library, nested(MAX_DEPTH))
    assert not is_object(library, nested(MAX_DEPTH + 1))
    assert not is_object(library, b'{"a":' + b"[" * 100_000)


@given(text=st.binary(max_size=60).filter(lambda text: b"\0" not in text), capacity=st.integers(8, 80))
def test_quoted_strings_are_json_and_fit(library, text, capacity):
    found = ctypes.create_string_buffer(capacity)
    library.quote(found, ctypes.c_size_t(capacity), text)
    words = json.loads(found.value.decode("ascii"))
    plain = "".join(chr(byte) if 0x20 <= byte <= 0x7E else "?" for byte in text)
    assert plain.startswith(words)
    assert words == plain or len(found.value) + 2 >= capacity - 1
