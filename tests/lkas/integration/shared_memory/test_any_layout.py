"""Random structs: the fields of the record do not overlap, and arrive unchanged."""

import itertools
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from lkas.integration.shared_memory import MessageChannel, layout, messages
from lkas.integration.shared_memory.layout import Field, Record
from tests.lkas.integration.shared_memory.test_round_trips import QUIET, same, values

ENUMS = [messages.LineType, messages.ControlMode]


def texts(kind: type) -> st.SearchStrategy:
    return st.integers(1, 40).map(lambda size: Annotated[kind, Meta(extra={"bytes": size})])


plain = st.sampled_from([bool, int, float, *ENUMS])


def structs(hints: st.SearchStrategy) -> st.SearchStrategy:
    fields = st.lists(hints, min_size=1, max_size=6)
    return fields.map(lambda hints: msgspec.defstruct("Made", [(f"f{i}", h) for i, h in enumerate(hints)], frozen=True))


def tuples(hints: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(lambda hint, size: Annotated[tuple[hint, ...], Meta(max_length=size)], hints, st.integers(1, 5))


inner = st.one_of(plain, texts(str), texts(bytes), plain.map(lambda hint: hint | None))
present = st.one_of(plain, texts(str), texts(bytes), tuples(plain), structs(inner), tuples(structs(inner)))
MADE = structs(st.one_of(present, present.map(lambda hint: hint | None)))


def places(field: Field) -> list[tuple[int, int]]:
    """Return (start, end) of each part of a field."""
    taken = [(field.offset, field.offset + field.size)]
    if field.presence_offset is not None:
        taken.append((field.presence_offset, field.presence_offset + 1))
    if field.count_offset is not None:
        taken.append((field.count_offset, field.count_offset + 4))
    return taken


def check(record: Record) -> None:
    taken = sorted(place for field in record.fields for place in places(field))
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(taken))
    assert taken[-1][1] <= record.size
    for field in record.fields:
        assert field.offset % (field.alignment if field.kind not in ("text", "bytes") else 1) == 0
        detail = field.detail.detail if field.kind == "tuple" else field.detail
        if isinstance(detail, Record):
            check(detail)


@given(made=MADE)
@settings(max_examples=100, suppress_health_check=QUIET)
def test_fields_are_separate_aligned_and_inside(made):
    record = layout.record_of(made)
    check(record)
    renamed = [(f"other_{name}", hint) for name, hint in made.__annotations__.items()]
    assert layout.record_of(msgspec.defstruct("Made", renamed)).schema_hash != record.schema_hash


@given(made=MADE, data=st.data())
@settings(max_examples=80, suppress_health_check=QUIET)
def test_every_struct_arrives_as_written(instance, made, data):
    record = layout.record_of(made)
    if record.size > 4096:
        with pytest.raises(ValueError, match="is larger than 4096"):
            MessageChannel(made, "made", create=True)
        return
    with MessageChannel(made, "made", create=True, checksum=True) as writer, MessageChannel(made, "made") as reader:
        message: Any = made(*(data.draw(values(field)) for field in record.fields))
        assert writer.write(message)
        assert same(reader.read(), message)
    writer.unlink()
