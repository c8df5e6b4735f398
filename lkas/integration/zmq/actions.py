"""Routes actions: calls registered functions, passes actions to the simulation and decision, answers the sender."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

from lkas.integration.zmq.instructions import InstructionPort
from lkas.integration.zmq.messages import Ack, ActionRequest, ActionResult, PerformAction, Value
from lkas.integration.zmq.process_table import ProcessTable
from lkas.integration.zmq.request_port import RequestPort

logger = logging.getLogger(__name__)

ACTION_LIMITS_S = {"pause": 2.0, "resume": 2.0, "respawn": 30.0}  # actions of the simulation, and their time limits
DECISION_LIMITS_S = {"override": 2.0, "indicator": 2.0}  # actions of the driver, for decision only
SIMULATION = "simulation"
DECISION = "decision"
NOT_CONNECTED = "simulation not connected"

ActionFunction = Callable[[], Any] | Callable[[Mapping[str, Value]], Any]


class ActionRouter:
    """Serves the port for actions."""

    def __init__(
        self,
        port: RequestPort[ActionRequest],
        to_simulation: InstructionPort,
        to_servers: InstructionPort,
        processes: ProcessTable,
    ) -> None:
        self._port = port
        self._to_simulation = to_simulation
        self._to_servers = to_servers
        self._processes = processes
        self._functions: dict[str, ActionFunction] = {}
        self._sent_to_decision: set[str] = set()  # request ids

    def register(self, name: str, function: ActionFunction) -> None:
        """Call this function for the action."""
        self._functions[name] = function

    def poll(self) -> None:
        """Route the requests that have arrived."""
        for request in self._port.poll():
            self._route(request)

    def submit(self, request: ActionRequest, reply: Callable[[Ack], Any] | None = None) -> Ack:
        """Route an action of this process and return the first answer; `reply` gets each one."""
        return self._port.submit(request, self._route, reply)

    def expire(self) -> None:
        """Refuse the requests whose time limit has passed."""
        self._port.expire()
        self._sent_to_decision = {key for key in self._sent_to_decision if self._port.is_waiting(key)}

    def take_result(self, result: ActionResult) -> None:
        """Answer the request with this result. Decision's result of `resume` does not count, the simulation's does."""
        if result.process != SIMULATION and result.request_id not in self._sent_to_decision:
            return
        self._sent_to_decision.discard(result.request_id)
        if result.ok:
            self._port.finish(result.request_id, applied=True)
        else:
            self._port.refuse(result.request_id, result.error or f"{result.process} refused it")

    def _route(self, request: ActionRequest) -> None:
        name, request_id = request.action, request.request_id
        function = self._functions.get(name)
        if function is None and name in DECISION_LIMITS_S:
            self._send_to_decision(request)
            return
        if function is None and name not in ACTION_LIMITS_S:
            known = ", ".join(sorted(ACTION_LIMITS_S.keys() | DECISION_LIMITS_S.keys() | self._functions.keys()))
            self._port.refuse(request_id, f"no such action {name!r}; known are {known}")
            return
        connected = self._processes.is_alive(SIMULATION) and self._to_simulation.has_receiver(SIMULATION)
        if function is None and not connected:
            self._port.refuse(request_id, NOT_CONNECTED)
            return
        if function is not None:
            error = _call(name, function, request.params)
            if error is not None:
                self._port.refuse(request_id, error)
                return
        instruction = PerformAction(action=name, params=request.params, request_id=request_id)
        if connected:
            self._to_simulation.send(SIMULATION, instruction)
        if name == "resume":  # decision ends a minimum-risk stop only on this action
            self._to_servers.send(DECISION, instruction)
        if connected and name in ACTION_LIMITS_S:
            limit_s = ACTION_LIMITS_S[name]
            self._port.accept(request_id, limit_s, f"the simulation did not answer within {limit_s:g} s")
        else:
            self._port.finish(request_id, applied=True)

    def _send_to_decision(self, request: ActionRequest) -> None:
        if not self._to_servers.has_receiver(DECISION):
            self._port.refuse(request.request_id, "decision not connected")
            return
        instruction = PerformAction(action=request.action, params=request.params, request_id=request.request_id)
        self._sent_to_decision.add(request.request_id)
        self._to_servers.send(DECISION, instruction)
        limit_s = DECISION_LIMITS_S[request.action]
        self._port.accept(request.request_id, limit_s, f"decision did not answer within {limit_s:g} s")


def _call(name: str, function: ActionFunction, params: Mapping[str, Value]) -> str | None:
    """Call a registered function. Returns the text of its exception, or None."""
    try:
        if inspect.signature(function).parameters:
            function(params)  # type: ignore[call-arg]
        else:
            function()  # type: ignore[call-arg]
    except Exception as error:  # an error in the caller's function must not end the broker
        logger.exception("action %s failed", name)
        return f"{name}: {error}"
    return None
