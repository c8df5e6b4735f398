import signal
import socket
import subprocess
import sys

import psutil
import pytest
from websockets.sync.client import connect

from lkas.integration.zmq.ports import Ports
from tests.support.viewer_process import TIMEOUT_S, running_viewer
from viewer.wire import MAX_CREDIT


def run_viewer(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "viewer", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S
    )


def test_help_loads_neither_numpy_nor_opencv_nor_zmq():
    program = (
        "import sys\n"
        "from viewer.cli import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "print('loaded:', [name for name in ('numpy', 'cv2', 'zmq', 'uvicorn') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert result.returncode == 0, result.stderr
    assert "--port" in result.stdout
    assert "viewer --port 0" in result.stdout
    assert "loaded: []" in result.stdout


def test_a_port_in_use_is_named_with_the_option_to_change_it():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_viewer("--port", str(port))
    assert result.returncode == 2
    assert str(port) in result.stderr
    assert "--port" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org"])
def test_an_address_outside_loopback_is_refused(host):
    result = run_viewer("--host", host, "--port", "0")
    assert result.returncode == 2
    assert host in result.stderr
    assert "loopback" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "viewer.prot=1"], ["viewer.prot", "did you mean port"]),
        (["--set", "viewer.port=99999"], ["viewer.port", "65535"]),
        (["--broker", "127.0.0.1:many"], ["zmq.port_base", "many"]),
        (["--set", "zmq.port_base=0"], ["--broker"]),
    ],
)
def test_an_invalid_setting_is_named(arguments, words):
    result = run_viewer(*arguments)
    assert result.returncode == 2
    for word in words:
        assert word in result.stderr


def test_the_viewer_ends_when_its_supervisor_is_killed(ports: Ports):
    starter = (
        "import os, subprocess, sys, time\n"
        f"command = [sys.executable, '-m', 'viewer', '--port', '0', '--broker', '127.0.0.1:{ports.base}']\n"
        "child = subprocess.Popen(command, env={**os.environ, 'LKAS_PARENT': str(os.getpid())})\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert "http://" in parent.stdout.readline()
        parent.kill()
        child.wait(TIMEOUT_S)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_viewer_although_clients_do_not_read(ports: Ports, broker, number, code):
    with (
        running_viewer(ports) as viewer,
        connect(viewer.websocket_url, max_queue=1, close_timeout=0.1, ping_interval=None) as page,
        socket.create_connection(("127.0.0.1", viewer.port)) as stream,
    ):
        page.send(f'{{"type": "credit", "frames": {MAX_CREDIT}}}')
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.sendall(f"GET /stream.mjpg?fps=60 HTTP/1.1\r\nHost: {viewer.host}\r\n\r\n".encode())
        assert stream.recv(100)
        viewer.process.send_signal(number)
        # The clients still do not read: the viewer must not wait for them.
        assert viewer.process.wait(TIMEOUT_S) == code
