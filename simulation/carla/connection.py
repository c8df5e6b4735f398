"""A client on a server of its own version, and the library's RuntimeErrors told apart."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import carla

from simulation.carla.config import CarlaConfig
from simulation.carla.probe import require_server
from simulation.world import WorldError

TIMED_OUT = re.compile(r"time-out of (\d+)ms")  # the library's own words

log = logging.getLogger(__name__)


class ServerLost(Exception):
    """The server is gone, or what we had on it; the text says what was missed."""


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Turns a failed call into ServerLost: the library knows RuntimeError only."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip()
        if waited := TIMED_OUT.match(reason):
            reason = f"no answer within {int(waited[1]) / 1000:g} s"
        raise ServerLost(f"{what}: {reason}") from error


@contextmanager
def leaving(what: str) -> Iterator[None]:
    """A step of taking things down: when it fails, it is told and the next one follows."""
    try:
        yield
    except RuntimeError as error:
        log.warning("CARLA: %s: %s", what, str(error).strip())


def connect(config: CarlaConfig) -> carla.Client:
    """A client whose version fits. Raises WorldUnreachable, ServerLost, WorldError.

    Another version is refused before the world is asked for: streams of another layout end this process by a signal.
    """
    place = f"{config.host}:{config.port}"
    require_server(config)
    client = carla.Client(config.host, config.port)
    client.set_timeout(config.timeout_s)
    with calling(f"{place} does not answer as a CARLA server"):
        server_version, client_version = client.get_server_version(), client.get_client_version()
    if server_version != client_version:
        text = f"CARLA on {place} is version {server_version}, the installed client is {client_version}"
        if not config.any_version:
            raise WorldError(f"{text}; install the server's own (pip install carla=={server_version})")
        log.warning("%s; going on because of carla.any_version", text)
    return client
