"""Probes for a CARLA server with plain sockets: the client library would wait for its full timeout."""

import socket

import msgspec

from simulation.carla.config import CarlaConfig
from simulation.world import WorldUnreachable

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 5.0  # a server that is loading a map accepts connections but does not answer
MAX_ANSWER_BYTES = 4096
ANSWER_START = b"\x94\x01"  # msgpack: an array of four, of which the first says that it is an answer
VERSION_CALL = [0, 1, "version", [[False]]]  # msgpack-rpc: request, number, method, [[is asynchronous]]


def is_listening(host: str, port: int) -> bool:
    """Return whether a process accepts connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def require_server(config: CarlaConfig) -> None:
    """Raise WorldUnreachable when no process listens on the configured port, or one that is no CARLA server.

    The client library ends the whole process when it reads something else, such as the banner of an SSH server. A
    server that does not answer yet may be loading a map.
    """
    if not is_listening(config.host, config.port):
        raise WorldUnreachable(
            f"no CARLA server on {config.host}:{config.port}; start CarlaUE4.sh, name another with --host and --port, "
            "or omit --backend for the embedded world"
        )
    answer = _answer(config.host, config.port, ANSWER_TIMEOUT_S)
    if answer is not None and not answer.startswith(ANSWER_START):
        found = f"it sent {answer[:40]!r}" if answer else "it closed the connection"
        raise WorldUnreachable(
            f"what listens on {config.host}:{config.port} is no CARLA server: {found}; name another with --port"
        )


def speaks_carla(host: str, port: int, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Return whether the server answers a CARLA client's version request within `timeout_s`."""
    try:
        answer = msgspec.msgpack.decode(_answer(host, port, timeout_s) or b"")
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(answer, list) and answer[:2] == [1, VERSION_CALL[1]]


def _answer(host: str, port: int, timeout_s: float) -> bytes | None:
    """Return the first bytes that a server sends, empty when it closes the connection; None when it sends nothing."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(msgspec.msgpack.encode(VERSION_CALL))
            return connection.recv(MAX_ANSWER_BYTES)
    except TimeoutError:
        return None
    except OSError:
        return b""
