"""The layout of a message in the form that the C core packs and unpacks it by."""

import functools

from msgspec import Struct

from lkas.integration.shared_memory import _core, layout

_NO_STAMPS = 0xFFFFFFFF  # LKAS_NO_STAMPS: a record without stamps


@functools.cache
def packed_record(message_type: type[Struct]) -> _core.Record:
    """Return the packed record of a message, made once per process."""
    record = layout.record_of(message_type)
    return _core.Record(
        message_type,
        record.slot_bytes,
        record.schema_hash,
        _NO_STAMPS if record.stamp_offset is None else record.stamp_offset,
        tuple(_packed_field(field) for field in record.fields),
    )


def _packed_field(field: layout.Field) -> tuple:
    detail = field.detail
    stride = 0
    if field.kind == "enum":
        detail = tuple(detail)
    elif field.kind == "struct":
        detail = packed_record(detail.type)
    elif field.kind == "tuple":
        stride = field.size // field.capacity
        detail = _packed_field(detail)
    presence = -1 if field.presence_offset is None else field.presence_offset
    count = -1 if field.count_offset is None else field.count_offset
    return (field.name, field.kind, field.offset, presence, count, field.capacity, stride, detail)
