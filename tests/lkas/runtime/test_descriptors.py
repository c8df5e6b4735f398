"""Programs started without standard streams, or with few descriptors."""

import os
import resource
import subprocess
import sys
import uuid

import pytest

from lkas.runtime.descriptors import NEEDED_DESCRIPTORS
from tests.support.stack import PATIENCE_S

OPENS = """
import os, sys
from lkas.runtime.descriptors import open_standard_streams
open_standard_streams()
fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
print("text on a stream that may be missing"); print("the same", file=sys.stderr)
os.write(2, b"a library's warning")
raise SystemExit(0 if fd > 2 and sys.stdin is not None else 1)
"""
SEGMENT = """
import os, sys
from lkas.integration.shared_memory import VehicleChannel
from lkas.integration.shared_memory.messages import VehicleState
with VehicleChannel(create=True, instance=sys.argv[1]) as writer, VehicleChannel(instance=sys.argv[1]) as reader:
    try:
        os.write(1, b"x" * 1000), os.write(2, b"x" * 1000)
    except OSError:
        pass  # closed, as it should be
    writer.write(VehicleState(speed_mps=3.0))
    found = reader.read(timeout=60.0)
    writer.unlink()
raise SystemExit(0 if found.speed_mps == 3.0 else 1)
"""
CLOSED = [(0,), (1,), (2,), (1, 2), (0, 1, 2)]


def run_without(closed, code: str, argument: str) -> int:
    def close_streams() -> None:
        for descriptor in closed:
            os.close(descriptor)

    command = [sys.executable, "-c", code, argument]
    return subprocess.run(command, preexec_fn=close_streams, close_fds=False, timeout=PATIENCE_S).returncode


@pytest.mark.parametrize("closed", CLOSED)
def test_a_missing_stream_becomes_dev_null(closed, tmp_path):
    assert run_without(closed, OPENS, str(tmp_path / "file")) == 0
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("closed", CLOSED)
def test_a_segment_never_takes_the_place_of_a_stream(closed):
    """In a user's own program, which does not open the streams first."""
    assert run_without(closed, SEGMENT, f"test-{uuid.uuid4().hex[:10]}") == 0


def limited(limit: int, *command: str, hard: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit if hard is None else hard)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize("program", [("lkas",), ("lkas", "demo", "--no-browser"), ("simulation",), ("viewer",)])
def test_too_few_descriptors_are_refused_in_one_sentence(program):
    done = limited(24, sys.executable, "-m", *program, *([] if program == ("viewer",) else ["--instance", "test-few"]))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{program[0]}: a process may open 24 files, needed are {NEEDED_DESCRIPTORS}: raise the limit with `ulimit -n`"
    ]


def test_a_low_soft_limit_is_raised():
    code = "from lkas.runtime.descriptors import raise_descriptor_limit as r; import resource as q\n"
    code += "r(); print(q.getrlimit(q.RLIMIT_NOFILE)[0])"
    done = limited(24, sys.executable, "-c", code, hard=500)
    assert done.stdout == "500\n", done.stderr
