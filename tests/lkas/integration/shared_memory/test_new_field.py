"""A message field is declared in one place: messages.py. Everything else follows from the struct."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lkas

ROOT = Path(lkas.__file__).parents[1]
FIELD = "    trailer_angle_rad: float | None = None  # a field that no other file knows\n"
USE = """
import inspect
import msgspec

from lkas.integration.shared_memory import ControlChannel
from lkas.integration.shared_memory.c_header import c_header
from lkas.integration.shared_memory.messages import asdict
from scripts.channel_stub import channel_stub

with ControlChannel(create=True) as writer, ControlChannel() as reader:
    writer.write(steering=0.0, throttle=0.0, brake=0.0, trailer_angle_rad=0.25)
    message = reader.read()
    writer.unlink()
print("read", message.trailer_angle_rad)
print("json", msgspec.json.encode(asdict(message)).decode())
print("signature", inspect.signature(ControlChannel.write).parameters["trailer_angle_rad"])
print("stub", "        trailer_angle_rad: float | None = None," in channel_stub())
print("header", "double trailer_angle_rad;" in c_header())
"""


@pytest.fixture
def changed_copy(tmp_path: Path) -> Path:
    """A copy of the package whose ControlMessage has one more field."""
    shutil.copytree(ROOT / "lkas", tmp_path / "lkas", ignore=shutil.ignore_patterns("__pycache__"))
    messages = tmp_path / "lkas" / "integration" / "shared_memory" / "messages.py"
    text = messages.read_text(encoding="utf-8")
    last_field = next(line for line in text.splitlines(keepends=True) if line.startswith("    terms: SteeringTerms"))
    messages.write_text(text.replace(last_field, last_field + FIELD), encoding="utf-8")
    return tmp_path


def test_a_new_field_is_in_channel_signature_json_and_header(changed_copy):
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=changed_copy,
        env={**os.environ, "PYTHONPATH": f"{changed_copy}:{ROOT}", "LKAS_INSTANCE": f"field-{os.getpid()}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert '"trailer_angle_rad":0.25' in lines.pop("json")
    assert lines == {
        "read": "0.25",
        "signature": "trailer_angle_rad: float | None = None",
        "stub": "True",
        "header": "True",
    }
