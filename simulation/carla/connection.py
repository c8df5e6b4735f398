"""Connects to a server of the client's version, and converts the library's RuntimeErrors."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import carla

from simulation.carla.config import CarlaConfig
from simulation.carla.probe import require_server
from simulation.world import WorldError

TIMED_OUT = re.compile(r"time-out of (\d+)ms")  # in the library's error text

log = logging.getLogger(__name__)


class ServerLost(Exception):
    """The server or one of our actors on it is gone; the text says which call failed."""


@contextmanager
def server_call(what: str) -> Iterator[None]:
    """Convert the RuntimeError of a failed call into ServerLost."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip()
        if waited := TIMED_OUT.match(reason):
            reason = f"no answer within {int(waited[1]) / 1000:g} s"
        raise ServerLost(f"{what}: {reason}") from error


@contextmanager
def cleanup_step(what: str) -> Iterator[None]:
    """Log the failure of a clean-up step, so that the next step still runs."""
    try:
        yield
    except RuntimeError as error:
        log.warning("CARLA: %s: %s", what, str(error).strip())


def connect(config: CarlaConfig) -> carla.Client:
    """Connect and check the version. Raises WorldUnreachable, ServerLost, WorldError.

    The version is checked before the first request for the world: streams of another layout crash this process.
    """
    place = f"{config.host}:{config.port}"
    require_server(config)
    client = carla.Client(config.host, config.port)
    client.set_timeout(config.timeout_s)
    with server_call(f"{place} does not answer as a CARLA server"):
        server_version, client_version = client.get_server_version(), client.get_client_version()
    if server_version != client_version:
        text = f"CARLA on {place} is version {server_version}, the installed client is {client_version}"
        if not config.any_version:
            raise WorldError(f"{text}; install the server's version (pip install carla=={server_version})")
        log.warning("%s; continuing because carla.any_version is set", text)
    return client
