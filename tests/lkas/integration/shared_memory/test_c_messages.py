"""Every message, every field: written by C and read by Python, and the reverse.

The C side is generated here from the same random messages, field by field in C's own words, and compiled against the
two headers; whatever the headers get wrong shows as another value, not as another offset.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec import structs

from lkas import get_include
from lkas.integration.shared_memory import _core, layout
from lkas.integration.shared_memory.c_header import snake_case
from lkas.integration.shared_memory.layout import Field, Record
from lkas.integration.shared_memory.messages import ImageMessage
from lkas.integration.shared_memory.packing import packed_record
from lkas.integration.shared_memory.segment import segment_path

RECORDS = [layout.record_of(kind) for kind in layout.RECORD_TYPES if kind is not ImageMessage]
COMPILERS = {"c": ("gcc", "-std=c11", "-xc"), "c++": ("g++", "-std=c++17", "-xc++")}
SEEDS = (1, 2, 4, 7)  # per kind of message; together they have each optional field once present and once absent


def drawn(field: Field, random: Random) -> Any:
    """Draw a value of a field, sometimes None where it is optional."""
    if field.presence_offset is not None and random.random() < 0.5:
        return None
    match field.kind:
        case "bool":
            return random.random() < 0.5
        case "int" | "stamp":
            return random.randrange(-(2**62), 2**62)
        case "float":
            return random.choice([random.uniform(-1e3, 1e3), -0.0, 1e-300])
        case "enum":
            return random.choice(list(field.detail))
        case "text":
            return "".join(random.choice("abc ü€") for _ in range(random.randrange(field.capacity // 3)))
        case "struct":
            return drawn_message(field.detail, random)
        case "tuple":
            return tuple(drawn(field.detail, random) for _ in range(random.randrange(field.capacity + 1)))
    raise AssertionError(f"no value for {field.kind}")


def drawn_message(record: Record, random: Random) -> Any:
    return record.type(**{field.name: drawn(field, random) for field in record.fields})


def in_c(field: Field, value: Any) -> str:
    if isinstance(value, Enum):
        return f"LKAS_{snake_case(field.detail.__name__).upper()}_{value.name}"
    if isinstance(value, float):
        return f"({value.hex()})"
    return f"INT64_C({int(value)})"


def assignments(record: Record, message: Any, target: str) -> Iterator[tuple[str, str]]:
    """Return (place, value) in C for every known value of the message."""
    for field in record.fields:
        value = getattr(message, field.name)
        if field.kind == "stamp":
            continue
        if field.presence_offset is not None:
            yield f"{target}.has_{field.name}", "0" if value is None else "1"
        if value is not None:
            yield from value_assignments(field, value, f"{target}.{field.name}")


def value_assignments(field: Field, value: Any, place: str) -> Iterator[tuple[str, str]]:
    if field.kind == "struct":
        yield from assignments(field.detail, value, place)
    elif field.kind == "text":
        text = value.encode()
        yield f"{place}_bytes", str(len(text))
        for i, byte in enumerate(text):
            yield f"{place}[{i}]", f"(char){byte}"
    elif field.kind == "tuple":
        yield f"{place}_count", str(len(value))
        for i, element in enumerate(value):
            yield from value_assignments(field.detail, element, f"{place}[{i}]")
    else:
        yield place, in_c(field, value)


def cases() -> list[tuple[Record, int, Any]]:
    return [(record, seed, drawn_message(record, Random(seed))) for record in RECORDS for seed in SEEDS]


def program_text() -> str:
    """write|read PATH of each case."""
    parts = [
        "#include <lkas_channel.h>\n#include <lkas_messages.h>\nstatic lkas_error error;",
        'static int fail(const char *what) { printf("%s\\n", what); return 1; }',
    ]
    branches = []
    for record, seed, message in cases():
        tag, name = snake_case(record.name), f"{record.name}{seed}"
        lines = list(assignments(record, message, "m"))
        parts.append(
            f"static int write_{name}(const char *path) {{\n    const lkas_spec spec = LKAS_{tag.upper()}_SPEC(4);\n"
            f"    lkas_writer writer;\n    struct lkas_{tag} m;\n    memset(&m, 0, sizeof m);\n"
            + "".join(f"    {place} = {value};\n" for place, value in lines)
            + "    if (lkas_open(&writer, path, &spec, &error)) return fail(error.text);\n"
            "    if (lkas_write(&writer, &m, NULL, &error) != 1) return fail(error.text);\n"
            "    lkas_close_writer(&writer);\n    return 0;\n}"
        )
        parts.append(
            f"static int read_{name}(const char *path) {{\n    const lkas_spec spec = LKAS_{tag.upper()}_SPEC(0);\n"
            f"    lkas_reader reader;\n    struct lkas_{tag} m;\n    lkas_reader_init(&reader, path, &spec);\n"
            "    if (lkas_read(&reader, 1, &m, &error) != 1) return fail(error.text);\n"
            + "".join(f'    if ({place} != {value}) return fail("{place}");\n' for place, value in lines)
            + "    lkas_close_reader(&reader);\n    return m.sequence == 1 && m.publish_ns > 0 ? 0 : 3;\n}"
        )
        branches += [
            f'    if (!strcmp(words[1], "{role}_{name}")) return {role}_{name}(words[2]);' for role in ("write", "read")
        ]
    parts.append("int main(int count, char **words) {\n    if (count != 3) return 2;")
    return "\n".join([*parts, *branches, "    return 2;", "}", ""])


@pytest.fixture(scope="module", params=COMPILERS)
def program(request, tmp_path_factory) -> Path:
    compiler, *flags = COMPILERS[request.param]
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    folder = tmp_path_factory.mktemp("messages")
    (folder / "source").write_text(program_text())
    options = ["-O0", "-Wall", "-Wextra", "-Werror", "-I", get_include(), "-pthread", "-o", folder / "program"]
    subprocess.run([compiler, *flags, *options, folder / "source"], check=True, timeout=300)
    return folder / "program"


def run(program: Path, role: str, path: str) -> None:
    done = subprocess.run([program, role, path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{role}: {done.stdout or done.returncode}"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_python_reads_every_field_that_c_writes(program, record, instance, opened):
    for seed in SEEDS:
        path = segment_path(f"{record.name}-{seed}")
        run(program, f"write_{record.name}{seed}", path)
        received = opened(_core.Channel, path, packed_record(record.type), False).read()
        message = drawn_message(record, Random(seed))
        assert received == structs.replace(message, publish_ns=received.publish_ns, sequence=1)
        os.unlink(path)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_c_reads_every_field_that_python_writes(program, record, instance, opened):
    for seed in SEEDS:
        path = segment_path(f"{record.name}-{seed}")
        writer = opened(_core.Channel, path, packed_record(record.type), True, 4)
        assert writer._write_message(drawn_message(record, Random(seed)))
        run(program, f"read_{record.name}{seed}", path)


def test_the_drawn_messages_cover_all_fields():
    """Every kind of field is drawn; every optional field is present in one message and absent in another."""
    kinds, optional = set(), {}
    for record, _, message in cases():
        for field in record.fields:
            kinds.add(field.kind)
            if field.presence_offset is not None:
                optional.setdefault((record.name, field.name), set()).add(getattr(message, field.name) is None)
    assert kinds == {"bool", "int", "stamp", "float", "enum", "text", "struct", "tuple"}
    assert {field for field, seen in optional.items() if seen != {True, False}} == set()
