"""The process `broker`: reads every channel, writes none, and passes the messages to the broker.

It sleeps in the kernel until there is a detection (or a frame, while a viewer subscribes to frames), for 20 ms at most:
the longest time that a request waits.
"""

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import cv2
import msgspec

from lkas.clock import Clock, MonotonicClock
from lkas.health import Percentiles, RateMeter
from lkas.integration.client.broker_port import ClientPort
from lkas.integration.event_orders import EventOrders
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
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    DetectionMessage,
    ImageMessage,
    Message,
    VehicleState,
)
from lkas.integration.shared_memory.stamps import VehicleStamps
from lkas.integration.zmq.broker import LKASBroker
from lkas.integration.zmq.messages import Level, StatusReport
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.integration.zmq.sockets import BrokerError
from lkas.runtime.child import Child
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.memory_watch import MemoryWatch
from lkas.runtime.server_loop import ServerEvent, run
from lkas.runtime.status import ProcessStatus

logger = logging.getLogger(__name__)

WAIT_S = 0.02
MAX_GROWTH_BYTES = 256_000_000  # full queues of 20 viewers with large frames take less
QUIET_AFTER_MS = 1000.0  # the status names an input that is silent for longer
SENDERS = {DetectionMessage: "detection", ControlMessage: "decision", VehicleState: "simulation"}


class BrokerInputs(NamedTuple):
    """New messages, in the order they are broadcast; and the error of the last cycle."""

    messages: Iterable[Message]
    error: str | None = None


class BrokerServer:
    """Passes every message on, and reports which inputs are silent."""

    wait_s = WAIT_S

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._meters = {sender: RateMeter() for sender in SENDERS.values()}
        self._error: str | None = None

    def step(self, inputs: BrokerInputs) -> Iterator[Message]:
        """Yield the messages to broadcast."""
        if inputs.error is not None and inputs.error != self._error:
            logger.warning("%s", inputs.error)
        self._error = inputs.error
        for message in inputs.messages:
            sender = SENDERS.get(type(message))
            if sender is not None:
                self._meters[sender].tick(self._clock.now_ns())
            yield message

    def take_events(self) -> list[ServerEvent]:
        return []

    def status(self) -> ProcessStatus:
        now_ns = self._clock.now_ns()
        ages_ms = {sender: meter.age_ms(now_ns) for sender, meter in self._meters.items()}
        quiet = [sender for sender, age_ms in ages_ms.items() if age_ms is None or age_ms > QUIET_AFTER_MS]
        return ProcessStatus(
            state=self._error or (f"waiting for {', '.join(quiet)}" if quiet else "running"),
            rate_hz=self._meters["detection"].rate_hz(now_ns),
            age_ms=ages_ms["detection"],
        )


