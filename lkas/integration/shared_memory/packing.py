"""A message's layout in the form the C core packs and unpacks it by, and calls whose arguments it parses."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from msgspec import Struct

from lkas.integration.shared_memory import _core, layout

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_WORD_BYTES = 8  # records move as whole words
_NO_STAMPS = 0xFFFFFFFF  # LKAS_NO_STAMPS: a record that is only ever nested


@functools.cache
def packed_record(message_type: type[Struct]) -> _core.Record:
    """The record of a message, made once per process."""
    record = layout.record_of(message_type)
    return _core.Record(
        message_type,
        -(-record.size // _WORD_BYTES) * _WORD_BYTES,
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


def packed_call(
    message_type: type[Struct], via: Callable[..., Any], valid_s: float = 0.0
) -> Callable[[FunctionT], FunctionT]:
    """A decorator that turns a declaration without a body into a call that the C core carries out.

    The parameters after `self` are the fields of the message by name, in any order; all but those that the channel
    sets. Their values go to `via`, a method of `_core.Channel`, in the order of the fields, an image first.
    `timestamp` and `capture_ns` are now, and `valid_until` is `timestamp` + `valid_s`, where they are None.
    """

    def declared(function: FunctionT) -> FunctionT:
        code = function.__code__
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        positional = names[: code.co_argcount - 1]
        values = function.__defaults__ or ()
        defaults = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
        fields = [name for name in message_type.__struct_fields__ if name not in layout.CHANNEL_STAMPS]
        order = [name for name in fields if name == "image" and name in names]
        order += [name for name in fields if name != "image"]
        return cast(
            FunctionT,
            _core.Call(
                function,
                via,
                names,
                len(positional),
                defaults | (function.__kwdefaults__ or {}),
                tuple(map(names.index, order)),
                valid_s,
            ),
        )

    return declared
