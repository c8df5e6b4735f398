"""The binary record of a message, derived from its struct in messages.py.

A record is laid out as a C compiler would lay out the generated struct, so that C programs and Python read the same
bytes: `int` int64_t, `float` double, `bool` uint8_t, an Enum its member's index as int32_t, a nested struct in place,
`X | None` a uint8_t presence flag before X, text and bytes their length as uint32_t before their bytes, a tuple its
count as uint32_t before its elements. The schema hash covers all of that, nested records and enum members included.
"""

import enum
import functools
import hashlib
import types
import typing
from typing import Any

from msgspec import Meta, Struct

from lkas.integration.shared_memory import messages

RECORD_TYPES: tuple[type[Struct], ...] = (
    messages.ImageMessage,
    messages.DetectionMessage,
    messages.TracksMessage,
    messages.ControlMessage,
    messages.TimelineMessage,
    messages.VehicleState,
)

# Fields of Message that the core sets on publishing: two adjacent words.
CHANNEL_STAMPS = ("publish_ns", "sequence")

_SCALARS = {bool: ("bool", 1), int: ("int", 8), float: ("float", 8)}  # kind, bytes = alignment
_ENUM_BYTES = 4
_WORD_BYTES = 8  # records move as whole words
_COUNT_BYTES = 4


class Field(Struct, frozen=True, kw_only=True):
    """One value in a record."""

    name: str
    # bool, int, float, enum, text, bytes, struct, tuple; stamp: an int set by the channel; object: not in the record
    kind: str
    offset: int = 0
    size: int = 0
    alignment: int = 1
    presence_offset: int | None = None  # of the presence flag, for `X | None`
    count_offset: int | None = None  # of the length, for text and tuples
    capacity: int = 0  # bytes of a text or of bytes, elements of a tuple
    detail: Any = None  # Enum class, nested Record, or Field of a tuple's element


class Record(Struct, frozen=True, kw_only=True):
    """The place of every field of a message in memory."""

    type: type[Struct]
    fields: tuple[Field, ...]
    size: int
    alignment: int

    @property
    def name(self) -> str:
        return self.type.__name__

    @property
    def stamp_offset(self) -> int | None:
        """Of publish_ns, which sequence follows; None for a struct that is only ever nested."""
        return next((field.offset for field in self.fields if field.kind == "stamp"), None)

    @property
    def slot_bytes(self) -> int:
        """Bytes of the record in a slot of its channel."""
        return _aligned(self.size, _WORD_BYTES)

    @property
    def schema(self) -> str:
        """The record as text, nested records included: the input of the schema hash."""
        return f"{self.name}[{self.size}]{{{', '.join(_described(field) for field in self.fields)}}}"

    @property
    def schema_hash(self) -> int:
        """64 bits of SHA-256 over `schema`."""
        return int.from_bytes(hashlib.sha256(self.schema.encode()).digest()[:8], "big")


@functools.cache
def record_of(message_type: type[Struct]) -> Record:
    """Return the record of a message. TypeError for a field that a record cannot hold."""
    hints = typing.get_type_hints(message_type, include_extras=True)
    end, alignment, fields = 0, 1, []
    for name in message_type.__struct_fields__:
        field, end = _placed(f"{message_type.__name__}.{name}", hints[name], end)
        alignment = max(alignment, field.alignment)
        kind = "stamp" if name in CHANNEL_STAMPS else field.kind
        fields.append(_replaced(field, name=name, kind=kind))
    return Record(type=message_type, fields=tuple(fields), size=_aligned(end, alignment), alignment=alignment)


def _placed(path: str, hint: Any, end: int) -> tuple[Field, int]:
    """Place a field at the first aligned offset from `end` on; return it and the new end."""
    hint, meta = _without_meta(hint, Meta())
    presence_offset = None
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        present = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        if len(present) != 1:
            raise TypeError(f"{path}: {hint} cannot be in a record; only `X | None` can")
        hint, presence_offset, end = present[0], end, end + 1
        hint, meta = _without_meta(hint, meta)
    value = _value(path, hint, meta)
    count_offset = None
    if value.kind in ("text", "bytes", "tuple"):
        count_offset = _aligned(end, _COUNT_BYTES)
        end = count_offset + _COUNT_BYTES
    offset = _aligned(end, value.alignment)
    alignment = max(value.alignment, _COUNT_BYTES if count_offset is not None else 1)
    placed = _replaced(
        value, offset=offset, alignment=alignment, presence_offset=presence_offset, count_offset=count_offset
    )
    return placed, offset + value.size


def _without_meta(hint: Any, meta: Meta) -> tuple[Any, Meta]:
    return typing.get_args(hint)[:2] if typing.get_origin(hint) is typing.Annotated else (hint, meta)


def _value(path: str, hint: Any, meta: Meta) -> Field:
    """The field of a value of this type, at offset 0."""
    if hint in _SCALARS:
        kind, size = _SCALARS[hint]
        return Field(name="", kind=kind, size=size, alignment=size)
    if hint in (str, bytes):
        kind, capacity = "text" if hint is str else "bytes", (meta.extra or {}).get("bytes")
        if not capacity:
            raise TypeError(f"{path}: {kind} needs a capacity, as in Meta(extra={{'bytes': 64}})")
        return Field(name="", kind=kind, size=capacity, capacity=capacity)
    if hint is Any:
        return Field(name="", kind="object")
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return Field(name="", kind="enum", size=_ENUM_BYTES, alignment=_ENUM_BYTES, detail=hint)
    if isinstance(hint, type) and issubclass(hint, Struct):
        record = record_of(hint)
        return Field(name="", kind="struct", size=record.size, alignment=record.alignment, detail=record)
    if typing.get_origin(hint) is tuple and typing.get_args(hint)[1:] == (...,):
        if meta.max_length is None:
            raise TypeError(f"{path}: a tuple needs a capacity, as in Meta(max_length=8)")
        element, stride = _placed(path, typing.get_args(hint)[0], 0)
        if element.count_offset is not None or element.presence_offset is not None:
            raise TypeError(f"{path}: the elements of a tuple must be plain records or numbers")
        size = stride * meta.max_length
        return Field(
            name="", kind="tuple", size=size, alignment=element.alignment, capacity=meta.max_length, detail=element
        )
    raise TypeError(f"{path}: {hint} cannot be in a record")


def _replaced(field: Field, **changes: Any) -> Field:
    return Field(**{name: getattr(field, name) for name in field.__struct_fields__} | changes)


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


def _described(field: Field) -> str:
    if field.kind == "struct":
        kind = field.detail.schema
    elif field.kind == "enum":
        kind = f"{field.detail.__name__}({' '.join(str(member.value) for member in field.detail)})"
    elif field.kind == "tuple":
        kind = f"{field.capacity} x {_described(field.detail)}"
    else:
        kind = f"{field.kind}{field.capacity or ''}"
    optional = "?" if field.presence_offset is not None else ""
    return f"{field.name}: {kind}{optional} @{field.offset}"
