"""The process `decision`: moves messages between the channels and one LaneKeeper.

It wakes for each detection and each vehicle state, and writes a command every time; with neither, it still writes
twenty times a second, so that the world and the viewers hear that it lives. Ten times a second it writes what it
expects of the next three seconds.
"""

# ruff: noqa: E402 - threads are pinned before numpy is imported
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.threads import use_one_thread

use_one_thread()  # before numpy is imported: small matrices in many threads cost a core each

from lkas.clock import WorldClock
from lkas.config import Configuration
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.decision.state_machine import Event
from lkas.health import LatencyTable, RateMeter
from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    TimelineChannel,
    VehicleChannel,
    wait_any,
)
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    DetectionMessage,
    VehicleState,
)
from lkas.integration.shared_memory.ownership import unless_written, when_free
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import declared, is_read_by
from lkas.plugins.load import OwnCodeError
from lkas.runtime.child import Child
from lkas.vehicle import CameraConfig, VehicleConfig

SECTIONS = {"camera": CameraConfig, "vehicle": VehicleConfig, "decision": DecisionParameters, "zmq": ZmqConfig}
STEP_S = 0.01  # of world time between two decisions, at most
IDLE_S = 0.05  # of monotonic time between two commands, at most
SILENT_WORLD_S = 0.25  # of world time without a vehicle state: the world's clock is not waited for any longer
STATUS_PERIOD_NS = 500_000_000
TIMELINE_PERIOD_NS = 100_000_000
ACTION_PARAMETERS = {"override": "active", "indicator": "side"}

if TYPE_CHECKING:
    from lkas.integration.zmq.client import ParameterClient

logger = logging.getLogger(__name__)


class DecisionServer:
    """One step of the process, without channels and sockets: messages in, a command out."""

    def __init__(self, keeper: LaneKeeper) -> None:
        self.keeper = keeper
        self.latency = LatencyTable()
        self.rate = RateMeter()
        self._world = WorldClock()
        self._vehicle: VehicleState | None = None
        self._detection: DetectionMessage | None = None
        self._answered: tuple[int, int] | None = None  # (session, frame) whose first command is out

    def step(
        self, now_ns: int, detection: DetectionMessage | None, vehicle: VehicleState | None
    ) -> tuple[ControlMessage, list[Event]]:
        """Decide at monotonic `now_ns`; the messages are new ones or None."""
        if vehicle is not None:
            self._vehicle = vehicle
            self._world.update(vehicle.timestamp, vehicle.publish_ns, vehicle.rate, vehicle.tick_s)
        if detection is not None:
            self._detection = detection
        control = self.keeper.decide(self._now_s(now_ns), detection, self._vehicle)
        return control, self.keeper.take_events()

    def written(self, control: ControlMessage, now_ns: int) -> None:
        """Note that a command went out; the first one of each frame is what latency is measured by."""
        self.rate.tick(now_ns)
        frame = (control.session, control.frame_id)
        newest = self._detection
        if newest is None or frame != (newest.session, newest.frame_id) or frame == self._answered:
            return
        self._answered = frame
        if newest.capture_ns:
            self.latency.add("pose_to_control", (now_ns - newest.capture_ns) / 1e6)
        if newest.frame_publish_ns:
            self.latency.add("frame_to_control", (now_ns - newest.frame_publish_ns) / 1e6)

    @property
    def wait_s(self) -> float:
        """How long to wait for messages. States that come often enough set the pace by themselves."""
        is_sparse = self._vehicle is not None and self._vehicle.rate > 0 and self._vehicle.tick_s > 1.5 * STEP_S
        return STEP_S if is_sparse else IDLE_S

    def _now_s(self, now_ns: int) -> float:
        """World time. Before the first state there is none: 0, so that no command is valid in any world."""
        world_s = self._world.now_s(now_ns)
        if world_s is None or self._vehicle is None:
            return 0.0
        silent_s = (now_ns - self._vehicle.publish_ns) / 1e9 * self._vehicle.rate
        # A world that stopped sending does not stop time for a car that is still rolling.
        return self._vehicle.timestamp + silent_s if silent_s > SILENT_WORLD_S else world_s


