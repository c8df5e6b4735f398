"""The processes' side of the broker: parameters, actions, status and events. For tools see `tool_client`.

No call here ever waits, and none needs a broker: without one, status and events are dropped, and when one appears
(again) the connection and the parameter table come back by themselves. A client belongs to the thread that made it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lkas.health import Percentiles
from lkas.integration.zmq.connection import Connection
from lkas.integration.zmq.messages import (
    ActionResult,
    DoAction,
    Hello,
    Level,
    ParameterResult,
    ProcessEntry,
    ProcessesReport,
    SetParameter,
    SetValues,
    TableReport,
    Value,
    VehicleReport,
)
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.tool_client import BrokerClient
from lkas.parameters import Parameter, ParameterError, Section, offered

__all__ = ["Action", "BrokerClient", "ParameterClient", "SimulationClient", "SupervisorClient"]

logger = logging.getLogger(__name__)

ParameterFunction = Callable[[str, Any], Any]
ActionFunction = Callable[[str, Mapping[str, Value]], Any]


class ParameterClient:
    """Parameters and actions of one category for the process that carries them out.

    With `section` (the values this process runs with) the broker knows names, types and ranges and refuses what they
    do not allow; without it, it passes on what it gets and the callback judges. `active` names what the running
    method reads; None means all.
    """

    def __init__(
        self,
        category: str,
        ports: Ports | None = None,
        section: Section | None = None,
        active: tuple[str, ...] | None = None,
    ) -> None:
        ports = ports or Ports()
        self.category = category
        self._connection = Connection(category, category, ports, ports.to_servers)
        self._parameters: dict[str, Parameter] | None = None
        self._values: dict[str, Any] = {}
        if section is not None:
            self._parameters = offered(category, section)
            self._values = msgspec.structs.asdict(section)
        self._active = active
        self._revision = 0
        self._is_table_due = False
        self._callbacks: list[ParameterFunction] = []
        self._action_functions: list[ActionFunction] = []

    def register_callback(self, function: ParameterFunction) -> None:
        """Have `function(name, value)` called for each change; ParameterError or ValueError from it refuses it."""
        self._callbacks.append(function)

    def register_action(self, function: ActionFunction) -> None:
        """Have `function(action, params)` called for each action meant for this process."""
        self._action_functions.append(function)

    def set_active(self, names: tuple[str, ...]) -> None:
        """Another method runs now, and reads these."""
        self._active = names
        self._is_table_due = True

    def poll(self) -> None:
        """Carry out what waits. Never blocks."""
        for order in self._connection.orders():
            match order:
                case Hello():
                    self._is_table_due = True
                case SetParameter():
                    self._set_parameter(order)
                case SetValues():
                    self._take_values(order)
                case DoAction():
                    self._act(order)
        if self._is_table_due:
            self._is_table_due = not self._connection.report(self._table())

    def send_status(
        self,
        state: str,
        rate_hz: float | None = None,
        age_ms: float | None = None,
        latency_ms: Mapping[str, Percentiles] | None = None,
    ) -> None:
        """Say how this process does; about twice a second, for after 2 s without it counts as silent."""
        self._connection.status(state, rate_hz, age_ms, latency_ms, self.category, self._revision)

    def send_event(self, name: str, level: Level, text: str) -> None:
        """Tell viewers that something has happened."""
        self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()

    def _set_parameter(self, order: SetParameter) -> None:
        error = self._apply(order.name, order.value)
        if error is None:
            self._revision = order.revision
        self._connection.report(
            ParameterResult(
                request_id=order.request_id,
                category=self.category,
                name=order.name,
                ok=error is None,
                value=self._values.get(order.name),
                revision=self._revision,
                error=error and error[:1000],
            )
        )

    def _take_values(self, order: SetValues) -> None:
        for name, value in order.values.items():
            error = self._apply(name, value)
            if error is not None:
                logger.warning("value from the broker refused: %s", error)
        self._revision = order.revision
        self._is_table_due = True  # so that the broker knows what is in force now

    def _apply(self, name: str, value: Value) -> str | None:
        """Change one parameter; the text of why not, or None."""
        if not self._callbacks:
            return f"{self.category} takes no parameters now"
        try:
            if self._parameters is not None:
                if name not in self._parameters:
                    return f"{self.category}.{name}: no such parameter"
                value = self._parameters[name].check(value)
            for callback in self._callbacks:
                callback(name, value)
        except (ParameterError, ValueError) as error:
            return str(error)
        self._values[name] = value
        return None

    def _act(self, order: DoAction) -> None:
        error = None
        try:
            for function in self._action_functions:
                function(order.action, order.params)
        except ValueError as refusal:
            error = str(refusal)[:1000]
        self._connection.report(
            ActionResult(request_id=order.request_id, process=self.category, ok=error is None, error=error)
        )

    def _table(self) -> TableReport:
        return TableReport(
            process=self.category,
            category=self.category,
            parameters=None if self._parameters is None else tuple(self._parameters.values()),
            values=self._values,
            active=self._active,
            revision=self._revision,
        )


class Action(Struct, frozen=True, kw_only=True):
    """What a simulation is asked to do."""

    name: str
    params: dict[str, Value]
    request_id: str


class SimulationClient:
    """A simulation's side: it gets actions and answers each with `reply`."""

    def __init__(self, ports: Ports | None = None) -> None:
        ports = ports or Ports()
        self._connection = Connection("simulation", "simulation", ports, ports.to_simulation)

    def poll(self) -> list[Action]:
        """Actions that wait. Never blocks."""
        return [
            Action(name=order.action, params=order.params, request_id=order.request_id)
            for order in self._connection.orders()
            if isinstance(order, DoAction)
        ]

    def reply(self, action: Action, ok: bool, error: str | None = None) -> None:
        """Say that an action is done, or why not."""
        self._connection.report(
            ActionResult(request_id=action.request_id, process="simulation", ok=ok, error=error and error[:1000])
        )

    def send_status(
        self,
        state: str,
        rate_hz: float | None = None,
        age_ms: float | None = None,
        latency_ms: Mapping[str, Percentiles] | None = None,
    ) -> None:
        """Say how the simulation does; after 2 s without it the broker takes it for not connected."""
        self._connection.status(state, rate_hz, age_ms, latency_ms)

    def send_vehicle(self, report: VehicleReport) -> None:
        """The car's state, from a simulation that has no vehicle channel."""
        self._connection.report(report)

    def send_event(self, name: str, level: Level, text: str) -> None:
        """Tell viewers that something has happened."""
        self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()


class SupervisorClient:
    """A supervisor's side: it lists its children."""

    def __init__(self, ports: Ports | None = None) -> None:
        ports = ports or Ports()
        self._connection = Connection("supervisor", "supervisor", ports, ports.to_servers)

    def send_processes(self, processes: tuple[ProcessEntry, ...]) -> None:
        """Say which children there are; about twice a second, for after 2 s the list counts as old."""
        self._connection.report(ProcessesReport(processes=processes))

    def send_event(self, name: str, level: Level, text: str) -> None:
        """Tell viewers that something has happened."""
        self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()
