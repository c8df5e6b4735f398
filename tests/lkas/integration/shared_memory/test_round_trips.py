"""Every message type arrives as it was written, whatever is in it."""

import enum
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from lkas.integration.shared_memory import _core, layout
from lkas.integration.shared_memory.layout import Field, Record
from lkas.integration.shared_memory.messages import ImageMessage
from lkas.integration.shared_memory.packing import packed_record
from lkas.integration.shared_memory.segment import segment_path

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
RECORDS = [layout.record_of(kind) for kind in layout.RECORD_TYPES if kind is not ImageMessage]


def values(field: Field) -> st.SearchStrategy:
    match field.kind:
        case "bool":
            strategy = st.booleans()
        case "int" | "stamp":
            strategy = st.integers(-(2**63), 2**63 - 1)
        case "float":
            strategy = st.floats()
        case "enum":
            strategy = st.sampled_from(list(field.detail))
        case "text":
            strategy = st.text(st.characters(exclude_categories=["Cs"]), max_size=field.capacity // 4)
        case "bytes":
            strategy = st.binary(max_size=field.capacity)
        case "struct":
            strategy = structs_of(field.detail)
        case "tuple":
            strategy = st.lists(values(field.detail), max_size=field.capacity).map(tuple)
        case _:
            raise AssertionError(f"no values are known for kind {field.kind}")
    return strategy if field.presence_offset is None else st.none() | strategy


def structs_of(record: Record) -> st.SearchStrategy:
    return st.builds(record.type, **{field.name: values(field) for field in record.fields})


def same(a: object, b: object) -> bool:
    """Equality in which a NaN is itself and 1 is not 1.0."""
    if isinstance(a, Struct) and isinstance(b, Struct):
        return type(a) is type(b) and all(same(getattr(a, name), getattr(b, name)) for name in a.__struct_fields__)
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (math.isnan(a) and math.isnan(b)))
    return type(a) is type(b) and a == b and (not isinstance(a, enum.Enum) or a is b)


@pytest.fixture(params=RECORDS, ids=lambda record: record.name)
def pair(request, opened):
    record = packed_record(request.param.type)
    path = segment_path("round_trip")
    return request.param, opened(_core.Channel, path, record, True, 2), opened(_core.Channel, path, record, False)


@given(data=st.data())
@settings(max_examples=50, suppress_health_check=QUIET)
def test_messages_arrive_as_written(pair, data):
    record, writer, reader = pair
    message = data.draw(structs_of(record))
    assert writer._write_message(message)
    received = reader.read()
    stamped = structs.replace(message, publish_ns=received.publish_ns, sequence=received.sequence)
    assert same(received, stamped)
    assert writer._write_values(
        *(getattr(message, name) for name in message.__struct_fields__ if name not in layout.CHANNEL_STAMPS)
    )
    assert same(
        structs.replace(reader.read(), publish_ns=0, sequence=0), structs.replace(message, publish_ns=0, sequence=0)
    )


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_too_long_tuples_are_refused(record, opened):
    for field in record.fields:
        if field.kind != "tuple":
            continue
        writer = opened(_core.Channel, segment_path("round_trip"), packed_record(record.type), True, 2)
        message = record.type(**{field.name: (None,) * (field.capacity + 1)})
        with pytest.raises(ValueError, match=f"expected at most {field.capacity} elements"):
            writer._write_message(message)


@given(data=st.data())
@settings(max_examples=50, suppress_health_check=QUIET)
def test_image_stamps_arrive_as_written(camera_pair, data):
    writer, reader = camera_pair
    message = data.draw(st.builds(ImageMessage, image=st.integers(0, 255), **stamps()))
    image = np.full((3, 5, 3), message.image, np.uint8)
    assert writer._write_image(image, message.session, message.frame_id, message.timestamp, message.capture_ns)
    received = reader.read()
    assert np.array_equal(received.image, image)
    assert same(
        structs.replace(received, image=0, publish_ns=0, sequence=0),
        structs.replace(message, image=0, publish_ns=0, sequence=0),
    )


def stamps() -> dict[str, st.SearchStrategy]:
    return {field.name: values(field) for field in layout.record_of(ImageMessage).fields if field.kind != "object"}


@pytest.fixture
def camera_pair(opened):
    record, path = packed_record(ImageMessage), segment_path("round_trip")
    return (
        opened(_core.Channel, path, record, True, 2, 3, 5, 3),
        opened(_core.Channel, path, record, False),
    )
