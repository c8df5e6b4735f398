"""The broker with its six ZMQ ports, its clients and its messages. Names are imported on first use."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lkas.integration.zmq.broker import LKASBroker
    from lkas.integration.zmq.client import BrokerClient, ParameterClient, SimulationClient, SupervisorClient
    from lkas.integration.zmq.ports import Ports, ZmqConfig
    from lkas.integration.zmq.sockets import BrokerError, HostError, PortInUseError

__all__ = [
    "BrokerClient",
    "BrokerError",
    "HostError",
    "LKASBroker",
    "ParameterClient",
    "PortInUseError",
    "Ports",
    "SimulationClient",
    "SupervisorClient",
    "ZmqConfig",
]

# A process with a client needs neither OpenCV nor NumPy, so the broker is not imported with it.
_MODULES = {
    "LKASBroker": "broker",
    "BrokerClient": "client",
    "ParameterClient": "client",
    "SimulationClient": "client",
    "SupervisorClient": "client",
    "Ports": "ports",
    "ZmqConfig": "ports",
    "BrokerError": "sockets",
    "HostError": "sockets",
    "PortInUseError": "sockets",
}


def __getattr__(name: str):
    if name in _MODULES:
        return getattr(import_module(f"lkas.integration.zmq.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
