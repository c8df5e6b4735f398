"""A drive whose output is not read: it goes on, takes actions, restarts what is killed and ends on SIGINT at once."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import termios
import time

import pytest

from lkas.integration.shared_memory import ControlChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode
from tests.support.stack import PATIENCE_S, ROOT, wait_until

MAX_END_S = 12.0  # includes the end of five processes on a busy machine; a blocked one took 15 s and more


@contextlib.contextmanager
def full_pipe():
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write_fd, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_fd, b"x" * 4096)
    os.set_blocking(write_fd, True)
    yield write_fd
    os.close(read_fd)
    os.close(write_fd)


@contextlib.contextmanager
def stopped_terminal():
    """A terminal after Ctrl-S."""
    master, slave = os.openpty()
    termios.tcflow(slave, termios.TCOOFF)
    yield slave
    termios.tcflow(slave, termios.TCOON)
    os.close(master)
    os.close(slave)


@contextlib.contextmanager
def full_disk():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("output", [full_pipe, stopped_terminal, full_disk])
def test_a_drive_goes_on_when_its_output_is_blocked(stack, output):
    with (
        output() as descriptor,
        VehicleChannel(instance=stack.instance) as vehicle,
        ControlChannel(instance=stack.instance) as controls,
    ):
        demo = subprocess.Popen(
            [
                *(sys.executable, "-m", "lkas", "demo", "-v", "--no-browser", "--port", str(stack.viewer_port)),
                *("--instance", stack.instance, "--set", f"zmq.port_base={stack.port_base}"),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
        stack.programs.append(demo)
        wait_until(lambda: "pose_to_control" in stack.health().get("latency_ms", {}), "a drive")
        for _ in range(3):
            for action in ("pause", "resume"):
                done = stack.lkas("action", action)
                assert done.returncode == 0, done.stderr
        first = stack.pid_of("detection")
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: stack.pid_of("detection") not in (None, first), "detection is restarted")
        now = vehicle.read(timeout=PATIENCE_S)
        wait_until(lambda: vehicle.latest().frame_id > now.frame_id + 60, "sixty more frames")
        wait_until(lambda: controls.latest().mode is ControlMode.LANE_KEEPING, "the lane is kept")
        asked_s = time.monotonic()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(PATIENCE_S) == 130
        assert time.monotonic() - asked_s < MAX_END_S
