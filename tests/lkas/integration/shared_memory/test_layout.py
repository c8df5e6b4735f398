"""The binary record: derived from the structs, the same for Python and for C."""

import shutil
import subprocess
import sys
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta, Struct

from lkas import get_include
from lkas.integration.shared_memory import layout, messages
from lkas.integration.shared_memory.c_header import HEADER, c_header, snake_case

COMPILERS = [
    pytest.param(compiler, marks=pytest.mark.skipif(not shutil.which(compiler[0]), reason=f"no {compiler[0]} here"))
    for compiler in (("cc", "-std=c11", "-xc"), ("c++", "-std=c++17", "-xc++"))
]


def test_the_committed_header_is_the_derived_one():
    assert HEADER.read_text() == c_header(), "run `make defaults`"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_compilers_agree_with_every_offset(compiler, tmp_path):
    """The header asserts size and offsets itself; flags and counts are compared here."""
    lines = ["#include <lkas_channel.h>", "#include <lkas_messages.h>"]
    for record_type in layout.RECORD_TYPES:
        tag = f"struct lkas_{snake_case(record_type.__name__)}"
        for field in layout.record_of(record_type).fields:
            for offset, member in (
                (field.presence_offset, f"has_{field.name}"),
                (field.count_offset, f"{field.name}_{'bytes' if field.kind == 'text' else 'count'}"),
            ):
                if offset is not None:
                    lines.append(f'static_assert(offsetof({tag}, {member}) == {offset}, "{member}");')
    lines.append("int main(void) { lkas_spec spec = LKAS_IMAGE_MESSAGE_SPEC(8, 6, 5, 3); return (int)spec.slots - 8; }")
    program, source = tmp_path / "program", tmp_path / "source"
    source.write_text("\n".join(lines) + "\n")
    flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-I", get_include(), "-o", str(program), "-pthread"]
    subprocess.run([*compiler, *flags, str(source)], check=True, timeout=300)
    assert subprocess.run([program], timeout=300).returncode == 0


def test_every_message_of_the_pipeline_has_a_record():
    declared = {
        value
        for value in vars(messages).values()
        if isinstance(value, type) and issubclass(value, messages.Message) and value is not messages.Message
    }
    assert set(layout.RECORD_TYPES) == declared


def test_records_lie_as_expected():
    record = layout.record_of(messages.ControlMessage)
    fields = {field.name: field for field in record.fields}
    assert (fields["session"].offset, record.stamp_offset, fields["sequence"].offset) == (0, 32, 40)
    assert fields["lateral_offset"].presence_offset == fields["mode"].offset + 4
    assert (fields["state_reason"].capacity, record.size % 8) == (96, 0)


class Inner(Struct, frozen=True):
    a: float
    kind: messages.LineType = messages.LineType.SOLID


class Outer(Struct, frozen=True):
    inner: Inner | None
    values: Annotated[tuple[Inner, ...], Meta(max_length=3)] = ()
    text: Annotated[str, Meta(extra={"bytes": 5})] = ""


@pytest.mark.parametrize(
    "change",
    [
        ("Inner", [("b", float), ("kind", messages.LineType)]),
        ("Inner", [("a", int), ("kind", messages.LineType)]),
        ("Inner", [("a", float | None), ("kind", messages.LineType)]),
        ("Inner", [("a", float), ("kind", messages.LineColour)]),
        ("Inner", [("kind", messages.LineType), ("a", float)]),
        ("Other", [("a", float), ("kind", messages.LineType)]),
    ],
)
def test_the_schema_hash_covers_nested_records(change):
    other = msgspec.defstruct(*change, frozen=True)
    outer = msgspec.defstruct(
        "Outer",
        [
            ("inner", other | None),
            ("values", Annotated[tuple[other, ...], Meta(max_length=3)]),
            ("text", Annotated[str, Meta(extra={"bytes": 5})]),
        ],
        frozen=True,
    )
    same = msgspec.defstruct("Outer", [(name, hint) for name, hint in Outer.__annotations__.items()], frozen=True)
    assert layout.record_of(same).schema_hash == layout.record_of(Outer).schema_hash
    assert layout.record_of(outer).schema_hash != layout.record_of(Outer).schema_hash


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (str, "text needs a capacity"),
        (bytes, "bytes needs a capacity"),
        (tuple[float, ...], "needs a capacity"),
        (float | str, "only `X | None` can"),
        (list[float], "cannot be in a record"),
        (dict, "cannot be in a record"),
        (Annotated[tuple[float | None, ...], Meta(max_length=3)], "plain records or numbers"),
    ],
)
def test_unsupported_field_types_are_refused_by_name(hint, words):
    with pytest.raises(TypeError, match=rf"Wrong\.field.*{words}"):
        layout.record_of(msgspec.defstruct("Wrong", [("field", hint)], frozen=True))


def test_the_header_is_written_without_numpy_and_the_core():
    code = (
        "import sys; from lkas.integration.shared_memory.c_header import c_header; sys.stdout.write(c_header());"
        "assert not {'numpy', 'lkas.integration.shared_memory._core'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == c_header()