class BrokerChannels:
    """Reads the channels and broadcasts the messages.

    An error (a segment of another version, grey images) is reported in the next inputs; the ports stay in service.
    """

    def __init__(
        self,
        broker: LKASBroker,
        image: ImageChannel,
        detection: DetectionChannel,
        control: ControlChannel,
        vehicle: VehicleChannel,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._image, self._detection, self._control, self._vehicle = image, detection, control, vehicle
        self._clock = clock
        self._newest_command: ControlMessage | None = None
        self._stamps = VehicleStamps()
        self._session = 0  # of the world
        self._is_paused = False
        self._error: str | None = None

    @contextlib.contextmanager
    def read(self, timeout_s: float) -> Iterator[BrokerInputs]:
        """Return what arrives within `timeout_s`. Each message is read when the one before it has been broadcast."""
        error, self._error = self._error, None
        yield BrokerInputs(self._new_messages(timeout_s), error)

    def write(self, message: Message) -> None:
        try:
            self._broadcast(message)
        except ValueError as error:
            self._note_error(error)

    def _new_messages(self, timeout_s: float) -> Iterator[Message]:
        is_watched = self._broker.wants("frame")
        try:
            wait_any([self._detection, self._image] if is_watched else [self._detection], timeout_s)
            if is_watched:
                with self._image.view() as image:
                    if image is not None:
                        yield image
                if self._broker.take_new_subscriber("frame") and self._is_paused:  # no new one comes for it
                    newest = self._image.latest()
                    if newest is not None:
                        yield newest
            for channel in (self._detection, self._control, self._vehicle):
                message = channel.read()
                if message is not None:
                    yield message
        except (SHMError, ValueError) as error:
            self._note_error(error)

    def _note_error(self, error: Exception) -> None:
        self._error = str(error)
        self._clock.sleep(WAIT_S)

    def _broadcast(self, message: Message) -> None:
        match message:
            case ImageMessage():
                self._broker.broadcast_frame(
                    message.image, message.frame_id, session=message.session, capture_ns=message.capture_ns
                )
            case DetectionMessage():
                if message.session == 0:  # its writer names no session: viewers join it with the frames of this world
                    message = msgspec.structs.replace(message, session=self._session)
                shape = self._image.shape
                self._broker.broadcast_detection(message, message.frame_id, height_px=shape[0] if shape else None)
            case ControlMessage():
                self._newest_command = message
                self._broker.broadcast_control(message)
            case VehicleState():
                self._session = message.session
                self._is_paused = message.paused
                self._broker.broadcast_state(self._stamps.complete(message), self._newest_command)


class LocalEndpoint:
    """The broker endpoint of the broker's own process; it also serves the commands of LKASClients."""

    def __init__(
        self, broker: LKASBroker, client_port: ClientPort | None, clock: Clock, orders: EventOrders | None = None
    ) -> None:
        self._broker = broker
        self._client_port = client_port
        self._clock = clock
        self._orders = orders
        self._memory = MemoryWatch(MAX_GROWTH_BYTES)

    def poll(self) -> None:
        """Handle the requests. Raises BrokerError when peers make the broker store too much.

        libzmq bounds a part and a queue, but neither the parts of one message nor the subscriptions of one peer, and
        it does not tell them apart: only new sockets get rid of such a peer.
        """
        self._broker.poll()
        if self._orders is not None:
            self._orders.poll()
        excess_bytes = self._memory.excess_bytes(self._clock.now_ns())
        if excess_bytes is not None:
            raise BrokerError(
                f"the broker's memory has grown by {excess_bytes / 1e6:.0f} MB: a peer sends a message without end, or "
                "too many subscriptions; the broker starts again, and the drive goes on"
            )
        if self._client_port is not None:
            self._client_port.poll()

    def send_status(
        self,
        state: str,
        rate_hz: float | None = None,
        age_ms: float | None = None,
        latency_ms: Mapping[str, Percentiles] | None = None,
    ) -> None:
        self._broker.report_status(
            StatusReport(
                process="broker",
                pid=os.getpid(),
                state=state,
                rate_hz=rate_hz,
                age_ms=age_ms,
                latency_ms=dict(latency_ms or {}),
            )
        )
        if self._client_port is not None:
            self._client_port.write_status(state)

    def send_event(self, name: str, level: Level, text: str) -> None:
        self._broker.broadcast_event(name, level, text)


def main() -> int:
    """Run as a child of `lkas` and return the exit code."""
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
        orders = EventOrders(broker)
        if sections["events"].notify:
            stack.enter_context(_event_server(broker, orders))
        client_port = _client_port(broker)
        if client_port is not None:
            stack.callback(client_port.close)
        logger.info("broker on ports %d to %d", broker.ports.base, broker.ports.last)
        endpoint = LocalEndpoint(broker, client_port, clock, orders)
        try:
            run(child, BrokerServer(clock), BrokerChannels(broker, *channels, clock), endpoint, clock)
        except BrokerError as error:
            logger.error("%s", error)
            broker.broadcast_event("broker", "error", str(error))
            return EXIT_FAILED
    return 0


def _event_server(broker: LKASBroker, orders: EventOrders) -> EventServer:
    """Return a server that sends each event to desktop pages and takes their orders.

    One that cannot start is logged and sends nothing.
    """
    server = EventServer()
    server.add_request_handler(orders.take)
    try:
        server.start()
        broker.add_event_listener(lambda event: server.broadcast(msgspec.to_builtins(event)))
    except (EventError, OSError) as error:
        logger.error("no notifications: %s", error)
    return server


def _client_port(broker: LKASBroker) -> ClientPort | None:
    """Return the port for LKASClients, or None when there is no memory for its inbox."""
    try:
        return ClientPort(broker)
    except SHMError as error:
        logger.error("no commands of LKASClients: %s", error)
        return None


if __name__ == "__main__":
    raise SystemExit(main())
