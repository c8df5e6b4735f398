"""Writes messages as C structs, from the records of layout.py: lkas_messages.h, and a header for a custom message.

`make defaults` writes lkas/include/lkas_messages.h, `lkas message` the header of a custom message.
"""

import enum
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from lkas import get_include
from lkas.integration.shared_memory import messages
from lkas.integration.shared_memory.layout import RECORD_TYPES, Field, Record, record_of

HEADER = Path(get_include()) / "lkas_messages.h"

# Words of C and C++ that are no field names, and are names in Python.
_RESERVED_WORDS = (
    "alignas alignof and_eq asm auto bitand bitor bool case catch char char16_t char32_t compl const const_cast "
    "constexpr decltype default delete do double dynamic_cast enum explicit export extern false float friend goto "
    "inline int long mutable namespace new noexcept not_eq nullptr operator or_eq private protected public register "
    "reinterpret_cast restrict short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true typedef typeid typename union unsigned using virtual void volatile wchar_t xor "
    "xor_eq"
)
RESERVED = frozenset(_RESERVED_WORDS.split())


def c_header() -> str:
    """Return the text of lkas_messages.h."""
    parts = [_C_PREAMBLE]
    parts += [_c_enum(kind) for kind in _enums()]
    parts += [
        _c_struct(record, has_spec=record.stamp_offset is not None)
        for record in _records_inside_out(map(record_of, RECORD_TYPES))
    ]
    parts.append("#endif /* LKAS_MESSAGES_H */\n")
    return "\n".join(parts)


def custom_header(message_type: type[Struct], source: str) -> str:
    """Return a C header for a custom message: its struct, those within it, and <NAME>_SPEC for lkas_open().

    `source` is the place of the struct, for the header's first comment. TypeError for a struct that cannot be in a
    channel or whose names cannot be in C.
    """
    from lkas.integration.shared_memory.packing import packed_record

    packed_record(message_type)  # checks types and size
    root = record_of(message_type)
    custom = [record for record in _records_inside_out([root]) if not _is_of_lkas(record.type)]
    if root not in custom:
        raise TypeError(f"{root.name} is a message of lkas: include lkas_messages.h")
    for record in custom:
        _check_names(record)
    guard, macro = f"{c_name(message_type).upper()}_H", c_name(message_type).upper()
    parts = [_CUSTOM_PREAMBLE.format(name=root.name, source=source, tag=c_name(message_type), macro=macro, guard=guard)]
    kinds = dict.fromkeys(kind for record in custom for kind in _enums_of(record) if not _is_of_lkas(kind))
    parts += [_guarded(kind, _c_enum(kind)) for kind in kinds]
    parts += [_guarded(record.type, _c_struct(record, has_spec=record is root)) for record in custom]
    parts.append(f"#endif /* {guard} */\n")
    return "\n".join(parts)


_C_PREAMBLE = """\
/* lkas_messages.h: the messages of the pipeline as C structs.
 *
 * Written from lkas/integration/shared_memory/messages.py by `make defaults`; do not edit. That file has the meaning,
 * units and signs of the fields. `has_x`: `x` is known; a text has `x_bytes` bytes and no closing zero; the first
 * `x_count` elements of an array are valid. Each LKAS_..._SPEC initialises a `struct lkas_spec` of lkas_channel.h.
 */
#ifndef LKAS_MESSAGES_H
#define LKAS_MESSAGES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* for lkas_system.h, should it come later */
#endif
#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <assert.h>
#endif
"""

_CUSTOM_PREAMBLE = """\
/* {name} as a C struct, written by `lkas message` from {source}; do not edit.
 *
 *   const lkas_spec spec = {macro}_SPEC(8);                 (8 messages fit)
 *   lkas_path(path, NULL, instance, "channel_name");
 *   lkas_open(&writer, path, &spec, &error);
 *   lkas_write(&writer, &message, NULL, &error);            (message: struct {tag})
 *
 * lkas_channel.h has these functions; in Python, LKASClient().get("channel_name", {name}) reads the messages. `has_x`:
 * `x` is known; a text has `x_bytes` bytes and no closing zero; the first `x_count` elements of an array are valid.
 */
#ifndef {guard}
#define {guard}

#include <lkas_channel.h>
#include <lkas_messages.h>
"""

_C_TYPES = {"bool": "uint8_t", "int": "int64_t", "stamp": "int64_t", "float": "double", "enum": "int32_t"}


def _records_inside_out(roots: Iterable[Record]) -> Iterator[Record]:
    """Every record once, each after the records it contains."""
    seen: set[type] = set()

    def visit(record: Record) -> Iterator[Record]:
        if record.type in seen:
            return
        seen.add(record.type)
        for field in record.fields:
            inner = _inner(field)
            if isinstance(inner, Record):
                yield from visit(inner)
        yield record

    for root in roots:
        yield from visit(root)


