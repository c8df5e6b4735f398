"""One cycle of the decision process, from messages to messages, without channels and sockets."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import structs

from lkas.clock import Clock, WorldClock
from lkas.decision.events import DecisionEvent
from lkas.decision.input_check import InputCheck
from lkas.decision.keeper import LaneKeeper
from lkas.health import LatencyTable, RateMeter
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DetectionMessage,
    TimelineMessage,
    VehicleState,
)
from lkas.integration.shared_memory.stamps import VehicleStamps
from lkas.runtime.status import ProcessStatus

STEP_S = 0.01  # of world time between two decisions, at most
IDLE_S = 0.05  # of monotonic time between two commands, at most
SILENT_WORLD_S = 0.25  # of world time; after a longer silence of the world its time runs on without a state
TIMELINE_PERIOD_NS = 100_000_000


class DecisionInputs(NamedTuple):
    """The messages that are new since the last cycle."""

    detection: DetectionMessage | None
    vehicle: VehicleState | None


class DecisionServer:
    """Runs one LaneKeeper."""

    def __init__(self, keeper: LaneKeeper, clock: Clock, *, with_timeline: bool = True) -> None:
        """Without timeline: another process writes that channel."""
        self.keeper = keeper
        self.latency = LatencyTable()
        self.rate = RateMeter()
        self._clock = clock
        self._world = WorldClock()
        self._stamps = VehicleStamps()
        self._inputs = InputCheck()
        self._vehicle: VehicleState | None = None
        self._detection: DetectionMessage | None = None
        self._answered: tuple[int, int] | None = None  # (session, frame) whose first command was written
        self._mode = ""  # of the newest command
        self._with_timeline = with_timeline
        self._timeline_due_ns = 0

    @property
    def wait_s(self) -> float:
        """The longest time to wait for messages. A world with short ticks sends often enough to set the pace."""
        is_sparse = self._vehicle is not None and self._vehicle.rate > 0 and self._vehicle.tick_s > 1.5 * STEP_S
        return STEP_S if is_sparse else IDLE_S

    def step(self, inputs: DecisionInputs) -> Iterator[ControlMessage | TimelineMessage]:
        """Yield a command, and after it the timeline when that is due."""
        now_ns = self._clock.now_ns()
        if inputs.vehicle is not None:
            vehicle = self._vehicle = self._stamps.complete(inputs.vehicle)
            self._world.update(vehicle.timestamp, vehicle.publish_ns, vehicle.rate, vehicle.tick_s)
        if inputs.detection is not None:
            self._detection = inputs.detection
        control = self.keeper.decide(self._now_s(now_ns), inputs.detection, self._vehicle)
        missing = self._inputs.update(now_ns, self._vehicle, inputs.detection, self.keeper.detection_refusal)
        is_idle = missing is not None and control.mode in (ControlMode.STANDBY, ControlMode.MINIMUM_RISK)
        if is_idle:
            control = structs.replace(control, state_reason=missing)
        yield control
        written_ns = self._clock.now_ns()
        names_reason = control.mode in (ControlMode.STANDBY, ControlMode.MINIMUM_RISK) and control.state_reason
        self._mode = f"{control.mode}: {control.state_reason}" if names_reason else str(control.mode)
        self.rate.tick(written_ns)
        self._measure_latency(control, written_ns)
        if self._with_timeline and written_ns >= self._timeline_due_ns:
            self._timeline_due_ns = written_ns + TIMELINE_PERIOD_NS
            yield self.keeper.timeline()

    def take_events(self) -> list[DecisionEvent]:
        """Return the events since the last call."""
        return [*self.keeper.take_events(), *self._inputs.take_events()]

    def status(self) -> ProcessStatus:
        now_ns = self._clock.now_ns()
        return ProcessStatus(
            state=self._mode,
            rate_hz=self.rate.rate_hz(now_ns),
            age_ms=self.rate.age_ms(now_ns),
            latency_ms=self.latency.percentiles(),
        )

    def _measure_latency(self, control: ControlMessage, now_ns: int) -> None:
        """Measure up to the first command of each frame."""
        frame = (control.session, control.frame_id)
        newest = self._detection
        if newest is None or newest.frame_id != control.frame_id or newest.session not in (0, control.session):
            return
        if frame == self._answered:
            return
        self._answered = frame
        if newest.capture_ns:
            self.latency.add("pose_to_control", (now_ns - newest.capture_ns) / 1e6)
        if newest.frame_publish_ns:
            self.latency.add("frame_to_control", (now_ns - newest.frame_publish_ns) / 1e6)

    def _now_s(self, now_ns: int) -> float:
        """Return the world time; before the first vehicle state 0, so that no command is valid in any world."""
        world_s = self._world.now_s(now_ns)
        if world_s is None or self._vehicle is None:
            return 0.0
        silent_s = (now_ns - self._vehicle.publish_ns) / 1e9 * self._vehicle.rate
        # The car of a world that no longer sends may still roll, so its time runs on.
        return self._vehicle.timestamp + silent_s if silent_s > SILENT_WORLD_S else world_s