def main() -> int:
    """Run until told to stop; returns the exit code."""
    child = Child.from_environment()
    configuration = child.configuration(SECTIONS)
    try:
        keeper = LaneKeeper(configuration["decision"], configuration["vehicle"], configuration["camera"])
    except OwnCodeError as error:
        logger.error("%s", error, exc_info=error.origin)
        return EXIT_USAGE
    try:
        return _serve(child, keeper, configuration)
    except SHMError as error:
        logger.error("%s", error)
        return 1


def _serve(child: Child, keeper: LaneKeeper, configuration: Configuration) -> int:
    taken = when_free(lambda: (_last_control(), ControlChannel(create=True)), child.keeps_running)
    if taken is None:
        return 0
    last, controls = taken
    if last is not None:
        keeper.restore(last)
    detections, vehicles, timelines = DetectionChannel(), VehicleChannel(), unless_written(TimelineChannel)
    link = _connect(child, configuration["zmq"], configuration["decision"], keeper) if child.broadcast else None
    written = [controls] if timelines is None else [controls, timelines]
    try:
        _run(child, DecisionServer(keeper), detections, vehicles, controls, timelines, link)
        for channel in written:
            channel.unlink()
    finally:
        for channel in (detections, vehicles, *written):
            channel.close()
        if link is not None:
            link.close()
    return 0


def _run(
    child: Child,
    server: DecisionServer,
    detections: DetectionChannel,
    vehicles: VehicleChannel,
    controls: ControlChannel,
    timelines: TimelineChannel | None,
    link: "ParameterClient | None",
) -> None:
    vehicle = vehicles.latest()
    next_status_ns = next_timeline_ns = 0
    while not child.stopping:
        child.heartbeat()
        control, events = server.step(time.monotonic_ns(), detections.read(), vehicles.read() or vehicle)
        vehicle = None
        controls.write_message(control)
        now_ns = time.monotonic_ns()
        server.written(control, now_ns)
        if timelines is not None and now_ns >= next_timeline_ns:
            next_timeline_ns = now_ns + TIMELINE_PERIOD_NS
            expected = server.keeper.timeline()
            timelines.write(
                expected.points,
                ttlc_left_s=expected.ttlc_left_s,
                ttlc_right_s=expected.ttlc_right_s,
                session=expected.session,
                frame_id=expected.frame_id,
                timestamp=expected.timestamp,
                capture_ns=expected.capture_ns,
            )
        for event in events:
            logger.log(logging.WARNING if event.level == "error" else logging.INFO, "%s", event.text)
            if link is not None:
                link.send_event(event.name, event.level, event.text)
        if link is not None:
            link.poll()
            if now_ns >= next_status_ns:
                next_status_ns = now_ns + STATUS_PERIOD_NS
                link.send_status(
                    state=str(control.mode),
                    rate_hz=server.rate.rate_hz(now_ns),
                    age_ms=server.rate.age_ms(now_ns),
                    latency_ms=server.latency.percentiles(),
                )
        wait_any([detections, vehicles], server.wait_s)


def names_in_force(controller: str) -> tuple[str, ...]:
    """The parameters that are read while this controller steers."""
    table = declared("decision", DecisionParameters).values()
    return tuple(p.name for p in table if is_read_by(p, controller))


def _last_control() -> ControlMessage | None:
    """The last command of a decision process before this one."""
    reader = ControlChannel()
    try:
        return reader.latest()
    finally:
        reader.close()


def _connect(child: Child, zmq: ZmqConfig, section: DecisionParameters, keeper: LaneKeeper) -> "ParameterClient":
    from lkas.integration.zmq.client import ParameterClient

    client = ParameterClient(
        "decision", Ports(zmq.port_base, zmq.host), section=section, active=names_in_force(section.controller)
    )

    def on_parameter(name: str, value: Any) -> None:
        keeper.update_parameter(name, value)
        if name == "controller":
            client.set_active(names_in_force(value))

    client.register_callback(on_parameter)

    client.register_action(lambda action, params: carry_out(keeper, action, params))
    return client


def carry_out(keeper: LaneKeeper, action: str, params: Mapping[str, Any]) -> None:
    """One action for decision. Raises ValueError for a parameter it does not know: `activ=false` is no override."""
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


if __name__ == "__main__":
    raise SystemExit(main())