def _inner(field: Field) -> Any:
    """The record or the Enum in a field, or in the elements of a tuple."""
    return field.detail.detail if field.kind == "tuple" else field.detail


def _enums() -> list[type[enum.Enum]]:
    return [value for value in vars(messages).values() if _is_enum(value) and _is_of_lkas(value)]


def _enums_of(record: Record) -> list[type[enum.Enum]]:
    return [inner for inner in map(_inner, record.fields) if _is_enum(inner)]


def _is_enum(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, enum.Enum)


def _is_of_lkas(kind: type) -> bool:
    return kind.__module__ == messages.__name__


def _check_names(record: Record) -> None:
    """Raise TypeError for a record without fields, or with a name that cannot be in C."""
    where, names = f"{record.name} cannot be a C struct", list(_member_names(record))
    if not names:
        raise TypeError(f"{where}: it has no fields")
    for name in [record.name, *names, *(member.name for kind in _enums_of(record) for member in kind)]:
        if not name.isascii() or name in RESERVED:
            raise TypeError(f"{where}: {name!r} is no name in C and C++: rename it")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise TypeError(f"{where}: it would have two members {repeated[0]!r}: rename one of its fields")


def _member_names(record: Record) -> Iterator[str]:
    for field in record.fields:
        yield field.name
        if field.presence_offset is not None:
            yield f"has_{field.name}"
        if field.count_offset is not None:
            yield f"{field.name}_count" if field.kind == "tuple" else f"{field.name}_bytes"


def _guarded(kind: type, text: str) -> str:
    """A definition that several headers of one program may contain."""
    macro = f"{c_name(kind).upper()}_DEFINED"
    return f"#ifndef {macro}\n#define {macro}\n{text}#endif\n"


def _c_enum(kind: type[enum.Enum]) -> str:
    prefix = c_name(kind).upper()
    is_flag = issubclass(kind, enum.Flag)
    members = [
        f"    {prefix}_{member.name} = {member.value if is_flag else index}," for index, member in enumerate(kind)
    ]
    return "\n".join(["enum {", *members, "};", ""])


def _c_struct(record: Record, *, has_spec: bool) -> str:
    """`has_spec`: it is a message of its channel, so its size is a multiple of 8, and a macro describes it."""
    tag = c_name(record.type)
    size = record.slot_bytes if has_spec else record.size
    fields = [field for field in record.fields if field.kind != "object"]
    members = [line for field in fields for line in _c_members(field)]
    if size != record.size:
        members[0] = f"alignas(8) {members[0]}"
    lines = [f"struct {tag} {{", *(f"    {member}" for member in members), "};"]
    lines.append(f'static_assert(sizeof(struct {tag}) == {size}, "{record.name}");')
    lines += [
        f'static_assert(offsetof(struct {tag}, {f.name}) == {f.offset}, "{record.name}.{f.name}");' for f in fields
    ]
    if has_spec:
        lines += _c_spec(record, size)
    return "\n".join([*lines, ""])


def _c_members(field: Field) -> Iterator[str]:
    if field.presence_offset is not None:
        yield f"uint8_t has_{field.name};"
    if field.kind in ("text", "bytes"):
        yield f"uint32_t {field.name}_bytes;"
        yield f"{'char' if field.kind == 'text' else 'uint8_t'} {field.name}[{field.capacity}];"
    elif field.kind == "tuple":
        yield f"uint32_t {field.name}_count;"
        yield f"{_c_type(field.detail)} {field.name}[{field.capacity}];"
    else:
        comment = f" /* {c_name(field.detail).upper()}_... */" if field.kind == "enum" else ""
        yield f"{_c_type(field)} {field.name};{comment}"


def _c_spec(record: Record, size: int) -> list[str]:
    macro = c_name(record.type).upper()
    stamps = "LKAS_NO_STAMPS" if record.stamp_offset is None else record.stamp_offset
    spec = f'"{record.name}", {macro}_SCHEMA, {size}, {stamps}'
    if any(field.kind == "object" for field in record.fields):
        parameters, bulk = "(slots, height, width, channels)", "1, (height), (width), (channels), 0"
    else:
        parameters, bulk = "(slots)", "0, 0, 0, 0, 0"
    return [
        f"#define {macro}_SCHEMA UINT64_C(0x{record.schema_hash:016x})",
        f"#define {macro}_SPEC{parameters} {{{spec}, (slots), {bulk}}}",
    ]


def _c_type(field: Field) -> str:
    return f"struct {c_name(field.detail.type)}" if field.kind == "struct" else _C_TYPES[field.kind]


def c_name(kind: type) -> str:
    """The name of a struct or Enum in C: `LaneMessage` -> `lkas_lane_message`; a custom one has no prefix."""
    return ("lkas_" if _is_of_lkas(kind) else "") + snake_case(kind.__name__)


def snake_case(name: str) -> str:
    """The name in C: `LaneMessage` -> `lane_message`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
