"""The broker: six ports in one object without a loop of its own.

    broker = LKASBroker()
    while running:
        broker.poll()                                   # never blocks
        broker.broadcast_frame(image_rgb, frame_id)

It routes actions and parameters to the processes that execute them, answers the senders, and broadcasts the messages
of the caller. Use it from the thread that created it.
"""

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import zmq

from lkas.clock import Clock, MonotonicClock
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, VehicleState
from lkas.integration.zmq import telemetry
from lkas.integration.zmq.actions import ActionFunction, ActionRouter
from lkas.integration.zmq.broadcaster import Broadcaster
from lkas.integration.zmq.instructions import InstructionPort
from lkas.integration.zmq.messages import (
    Ack,
    ActionRequest,
    ActionResult,
    BroadcastEvent,
    EventReport,
    Hello,
    Level,
    MalformedMessageError,
    ParameterRequest,
    ParameterResult,
    Parameters,
    ProcessesReport,
    Report,
    SetParameter,
    StatusReport,
    TableReport,
    VehicleReport,
    decode_action,
    decode_parameter,
    decode_report,
    epoch_s,
)
from lkas.integration.zmq.parameter_store import ParameterStore
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.process_table import ProcessTable
from lkas.integration.zmq.request_port import RequestPort
from lkas.integration.zmq.sockets import BoundSockets
from lkas.parameters import ParameterError

logger = logging.getLogger(__name__)

PARAMETER_LIMIT_S = 2.0
HEALTH_PERIOD_NS = 500_000_000
STATE_CALLER_S = 2.0  # for this long a state from the caller takes precedence over a report of the simulation
REPORTS_PER_POLL = 512
LINGER_MS = 100  # for the last answers when the broker closes


