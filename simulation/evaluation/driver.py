"""The real detection and decision objects in one function for `lockstep`, with what may go wrong between them.

A frame's detection reaches decision `latency_s` after its exposure, and the command made then is applied from the
next tick on: pose to applied control takes `latency_s` of world time. The car's own state is never late. Events act on
the world from the next tick on.
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
from simulation.evaluation.happenings import Happenings
from simulation.evaluation.perception import TruthPerception
from simulation.evaluation.scenario_events import (
    Blackout,
    DetectorDead,
    DroppedFrames,
    Event,
    LateDetections,
    SetSpeed,
)
from simulation.evaluation.settings import TRUTH, ZERO
from simulation.world import Tick

DetectionSink = Callable[[DetectionMessage], None]


class Driver:
    """Perception and decision of one drive. `see` each tick first, then `decide`, as `lockstep` calls them."""

    def __init__(
        self,
        world: EmbeddedWorld,
        configuration: Configuration,
        *,
        method: str,
        controller: str,
        latency_s: float,
        events: Sequence[Event],
        seed: int,
        on_detection: DetectionSink,
        on_withheld: Callable[[], None],
    ) -> None:
        self._truth = TruthPerception(world) if method == TRUTH else None
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
        self._is_plugin = is_plugin_name(decision.controller)
        self._latency_s = latency_s
        self._world = world
        self._happenings = Happenings(events)
        self._own_set_speed_mps = self._set_speed_mps = decision.set_speed_mps
        self._random = np.random.default_rng([seed, 2])
        self._on_detection, self._on_withheld = on_detection, on_withheld
        self._on_the_way: deque[tuple[float, DetectionMessage]] = deque()
        self._tick: Tick | None = None

    @property
    def needs_frames(self) -> bool:
        return self._detector is not None

    @property
    def detector_failures(self) -> dict[str, int]:
        """How often the detector failed, by what it said."""
        return {} if self._detector is None else self._detector.failures

    def see(self, tick: Tick) -> None:
        """The tick that `decide` is going to be asked about."""
        assert tick.truth is not None
        self._tick = tick
        self._happenings.update(tick.state.timestamp, tick.truth.distance_m)
        self._world.disturbance = self._happenings.disturbance()

    def decide(self, now_s: float, frame: ImageMessage | None, state: VehicleState) -> ControlMessage:
        tick = self._tick
        assert tick is not None
        happenings = self._happenings
        state = structs.replace(state, speed_mps=happenings.reported_speed_mps(state.speed_mps))
        self._follow_set_speed()
        if tick.frame is not None and self._is_withheld():
            self._on_withheld()
        elif tick.frame is not None:
            detection = self._detect(tick, frame, state)
            self._on_detection(detection)
            late = happenings.active(LateDetections)
            self._on_the_way.append((now_s + self._latency_s + (late.delay_s if late else 0.0), detection))
        newest: DetectionMessage | None = None
        while self._on_the_way and self._on_the_way[0][0] <= now_s + 1e-9:
            newest = self._on_the_way.popleft()[1]
        control = self._keeper.decide(now_s, newest, state)
        if self._is_plugin:
            self._check_plugin()
        return control if self._steers else structs.replace(control, steering=0.0)

    def _check_plugin(self) -> None:
        """Raise PluginError when the controller plugin has failed and its fallback steers."""
        for event in self._keeper.take_events():
            if event.name == "controller" and event.level == "warning":
                raise PluginError(event.text)

    def _is_withheld(self) -> bool:
        """Whether this tick's frame leads to no detection."""
        chance = self._random.random()  # drawn for each frame, so that a fault shifts no later draw
        dropped = self._happenings.active(DroppedFrames)
        return self._happenings.active(DetectorDead) is not None or (dropped is not None and chance < dropped.ratio)

    def _follow_set_speed(self) -> None:
        """Another set speed while an event asks for one."""
        event = self._happenings.active(SetSpeed)
        wanted_mps = self._own_set_speed_mps if event is None else event.speed_mps
        if wanted_mps != self._set_speed_mps:
            self._keeper.update_parameter("set_speed_mps", wanted_mps)
            self._set_speed_mps = wanted_mps

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
        is_black = self._happenings.active(Blackout, tick.frame.timestamp) is not None
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
