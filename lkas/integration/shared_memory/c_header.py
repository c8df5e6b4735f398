"""Writes lkas_messages.h: the messages as C structs, from the records of layout.py.

`make defaults` writes lkas/include/lkas_messages.h.
"""

import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lkas import get_include
from lkas.integration.shared_memory import messages
from lkas.integration.shared_memory.layout import RECORD_TYPES, Field, Record, record_of

HEADER = Path(get_include()) / "lkas_messages.h"


def c_header() -> str:
    """Return the text of lkas_messages.h."""
    parts = [_C_PREAMBLE]
    parts += [_c_enum(kind) for kind in _enums()]
    parts += [_c_struct(record) for record in _records_inside_out()]
    parts.append("#endif /* LKAS_MESSAGES_H */\n")
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

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <assert.h>
#endif
"""

_C_TYPES = {"bool": "uint8_t", "int": "int64_t", "stamp": "int64_t", "float": "double", "enum": "int32_t"}


def _records_inside_out() -> Iterator[Record]:
    """Every record once, each after the records it contains."""
    seen: set[type] = set()

    def visit(record: Record) -> Iterator[Record]:
        if record.type in seen:
            return
        seen.add(record.type)
        for field in record.fields:
            inner = field.detail.detail if field.kind == "tuple" else field.detail
            if isinstance(inner, Record):
                yield from visit(inner)
        yield record

    for message_type in RECORD_TYPES:
        yield from visit(record_of(message_type))


def _enums() -> list[type[enum.Enum]]:
    return [value for value in vars(messages).values() if _is_own_enum(value)]


def _is_own_enum(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, enum.Enum) and value.__module__ == messages.__name__


def _c_enum(kind: type[enum.Enum]) -> str:
    prefix = f"LKAS_{snake_case(kind.__name__).upper()}"
    is_flag = issubclass(kind, enum.Flag)
    members = [
        f"    {prefix}_{member.name} = {member.value if is_flag else index}," for index, member in enumerate(kind)
    ]
    return "\n".join(["enum {", *members, "};", ""])


def _c_struct(record: Record) -> str:
    tag = f"lkas_{snake_case(record.name)}"
    fields = [field for field in record.fields if field.kind != "object"]
    lines = [f"struct {tag} {{"]
    for field in fields:
        if field.presence_offset is not None:
            lines.append(f"    uint8_t has_{field.name};")
        if field.kind in ("text", "bytes"):
            kind = "char" if field.kind == "text" else "uint8_t"
            lines += [f"    uint32_t {field.name}_bytes;", f"    {kind} {field.name}[{field.capacity}];"]
        elif field.kind == "tuple":
            lines += [
                f"    uint32_t {field.name}_count;",
                f"    {_c_type(field.detail)} {field.name}[{field.capacity}];",
            ]
        else:
            comment = f" /* LKAS_{snake_case(field.detail.__name__).upper()}_... */" if field.kind == "enum" else ""
            lines.append(f"    {_c_type(field)} {field.name};{comment}")
    lines.append("};")
    lines.append(f'static_assert(sizeof(struct {tag}) == {record.size}, "{record.name}");')
    lines += [
        f'static_assert(offsetof(struct {tag}, {f.name}) == {f.offset}, "{record.name}.{f.name}");' for f in fields
    ]
    if record.stamp_offset is not None:
        lines += _c_spec(record)
    return "\n".join([*lines, ""])


def _c_spec(record: Record) -> list[str]:
    macro = f"LKAS_{snake_case(record.name).upper()}"
    spec = f'"{record.name}", {macro}_SCHEMA, {record.size}, {record.stamp_offset}'
    if any(field.kind == "object" for field in record.fields):
        parameters, bulk = "(slots, height, width, channels)", "1, (height), (width), (channels), 0"
    else:
        parameters, bulk = "(slots)", "0, 0, 0, 0, 0"
    return [
        f"#define {macro}_SCHEMA UINT64_C(0x{record.schema_hash:016x})",
        f"#define {macro}_SPEC{parameters} {{{spec}, (slots), {bulk}}}",
    ]


def _c_type(field: Field) -> str:
    return f"struct lkas_{snake_case(field.detail.name)}" if field.kind == "struct" else _C_TYPES[field.kind]


def snake_case(name: str) -> str:
    """The name in C: `LaneMessage` -> `lane_message`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
