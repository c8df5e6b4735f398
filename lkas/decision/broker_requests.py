"""Requests that the broker passes to decision: parameter changes and the driver's actions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import declared, is_read_by

if TYPE_CHECKING:
    from lkas.integration.zmq.client import ParameterClient

ACTION_PARAMETERS = {"override": "active", "indicator": "side"}


def connect(zmq: ZmqConfig, section: DecisionParameters, keeper: LaneKeeper) -> "ParameterClient":
    """Return a client that passes parameters and actions to the keeper."""
    from lkas.integration.zmq.client import ParameterClient

    client = ParameterClient(
        "decision", Ports(zmq.port_base, zmq.host), section=section, active=active_parameters(section.controller)
    )

    def on_parameter(name: str, value: Any) -> None:
        keeper.update_parameter(name, value)
        if name == "controller":
            client.set_active(active_parameters(value))

    client.register_callback(on_parameter)
    client.register_action(lambda action, params: perform(keeper, action, params))
    return client


def active_parameters(controller: str) -> tuple[str, ...]:
    """Return the names of the parameters that are read while this controller steers."""
    table = declared("decision", DecisionParameters).values()
    return tuple(p.name for p in table if is_read_by(p, controller))


def perform(keeper: LaneKeeper, action: str, params: Mapping[str, Any]) -> None:
    """Perform one action. Raises ValueError for an unknown parameter: `activ=false` is no override."""
    known = ACTION_PARAMETERS.get(action)
    for name in params:
        if known is not None and name != known:
            raise ValueError(f"{action}: {name}: no such parameter; expected {known}")
    match action:
        case "resume":
            keeper.resume()
        case "override":
            keeper.override(params.get("active", True))
        case "indicator":
            keeper.set_indicator(params.get("side"))
