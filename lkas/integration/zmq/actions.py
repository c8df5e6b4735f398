"""What becomes of an action: local functions are called, the simulation is told, the sender hears how it went."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from lkas.integration.zmq.messages import Ack, ActionRequest, ActionResult, DoAction, Value
from lkas.integration.zmq.orders import OrderPort
from lkas.integration.zmq.process_table import ProcessTable
from lkas.integration.zmq.request_port import RequestPort

logger = logging.getLogger(__name__)

ACTION_LIMITS_S = {"pause": 2.0, "resume": 2.0, "respawn": 30.0}  # what a simulation does, and how long it may take
DECISION_LIMITS_S = {"override": 2.0, "indicator": 2.0}  # what the driver does; only decision needs to know
SIMULATION = "simulation"
DECISION = "decision"
NOT_CONNECTED = "simulation not connected"

ActionFunction = Callable[[], Any] | Callable[[Mapping[str, Value]], Any]


class ActionRouter:
    """The port for actions, and where they go."""

    def __init__(
        self,
        port: RequestPort[ActionRequest],
        to_simulation: OrderPort,
        to_servers: OrderPort,
        processes: ProcessTable,
    ) -> None:
        self._port = port
        self._to_simulation = to_simulation
        self._to_servers = to_servers
        self._processes = processes
        self._functions: dict[str, ActionFunction] = {}
        self._asked_of_decision: set[str] = set()  # request ids

    def register(self, name: str, function: ActionFunction) -> None:
        self._functions[name] = function

    def poll(self) -> None:
        """Route what waits."""
        for request in self._port.poll():
            self._act(request)

    def submit(self, request: ActionRequest) -> Ack:
        """Route an action of this process: the first answer to it."""
        return self._port.submit(request, self._act)

    def expire(self) -> None:
        """Answer what is late."""
        self._port.expire()
        self._asked_of_decision = {key for key in self._asked_of_decision if self._port.is_waiting(key)}

    def take_result(self, result: ActionResult) -> None:
        """The simulation's word settles an action; decision's word settles its own, but not `resume`."""
        if result.process != SIMULATION and result.request_id not in self._asked_of_decision:
            return
        self._asked_of_decision.discard(result.request_id)
        if result.ok:
            self._port.finish(result.request_id, applied=True)
        else:
            self._port.refuse(result.request_id, result.error or f"{result.process} refused it")

    def _act(self, request: ActionRequest) -> None:
        name, request_id = request.action, request.request_id
        function = self._functions.get(name)
        if function is None and name in DECISION_LIMITS_S:
            self._ask_decision(request)
            return
        if function is None and name not in ACTION_LIMITS_S:
            known = ", ".join(sorted(ACTION_LIMITS_S.keys() | DECISION_LIMITS_S.keys() | self._functions.keys()))
            self._port.refuse(request_id, f"no such action {name!r}; known are {known}")
            return
        connected = self._processes.is_heard(SIMULATION) and self._to_simulation.has_receiver(SIMULATION)
        if function is None and not connected:
            self._port.refuse(request_id, NOT_CONNECTED)
            return
        if function is not None:
            error = _call(name, function, request.params)
            if error is not None:
                self._port.refuse(request_id, error)
                return
        order = DoAction(action=name, params=request.params, request_id=request_id)
        if connected:
            self._to_simulation.send(SIMULATION, order)
        if name == "resume":  # decision leaves a minimum-risk stop only when it is told to
            self._to_servers.send(DECISION, order)
        if connected and name in ACTION_LIMITS_S:
            limit_s = ACTION_LIMITS_S[name]
            self._port.accept(request_id, limit_s, f"the simulation did not answer within {limit_s:g} s")
        else:
            self._port.finish(request_id, applied=True)

    def _ask_decision(self, request: ActionRequest) -> None:
        if not self._to_servers.has_receiver(DECISION):
            self._port.refuse(request.request_id, "decision not connected")
            return
        order = DoAction(action=request.action, params=request.params, request_id=request.request_id)
        self._asked_of_decision.add(request.request_id)
        self._to_servers.send(DECISION, order)
        limit_s = DECISION_LIMITS_S[request.action]
        self._port.accept(request.request_id, limit_s, f"decision did not answer within {limit_s:g} s")


def _call(name: str, function: ActionFunction, params: Mapping[str, Value]) -> str | None:
    """Run a registered function; the text of what went wrong, or None."""
    try:
        if inspect.signature(function).parameters:
            function(params)  # type: ignore[call-arg]
        else:
            function()  # type: ignore[call-arg]
    except Exception as error:  # a function of the caller's must not end the broker for everybody else
        logger.exception("action %s failed", name)
        return f"{name}: {error}"
    return None
