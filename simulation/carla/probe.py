"""Is there a CARLA server? Asked with plain sockets: the client library's first call waits for its whole timeout."""

import socket

import msgspec

from simulation.carla.config import CarlaConfig
from simulation.world import WorldUnreachable

PROBE_S = 1.0  # for a connection
ANSWER_S = 5.0  # a server that loads a map accepts connections and answers none
MAX_ANSWER_BYTES = 4096
VERSION_CALL = [0, 1, "version", [[False]]]  # msgpack-rpc: request, number, method, [[is asynchronous]]


def is_listening(host: str, port: int) -> bool:
    """Whether anybody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_S):
            return True
    except OSError:
        return False


def require_server(config: CarlaConfig) -> None:
    """Raises WorldUnreachable when nobody listens where the server should be."""
    if not is_listening(config.host, config.port):
        raise WorldUnreachable(
            f"no CARLA server on {config.host}:{config.port}; start CarlaUE4.sh, name another with --host and --port, "
            "or leave --backend away for the embedded world"
        )


def speaks_carla(host: str, port: int, timeout_s: float = ANSWER_S) -> bool:
    """Whether it answers within `timeout_s` when asked for its version as a CARLA client does."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_S) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(msgspec.msgpack.encode(VERSION_CALL))
            answer = msgspec.msgpack.decode(connection.recv(MAX_ANSWER_BYTES))
    except (OSError, msgspec.DecodeError):
        return False
    return isinstance(answer, list) and answer[:2] == [1, VERSION_CALL[1]]
