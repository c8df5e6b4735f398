"""The endpoints of the six ports."""

import random
import socket
from typing import Annotated

from lkas.parameters import Section, declare

DEFAULT_PORT_BASE = 5557
PORT_COUNT = 6


class ZmqConfig(Section, frozen=True, kw_only=True):
    """The section `zmq`, shared by all programs."""

    host: Annotated[str, declare("Address of the broker's ports; loopback until CURVE keys exist")] = "127.0.0.1"
    port_base: Annotated[int, declare("First of the six ports; 0 takes six free ones", minimum=0, maximum=65530)] = (
        DEFAULT_PORT_BASE
    )
    jpeg_quality: Annotated[int, declare("JPEG quality of broadcast frames", minimum=10, maximum=100, live=False)] = 80


class Ports:
    """Endpoints of one broker; `base` is its first port."""

    def __init__(self, base: int = DEFAULT_PORT_BASE, host: str = "127.0.0.1") -> None:
        self.base = base
        self.host = "127.0.0.1" if host == "localhost" else host  # libzmq does not bind to names

    @property
    def last(self) -> int:
        """The highest of the six ports."""
        return self.base + PORT_COUNT - 1

    def _endpoint(self, offset: int) -> str:
        return f"tcp://{self.host}:{self.base + offset}"

    @property
    def broadcast(self) -> str:
        """XPUB: telemetry to viewers."""
        return self._endpoint(0)

    @property
    def actions(self) -> str:
        """ROUTER: actions from viewers and tools."""
        return self._endpoint(1)

    @property
    def parameters(self) -> str:
        """ROUTER: parameter changes from viewers and tools."""
        return self._endpoint(2)

    @property
    def to_servers(self) -> str:
        """XPUB: parameters and actions to the lkas processes."""
        return self._endpoint(3)

    @property
    def to_simulation(self) -> str:
        """XPUB: actions to the simulation."""
        return self._endpoint(4)

    @property
    def from_processes(self) -> str:
        """PULL: status, parameter tables and results from all processes."""
        return self._endpoint(5)


def free_port_base(host: str = "127.0.0.1") -> int:
    """Return the first of six consecutive free ports. Raises OSError when none are found.

    They lie below the range that Linux uses for outgoing connections: a client that keeps retrying a closed port of
    that range can connect to itself.
    """
    for _ in range(200):
        base = random.randrange(10_000, 32_000)
        if all(_is_free(host, base + offset) for offset in range(PORT_COUNT)):
            return base
    raise OSError(f"found no {PORT_COUNT} consecutive free ports between 10000 and 32000 on {host}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
