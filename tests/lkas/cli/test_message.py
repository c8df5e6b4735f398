"""`lkas message`: a C program writes a custom struct by the generated header, and Python reads it by name."""

import os
import shutil
import subprocess
import sys
import uuid

import pytest
from typer.testing import CliRunner

import lkas
from lkas.cli.app import app
from lkas.integration.client import LKASClient
from lkas.integration.shared_memory import MessageChannel, list_segments
from lkas.plugins.load import load

WAIT_S = 120.0

MESSAGES = """
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from lkas.integration.shared_memory.messages import LaneMessage, Message


class Surface(StrEnum):
    DRY = "dry"
    WET = "wet"


class Wheel(Struct, frozen=True):
    speed_mps: float
    surface: Surface = Surface.DRY


class Wheels(Message, frozen=True, kw_only=True):
    wheels: Annotated[tuple[Wheel, ...], Meta(max_length=4)] = ()
    label: Annotated[str, Meta(extra={"bytes": 12})] = ""
    lane: LaneMessage | None = None
    is_slipping: bool = False


class Small(Struct, frozen=True):
    surface: Surface
    level: int | None = None
    flag: bool = False


class Odd(Struct):
    flag: bool


class Keyword(Struct):
    default: int


class Twice(Struct):
    x: int | None
    has_x: bool


class Loose(Struct):
    text: str


class Large(Struct):
    text: Annotated[str, Meta(extra={"bytes": 5000})]


def function(): ...
"""

PROGRAM = """
#include "wheels.h"
#include "small.h"
#include "odd.h"

static int publish(const char *name, const lkas_spec *spec, const void *message) {
    char path[LKAS_PATH_BYTES];
    lkas_writer writer;
    lkas_error error;
    if (!lkas_path(path, NULL, getenv("LKAS_INSTANCE"), name)) return 1;
    if (lkas_open(&writer, path, spec, &error) || lkas_write(&writer, message, NULL, &error) < 0) {
        puts(error.text);
        return 1;
    }
    lkas_close_writer(&writer);
    return 0;
}

int main(void) {
    const lkas_spec wheels_spec = WHEELS_SPEC(4), small_spec = SMALL_SPEC(2), odd_spec = ODD_SPEC(2);
    struct wheels wheels;
    struct small small;
    struct odd odd;
    memset(&wheels, 0, sizeof wheels);
    memset(&small, 0, sizeof small);
    memset(&odd, 0, sizeof odd);
    wheels.frame_id = 9;
    wheels.wheels_count = 2;
    wheels.wheels[1].speed_mps = 8.5;
    wheels.wheels[1].surface = SURFACE_WET;
    wheels.label_bytes = 3;
    memcpy(wheels.label, "abc", 3);
    wheels.has_lane = 1;
    wheels.lane.x1 = 2.5;
    small.surface = SURFACE_WET;
    small.flag = 1;
    odd.flag = 1;
    return publish("wheels", &wheels_spec, &wheels) || publish("small", &small_spec, &small) ||
           publish("odd", &odd_spec, &odd);
}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with my_messages.py."""
    (tmp_path / "my_messages.py").write_text(MESSAGES)
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path


@pytest.fixture
def instance(monkeypatch):
    name = f"message-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    assert list_segments(instance=name) == []


def run(*words: str):
    return CliRunner().invoke(app, ["message", *words])


@pytest.mark.parametrize("compiler", [("gcc", "-std=c11", "-xc"), ("g++", "-std=c++17", "-xc++")], ids=["c", "c++"])
def test_c_writes_and_python_reads_by_name(folder, instance, compiler):
    if not shutil.which(compiler[0]):
        pytest.skip(f"no {compiler[0]} here")
    for name in ("Wheels", "Small", "Odd"):
        done = run(f"my_messages.py:{name}", "--c", f"{name.lower()}.h")
        assert (done.exit_code, done.output) == (0, f"wrote {name.lower()}.h\n")
    (folder / "program.c").write_text(PROGRAM)
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", lkas.get_include(), "-I", "."]
    subprocess.run([*compiler, *flags, "program.c", "-o", "program", "-pthread"], check=True, timeout=WAIT_S)
    subprocess.run(["./program"], check=True, timeout=WAIT_S)
    kinds = {name: load(f"my_messages.py:{name}") for name in ("Wheels", "Small", "Odd")}
    with LKASClient() as client:
        wheels = client.get("wheels", kinds["Wheels"])
        assert wheels is not None
        assert (wheels.frame_id, wheels.sequence, wheels.label, wheels.is_slipping) == (9, 1, "abc", False)
        assert [(wheel.speed_mps, wheel.surface) for wheel in wheels.wheels] == [(0.0, "dry"), (8.5, "wet")]
        assert wheels.lane.x1 == 2.5
        assert client.get("small", kinds["Small"]) == kinds["Small"](surface="wet", level=None, flag=True)
        assert client.get("odd", kinds["Odd"]) == kinds["Odd"](flag=True)
        assert client.get("wheels")["wheels"][1] == {"speed_mps": 8.5, "surface": "wet"}
    for name, kind in kinds.items():
        slots = 4 if name == "Wheels" else 2
        with MessageChannel(kind, name.lower(), create=True, slots=slots) as heir:
            assert heir.stats.generation == 2  # the same shape as that of the C program
            heir.unlink()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Wheels", "expected FILE.py:STRUCT"),
        ("no_file.py:Wheels", "there is no file"),
        ("my_messages.py:Wheelss", "did you mean Wheels?"),
        ("my_messages.py:function", "expected a class that derives from msgspec.Struct"),
        ("my_messages.py:Surface", "expected a class that derives from msgspec.Struct"),
        ("my_messages.py:LaneMessage", "LaneMessage is a message of lkas: include lkas_messages.h"),
        ("my_messages.py:Keyword", "'default' is no name in C and C++: rename it"),
        ("my_messages.py:Twice", "it would have two members 'has_x'"),
        ("my_messages.py:Loose", "Loose.text: text needs a capacity"),
        ("my_messages.py:Large", "is larger than 4096"),
    ],
)
def test_what_cannot_be_a_header_is_one_sentence_and_no_file(folder, name, reason):
    done = run(name, "--c", "out.h")
    assert done.exit_code == 2
    assert reason in " ".join(done.output.split())
    assert sorted(path.name for path in folder.iterdir()) == ["my_messages.py"]


def test_a_folder_that_is_not_there(folder):
    done = run("my_messages.py:Wheels", "--c", "nowhere/out.h")
    assert (done.exit_code, done.output) == (2, "lkas: nowhere/out.h: cannot be written: No such file or directory\n")


def test_without_a_file_the_header_is_printed(folder):
    done = run("my_messages.py:Wheels")
    assert done.exit_code == 0
    assert "struct wheels {" in done.output
    assert "#define WHEELS_SPEC(slots)" in done.output