class LKASBroker:
    """Binds the six ports. Raises PortInUseError or HostError."""

    def __init__(self, ports: Ports | None = None, *, jpeg_quality: int = 80, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._sockets = BoundSockets(ports or Ports(), LINGER_MS)
        self.ports = self._sockets.ports
        self.malformed: Counter[str] = Counter()  # ignored messages by port
        self._id = secrets.token_hex(8)
        self._broadcaster = Broadcaster(self._sockets.broadcast, self._clock, jpeg_quality, self._counter("broadcast"))
        self._parameters = RequestPort(
            self._sockets.parameters, decode_parameter, self._clock, self._counter("parameters")
        )
        self._to_servers = InstructionPort(self._sockets.to_servers, self._counter("to servers"))
        self._to_simulation = InstructionPort(self._sockets.to_simulation, self._counter("to simulation"))
        self._store = ParameterStore()
        self._processes = ProcessTable(self._clock)
        self._actions = ActionRouter(
            RequestPort(self._sockets.actions, decode_action, self._clock, self._counter("actions")),
            self._to_simulation,
            self._to_servers,
            self._processes,
        )
        self._has_new_parameters = True
        self._event_listeners: list[Callable[[BroadcastEvent], Any]] = []
        self._health_due_ns = 0
        self._state_from_caller_ns: int | None = None

    # ------------------------------------------------------------ for the caller

    def register_action(self, name: str, function: ActionFunction) -> None:
        """Call `function()` or `function(params)` for this action. The simulation gets the action as well."""
        self._actions.register(name, function)

    def poll(self) -> None:
        """Read all messages that have arrived, route and answer them. Never blocks."""
        waiting = self._sockets.waiting()
        if self._sockets.to_servers in waiting:
            for category in self._to_servers.poll():
                self._send_hello(category)
        if self._sockets.to_simulation in waiting:
            self._to_simulation.poll()
        if self._sockets.from_processes in waiting:
            self._read_reports()
        if self._sockets.actions in waiting:
            self._actions.poll()
        if self._sockets.parameters in waiting:
            for request in self._parameters.poll():
                self._set_parameter(request)
        if self._sockets.broadcast in waiting:
            self._broadcaster.read_subscriptions()
        self._actions.expire()
        self._parameters.expire()
        if self._has_new_parameters:
            self._broadcast_parameters()
        self._broadcaster.send_held_back()
        if self._clock.now_ns() >= self._health_due_ns:
            self.broadcast_health()

    def wants(self, topic: str) -> bool:
        """Return whether a viewer subscribes to this topic, so that a caller can skip the work."""
        return self._broadcaster.wants(topic)

    def take_new_subscriber(self, topic: str) -> bool:
        """Return whether a viewer subscribed to this topic since the last call, so that it can get the newest."""
        return self._broadcaster.take_new_subscriber(topic)

    def broadcast_frame(self, image_rgb: np.ndarray, frame_id: int, *, session: int = 0, capture_ns: int = 0) -> bool:
        """Encode one (H, W, 3) uint8 RGB image as JPEG and send it. Returns False, at no cost, without a subscriber.

        `capture_ns` is the monotonic time of the exposure; 0 means now. Raises ValueError for another shape or type, an
        empty image, or a side over 65,500 px.
        """
        return self._broadcaster.send_frame(image_rgb, frame_id, session, capture_ns)

    def broadcast_detection(
        self, data: DetectionMessage | Mapping[str, Any], frame_id: int, *, height_px: int | None = None
    ) -> None:
        """Send a detection: the message, or a dict with fields of DetectionMessage.

        Lines are drawn up from row `height_px`, the height of the image. Raises MalformedMessageError for a bad field.
        """
        if self.wants("detection"):
            self._broadcaster.send("detection", telemetry.detection(data, frame_id, height_px))

    def broadcast_control(self, message: ControlMessage) -> None:
        """Send a command, at most 50 a second. In between, the newest is held back and sent later."""
        if self.wants("control"):
            self._broadcaster.send("control", telemetry.control(message))

    def broadcast_state(self, vehicle: VehicleState, control: ControlMessage | None = None) -> None:
        """Send the vehicle state joined with the newest command, at most 50 a second."""
        self._state_from_caller_ns = self._clock.now_ns()
        self._broadcaster.send("state", telemetry.state(vehicle, control, self._state_from_caller_ns))

    def broadcast_health(self) -> None:
        """Send the health of all processes. `poll` does it twice a second."""
        self._health_due_ns = self._clock.now_ns() + HEALTH_PERIOD_NS
        self._broadcaster.send("health", self._processes.health(self._broadcaster.latencies.percentiles()))

    def broadcast_event(self, name: str, level: Level, text: str, process: str = "broker") -> None:
        """Send an event to viewers and listeners. `text` is one sentence."""
        event = BroadcastEvent(timestamp=epoch_s(0), name=name, level=level, process=process, text=text)
        self._broadcaster.send("event", event)
        for listener in self._event_listeners:
            listener(event)

    def add_event_listener(self, listener: Callable[[BroadcastEvent], Any]) -> None:
        """Call `listener(event)` for each event that is broadcast, from any process."""
        self._event_listeners.append(listener)

    def submit_action(self, request: ActionRequest, reply: Callable[[Ack], Any] | None = None) -> Ack:
        """Handle an action as on the port for actions. Returns the first answer; `reply` gets each one."""
        return self._actions.submit(request, reply)

    def check_parameter(self, request: ParameterRequest) -> None:
        """Raise ParameterError when no process declares this parameter, or its value is not allowed."""
        self._store.check(request)

    def submit_parameter(self, request: ParameterRequest, reply: Callable[[Ack], Any] | None = None) -> Ack:
        """Handle a parameter change as on the port for parameters. Returns the first answer; `reply` gets each one."""
        return self._parameters.submit(request, self._set_parameter, reply)

    def report_status(self, status: StatusReport) -> None:
        """Take the status of the broker's own process."""
        self._processes.take_status(status)

    def close(self) -> None:
        """Close all ports. They are free when this returns."""
        self._sockets.close()

    # ------------------------------------------------------------ parameters

    def _set_parameter(self, request: ParameterRequest) -> None:
        category = request.category
        try:
            value = self._store.check(request)
        except ParameterError as error:
            self._parameters.refuse(request.request_id, str(error))
            return
        if not self._to_servers.has_receiver(category):
            self._parameters.refuse(request.request_id, f"{category} not connected")
            return
        self._to_servers.send(
            category,
            SetParameter(
                category=category,
                name=request.name,
                value=value,
                revision=self._store.issue(category),
                request_id=request.request_id,
            ),
        )
        self._parameters.accept(
            request.request_id,
            PARAMETER_LIMIT_S,
            f"{category} did not answer within {PARAMETER_LIMIT_S:g} s",
            active=self._store.is_active(category, request.name),
        )

    def _send_hello(self, topic: str) -> None:
        """Ask the process that subscribes to this topic for its parameter table."""
        self._to_servers.send(topic, Hello(broker=self._id))

    def _broadcast_parameters(self) -> None:
        self._has_new_parameters = False
        self._broadcaster.send(
            "parameters",
            Parameters(timestamp=epoch_s(0), parameters=self._store.states(), revisions=self._store.revisions()),
        )

    # ------------------------------------------------------------ reports of processes

    def _read_reports(self) -> None:
        count = self._counter("from processes")
        for _ in range(REPORTS_PER_POLL):
            try:
                parts = self._sockets.from_processes.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(parts) != 1:
                count(f"a report of {len(parts)} parts, expected one")
                continue
            try:
                self._take_report(decode_report(parts[0]))
            except (MalformedMessageError, ParameterError) as error:
                count(str(error))

    def _take_report(self, report: Report) -> None:
        match report:
            case StatusReport():
                self._processes.take_status(report)
                if report.category is not None:
                    self._to_servers.confirm(report.category)
                if report.category is not None and not self._store.is_synchronized(report):
                    self._send_hello(report.category)
            case TableReport():
                missed = self._store.take_table(report)
                self._to_servers.confirm(report.category)
                if missed is not None:
                    self._to_servers.send(report.category, missed)
                self._has_new_parameters = True
            case ParameterResult():
                self._take_parameter_result(report)
            case ActionResult():
                self._actions.take_result(report)
            case EventReport():
                self.broadcast_event(report.name, report.level, report.text, report.process)
            case ProcessesReport():
                if self._processes.take_list(report):
                    self.broadcast_health()
            case VehicleReport():
                given_ns = self._state_from_caller_ns
                if given_ns is None or self._clock.now_ns() - given_ns > STATE_CALLER_S * 1e9:
                    self._broadcaster.send("state", telemetry.reported_state(report))

    def _take_parameter_result(self, result: ParameterResult) -> None:
        if self._store.take_result(result):
            self._has_new_parameters = True
            self.broadcast_event(
                "parameter", "info", f"{result.category}.{result.name} = {result.value}", result.category
            )
        if result.ok:
            active = self._store.is_active(result.category, result.name)
            self._parameters.finish(result.request_id, applied=result.value, active=active)
        else:
            self._parameters.refuse(result.request_id, result.error or f"{result.category} refused it")

    def _counter(self, port: str) -> Callable[[str], None]:
        """Return a function that counts the malformed messages of one port and logs the first."""

        def count(text: str) -> None:
            self.malformed[port] += 1
            if self.malformed[port] == 1:
                logger.warning("malformed message on port %s: %s (further ones are only counted)", port, text)

        return count
