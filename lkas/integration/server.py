"""The broker's process: it reads every channel, writes none, and feeds the broker.

It sleeps in the kernel until there is a detection (or a frame that somebody watches), for 20 ms at the longest: that
is how long a request may wait.
"""

import contextlib
import logging
import os

import cv2
import msgspec

from lkas.clock import Clock, MonotonicClock
from lkas.health import RateMeter
from lkas.integration.client.broker_port import ClientPort
from lkas.integration.events import EventError, EventServer
from lkas.integration.events.config import EventsConfig
from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    ImageChannel,
    SHMError,
    VehicleChannel,
    wait_any,
)
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.integration.zmq.broker import LKASBroker
from lkas.integration.zmq.messages import StatusReport
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.integration.zmq.sockets import BrokerError
from lkas.runtime.child import Child
from lkas.runtime.exit_codes import EXIT_USAGE

logger = logging.getLogger(__name__)

WAIT_S = 0.02
STATUS_PERIOD_NS = 500_000_000
QUIET_AFTER_MS = 1000.0  # an input silent for longer is named in the status


class BrokerServer:
    """Passes the newest of each channel on to the broker; `step` is one round."""

    def __init__(
        self,
        broker: LKASBroker,
        image: ImageChannel,
        detection: DetectionChannel,
        control: ControlChannel,
        vehicle: VehicleChannel,
        clock: Clock,
        client_port: ClientPort | None = None,
    ) -> None:
        self._broker = broker
        self._image = image
        self._detection = detection
        self._control = control
        self._vehicle = vehicle
        self._clock = clock
        self._client_port = client_port
        self._trouble: str | None = None
        self._command: ControlMessage | None = None
        self._detections, self._commands, self._states = RateMeter(), RateMeter(), RateMeter()
        self._status_due_ns = 0

    def step(self, timeout_s: float = WAIT_S) -> None:
        """Wait for something new, pass it on, serve the ports."""
        watched = self._broker.wants("frame")
        try:
            wait_any([self._detection, self._image] if watched else [self._detection], timeout_s)
            if watched:
                self._pass_frame()
            self._pass_detection()
            self._pass_car()
            self._trouble = None
        except (SHMError, ValueError) as error:  # a segment of another version, grey images: the ports must live on
            self._warn(str(error))
            self._clock.sleep(timeout_s)
        self._report_status()
        self._broker.poll()
        if self._client_port is not None:
            self._client_port.poll()

    def _pass_frame(self) -> None:
        with self._image.view() as message:
            if message is not None:
                self._broker.broadcast_frame(
                    message.image, message.frame_id, session=message.session, capture_ns=message.capture_ns
                )

    def _pass_detection(self) -> None:
        message = self._detection.read()
        if message is not None:
            self._detections.tick(self._clock.now_ns())
            shape = self._image.shape
            self._broker.broadcast_detection(message, message.frame_id, height_px=shape[0] if shape else None)

    def _pass_car(self) -> None:
        command = self._control.read()
        if command is not None:
            self._commands.tick(self._clock.now_ns())
            self._command = command
            self._broker.broadcast_control(command)
        vehicle = self._vehicle.read()
        if vehicle is not None:
            self._states.tick(self._clock.now_ns())
            self._broker.broadcast_state(vehicle, self._command)

    def _warn(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.warning("%s", trouble)

    def _report_status(self) -> None:
        now_ns = self._clock.now_ns()
        if now_ns < self._status_due_ns:
            return
        self._status_due_ns = now_ns + STATUS_PERIOD_NS
        inputs = {"detection": self._detections, "decision": self._commands, "simulation": self._states}
        ages_ms = {name: meter.age_ms(now_ns) for name, meter in inputs.items()}
        quiet = [name for name, age_ms in ages_ms.items() if age_ms is None or age_ms > QUIET_AFTER_MS]
        state = self._trouble or (f"waiting for {', '.join(quiet)}" if quiet else "running")
        self._broker.report_status(
            StatusReport(
                process="broker",
                pid=os.getpid(),
                state=state,
                rate_hz=self._detections.rate_hz(now_ns),
                age_ms=ages_ms["detection"],
            )
        )
        if self._client_port is not None:
            self._client_port.write_status(state)


def _notifying(broker: LKASBroker) -> EventServer:
    """A started server that tells desktop pages each event; one that can not start is said and does without."""
    server = EventServer()
    try:
        server.start()
        broker.add_event_listener(lambda event: server.broadcast(msgspec.to_builtins(event)))
    except (EventError, OSError) as error:
        logger.error("no notifications: %s", error)
    return server


def _client_port(broker: LKASBroker) -> ClientPort | None:
    try:
        return ClientPort(broker)
    except SHMError as error:  # no room in memory for an inbox: the ports must live on
        logger.error("no commands of LKASClients: %s", error)
        return None


def main() -> int:
    child = Child.from_environment()
    sections = child.configuration({"zmq": ZmqConfig, "events": EventsConfig})
    configuration: ZmqConfig = sections["zmq"]
    cv2.setNumThreads(1)
    clock = MonotonicClock()
    with contextlib.ExitStack() as stack:
        try:
            broker = LKASBroker(
                Ports(configuration.port_base, configuration.host), jpeg_quality=configuration.jpeg_quality
            )
        except BrokerError as error:
            logger.error("%s", error)
            return EXIT_USAGE
        stack.callback(broker.close)
        channels = ImageChannel(), DetectionChannel(), ControlChannel(), VehicleChannel()
        for channel in channels:
            stack.callback(channel.close)
        if sections["events"].notify:
            stack.enter_context(_notifying(broker))
        client_port = _client_port(broker)
        if client_port is not None:
            stack.callback(client_port.close)
        server = BrokerServer(broker, *channels, clock, client_port)
        logger.info("broker on ports %d to %d", broker.ports.base, broker.ports.last)
        while not child.stopping:
            child.heartbeat()
            server.step()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
