"""The clients of our processes: parameters, actions, status and events. `tool_client` has the one for tools.

No call blocks, and no call needs a broker: without one, status and events are dropped. When a broker starts (again),
the client reconnects and sends its parameter table. Use a client from the thread that created it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lkas.health import Percentiles
from lkas.integration.zmq.broker_connection import BrokerConnection
from lkas.integration.zmq.messages import (
    ActionResult,
    Hello,
    Level,
    ParameterResult,
    PerformAction,
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

__all__ = ["BrokerClient", "ParameterClient", "SimulationAction", "SimulationClient", "SupervisorClient"]

logger = logging.getLogger(__name__)

ParameterFunction = Callable[[str, Any], Any]
ActionFunction = Callable[[str, Mapping[str, Value]], Any]


class ParameterClient:
    """Receives the parameters and actions of one category in the process that executes them.

    With `section` (the values this process runs with) the broker knows names, types and ranges, and refuses any other
    value. Without it the broker passes every value on and the callback checks it. `active` names the parameters that
    the running method reads; None means all.
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
        self._connection = BrokerConnection(category, category, ports, ports.to_servers)
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
        """Call `function(name, value)` for each change. It refuses a change with ParameterError or ValueError."""
        self._callbacks.append(function)

    def register_action(self, function: ActionFunction) -> None:
        """Call `function(action, params)` for each action for this process. It refuses one with ValueError."""
        self._action_functions.append(function)

    def set_active(self, names: tuple[str, ...]) -> None:
        """Report that another method runs now, which reads these parameters."""
        self._active = names
        self._is_table_due = True

    def poll(self) -> None:
        """Execute the instructions that have arrived. Never blocks."""
        for instruction in self._connection.instructions():
            match instruction:
                case Hello():
                    self._is_table_due = True
                case SetParameter():
                    self._set_parameter(instruction)
                case SetValues():
                    self._take_values(instruction)
                case PerformAction():
                    self._act(instruction)
        if self._is_table_due:
            self._is_table_due = not self._connection.report(self._table())

    def send_status(
        self,
        state: str,
        rate_hz: float | None = None,
        age_ms: float | None = None,
        latency_ms: Mapping[str, Percentiles] | None = None,
    ) -> None:
        """Report the status of this process, about twice a second: after 2 s without it, it counts as silent."""
        self._connection.status(state, rate_hz, age_ms, latency_ms, self.category, self._revision)

    def send_event(self, name: str, level: Level, text: str) -> None:
        """Send an event to viewers. `text` is one sentence."""
        self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()

    def _set_parameter(self, instruction: SetParameter) -> None:
        error = self._apply(instruction.name, instruction.value)
        if error is None:
            self._revision = instruction.revision
        self._connection.report(
            ParameterResult(
                request_id=instruction.request_id,
                category=self.category,
                name=instruction.name,
                ok=error is None,
                value=self._values.get(instruction.name),
                revision=self._revision,
                error=error and error[:1000],
            )
        )

    def _take_values(self, instruction: SetValues) -> None:
        for name, value in instruction.values.items():
            error = self._apply(name, value)
            if error is not None:
                logger.warning("value from the broker refused: %s", error)
        self._revision = instruction.revision
        self._is_table_due = True  # the broker needs the current values

    def _apply(self, name: str, value: Value) -> str | None:
        """Change one parameter. Returns the reason for a refusal, or None."""
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

    def _act(self, instruction: PerformAction) -> None:
        error = None
        try:
            for function in self._action_functions:
                function(instruction.action, instruction.params)
        except ValueError as refusal:
            error = str(refusal)[:1000]
        self._connection.report(
            ActionResult(request_id=instruction.request_id, process=self.category, ok=error is None, error=error)
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


class SimulationAction(Struct, frozen=True, kw_only=True):
    """An action that the simulation is to perform."""

    name: str
    params: dict[str, Value]
    request_id: str


class SimulationClient:
    """The client of a simulation: it receives actions and answers each with `reply`."""

    def __init__(self, ports: Ports | None = None) -> None:
        ports = ports or Ports()
        self._connection = BrokerConnection("simulation", "simulation", ports, ports.to_simulation)

    def poll(self) -> list[SimulationAction]:
        """Return the actions that have arrived. Never blocks."""
        return [
            SimulationAction(name=instruction.action, params=instruction.params, request_id=instruction.request_id)
            for instruction in self._connection.instructions()
            if isinstance(instruction, PerformAction)
        ]

    def reply(self, action: SimulationAction, ok: bool, error: str | None = None) -> None:
        """Report that an action is done, or why it is not."""
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
        """Report the status of the simulation. After 2 s without it, it counts as not connected."""
        self._connection.status(state, rate_hz, age_ms, latency_ms)

    def send_vehicle(self, report: VehicleReport) -> None:
        """Send the vehicle state, for a simulation without a vehicle channel."""
        self._connection.report(report)

    def send_event(self, name: str, level: Level, text: str) -> None:
        """Send an event to viewers. `text` is one sentence."""
        self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()


class SupervisorClient:
    """The client of a supervisor: it reports its child processes."""

    def __init__(self, ports: Ports | None = None) -> None:
        ports = ports or Ports()
        self._connection = BrokerConnection("supervisor", "supervisor", ports, ports.to_servers)

    def send_processes(self, processes: tuple[ProcessEntry, ...]) -> None:
        """Report the child processes, about twice a second: after 2 s the list counts as old."""
        self._connection.report(ProcessesReport(processes=processes))

    def send_event(self, name: str, level: Level, text: str) -> bool:
        """Send an event to viewers. `text` is one sentence. Returns False when no broker is connected."""
        return self._connection.event(name, level, text)

    def close(self) -> None:
        self._connection.close()
