"""The real detection and decision objects as the decision function of `lockstep`, with injected faults.

The detection of a frame reaches decision `latency_s` after its exposure, and the resulting control is applied from the
next tick on: the latency from the pose to the applied control is `latency_s` of world time. The vehicle state has no
latency. Events act on the world from the next tick on.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import structs

from lkas.config import Configuration
from lkas.decision.keeper import LaneKeeper
from lkas.detection import create_detector
from lkas.detection.guard import Guard
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, ImageMessage, VehicleState
from lkas.plugins.guard import PluginError
from lkas.plugins.names import is_plugin_name
from simulation.embedded.world import EmbeddedWorld
from simulation.evaluation.active_events import ActiveEvents
from simulation.evaluation.perception import TruthPerception
from simulation.evaluation.scenario_events import (
    Blackout,
    DetectorDead,
    DroppedFrames,
    LateDetections,
    ScenarioEvent,
    SetSpeed,
)
from simulation.evaluation.settings import TRUTH, ZERO
from simulation.foreign.plugin_world import PluginWorld
from simulation.world import Tick

DetectionSink = Callable[[DetectionMessage], None]


class LockstepDriver:
    """Perception and decision of one drive. Call `observe` at each tick, then `decide`, as `lockstep` does."""

    def __init__(
        self,
        world: EmbeddedWorld | PluginWorld,
        configuration: Configuration,
        *,
        method: str,
        controller: str,
        latency_s: float,
        events: Sequence[ScenarioEvent],
        seed: int,
        on_detection: DetectionSink,
        on_withheld: Callable[[], None],
    ) -> None:
        self._truth = None
        if method == TRUTH:
            assert isinstance(world, EmbeddedWorld)  # only its route is known
            self._truth = TruthPerception(world)
        self._detector = (
            None
            if method == TRUTH
            else Guard(create_detector(method, configuration["detection"], configuration["camera"]))
        )
        decision = configuration["decision"]
        if controller != ZERO:
            decision = structs.replace(decision, controller=controller)
        self._keeper = LaneKeeper(decision, configuration["vehicle"], configuration["camera"])
        self._steers = controller != ZERO
        self._has_controller_plugin = is_plugin_name(decision.controller)
        self._latency_s = latency_s
        self._world = world
        self._events = ActiveEvents(events)
        self._configured_set_speed_mps = self._set_speed_mps = decision.set_speed_mps
        self._random = np.random.default_rng([seed, 2])
        self._on_detection, self._on_withheld = on_detection, on_withheld
        self._pending: deque[tuple[float, DetectionMessage]] = deque()  # world time of arrival, detection
        self._tick: Tick | None = None

    @property
    def needs_frames(self) -> bool:
        return self._detector is not None

    @property
    def detector_failures(self) -> dict[str, int]:
        """Number of failures of the detector by error text."""
        return {} if self._detector is None else self._detector.failures

    def observe(self, tick: Tick) -> None:
        """Take the tick of the next `decide` call, and apply the disturbances to the world."""
        self._tick = tick
        self._events.update(tick.state.timestamp, 0.0 if tick.truth is None else tick.truth.distance_m)
        if isinstance(self._world, EmbeddedWorld):
            self._world.disturbance = self._events.disturbance()

    def decide(self, now_s: float, frame: ImageMessage | None, state: VehicleState) -> ControlMessage:
        tick = self._tick
        assert tick is not None
        events = self._events
        state = structs.replace(state, speed_mps=events.reported_speed_mps(state.speed_mps))
        self._update_set_speed()
        if tick.frame is not None and self._is_withheld():
            self._on_withheld()
        elif tick.frame is not None:
            detection = self._detect(tick, frame, state)
            self._on_detection(detection)
            late = events.active(LateDetections)
            self._pending.append((now_s + self._latency_s + (late.delay_s if late else 0.0), detection))
        newest: DetectionMessage | None = None
        while self._pending and self._pending[0][0] <= now_s + 1e-9:
            newest = self._pending.popleft()[1]
        control = self._keeper.decide(now_s, newest, state)
        if self._has_controller_plugin:
            self._check_plugin()
        return control if self._steers else structs.replace(control, steering=0.0)

    def _check_plugin(self) -> None:
        """Raise PluginError when the fallback steers in place of the controller plugin."""
        for event in self._keeper.take_events():
            if event.name == "controller" and event.level == "warning":
                raise PluginError(event.text)

    def _is_withheld(self) -> bool:
        """Return whether a fault withholds this tick's frame from the detector."""
        chance = self._random.random()  # drawn for each frame, so that a fault does not shift later draws
        dropped = self._events.active(DroppedFrames)
        return self._events.active(DetectorDead) is not None or (dropped is not None and chance < dropped.ratio)

    def _update_set_speed(self) -> None:
        """Set the speed of an active event, or the configured one."""
        event = self._events.active(SetSpeed)
        set_speed_mps = self._configured_set_speed_mps if event is None else event.speed_mps
        if set_speed_mps != self._set_speed_mps:
            self._keeper.update_parameter("set_speed_mps", set_speed_mps)
            self._set_speed_mps = set_speed_mps

    def _detect(self, tick: Tick, frame: ImageMessage | None, state: VehicleState) -> DetectionMessage:
        assert tick.frame is not None
        stamp_ns = round(tick.frame.timestamp * 1e9)
        stamps = {
            "session": state.session,
            "frame_id": tick.frame.frame_id,
            "timestamp": tick.frame.timestamp,
            "capture_ns": stamp_ns,
            "frame_publish_ns": stamp_ns,
        }
        is_black = self._events.active(Blackout, tick.frame.timestamp) is not None
        if self._truth is not None:
            return DetectionMessage(**stamps, lane_model=None if is_black else self._truth.lane_model(tick))
        assert self._detector is not None
        assert frame is not None
        image = np.zeros_like(frame.image) if is_black else frame.image
        result = self._detector.detect(image, frame.timestamp, state)
        if result is None:
            return DetectionMessage(**stamps)
        return DetectionMessage(
            **stamps, left_lane=result.left_lane, right_lane=result.right_lane, lane_model=result.lane_model
        )
