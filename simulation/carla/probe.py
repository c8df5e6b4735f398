"""Probes for a CARLA server with plain sockets: the client library would wait for its full timeout."""

import socket

import msgspec

from simulation.carla.config import CarlaConfig
from simulation.world import WorldUnreachable

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 5.0  # a server that is loading a map accepts connections but does not answer
MAX_ANSWER_BYTES = 4096
VERSION_CALL = [0, 1, "version", [[False]]]  # msgpack-rpc: request, number, method, [[is asynchronous]]


def is_listening(host: str, port: int) -> bool:
    """Return whether a process accepts connections on this port."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def require_server(config: CarlaConfig) -> None:
    """Raise WorldUnreachable when no process listens on the configured port."""
    if not is_listening(config.host, config.port):
        raise WorldUnreachable(
            f"no CARLA server on {config.host}:{config.port}; start CarlaUE4.sh, name another with --host and --port, "
            "or omit --backend for the embedded world"
        )


def speaks_carla(host: str, port: int, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Return whether the server answers a CARLA client's version request within `timeout_s`."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(msgspec.msgpack.encode(VERSION_CALL))
            answer = msgspec.msgpack.decode(connection.recv(MAX_ANSWER_BYTES))
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(answer, list) and answer[:2] == [1, VERSION_CALL[1]]
