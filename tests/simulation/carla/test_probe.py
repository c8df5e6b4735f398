"""The probe for a CARLA server answers quickly, whatever process listens on the port."""

import contextlib
import socket
import subprocess
import sys
import threading

import pytest

from simulation.carla.config import CarlaConfig
from simulation.carla.probe import is_listening, require_server, speaks_carla
from simulation.world import WorldUnreachable
from tests.support.stack import PATIENCE_S, closed_port


@pytest.fixture
def listener():
    """A port that answers connections with a text that no CARLA server sends, or not at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = []

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                answers.append(connection)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" if len(answers) % 2 else b"")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in answers:
            connection.close()


def test_a_closed_port_gives_one_error_sentence():
    with closed_port() as port:
        assert not is_listening("127.0.0.1", port)
        assert not speaks_carla("127.0.0.1", port)
        with pytest.raises(WorldUnreachable, match=rf"no CARLA server on 127\.0\.0\.1:{port}; start CarlaUE4\.sh"):
            require_server(CarlaConfig(port=port))


def test_another_program_on_the_port_is_not_carla(listener):
    assert is_listening("127.0.0.1", listener)
    assert not speaks_carla("127.0.0.1", listener, timeout_s=0.2)  # another protocol
    assert not speaks_carla("127.0.0.1", listener, timeout_s=0.2)  # silence


def test_a_carla_server_is_recognized(server):
    assert speaks_carla("127.0.0.1", server.port, timeout_s=60.0)


def test_the_command_ends_with_code_3_and_without_loading_the_library():
    code = (
        "import sys\n"
        "sys.argv = ['simulation', '--backend', 'carla', '--port', sys.argv[1]]\n"
        "from simulation.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, *sorted({'carla', 'cv2'} & set(sys.modules)))"
    )
    with closed_port() as port:
        command = [sys.executable, "-c", code, str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split("\n")[1] == "3"
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("simulation: no CARLA server on 127.0.0.1:")


@pytest.mark.parametrize(
    ("banner", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "it sent b'SSH-2.0-OpenSSH_9.2p1"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it sent b'HTTP/1.1 400"),
        (b"-ERR unknown command\r\n", "it sent b'-ERR unknown"),
        (b"\xff" * 5000, "it sent b"),
        (b"", "it closed the connection"),
    ],
)
def test_another_server_on_the_port_is_one_sentence_and_exit_code_3(banner, words):
    """The client library would end the process with SIGABRT."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):  # the first one only looks whether the port is open
                    connection.sendall(banner)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "simulation", *f"--backend carla --port {port} --instance test-{port}".split()],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        server.shutdown(socket.SHUT_RDWR)
    assert done.returncode == 3
    (sentence,) = done.stderr.splitlines()
    assert f"127.0.0.1:{port} is no CARLA server: {words}" in sentence
