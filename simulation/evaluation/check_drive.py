"""The drive of `simulation check`: 20 s in lock-step with cv and decision, a steering test on top, then full brake.

A square wave of steering is added to the commands of decision, so that the answer of the car does not look like the
bends of the road. A car found to steer to the wrong side starts again with the sign reversed, so that its brakes and
its camera can be checked as well.
"""

import contextlib
import math

import numpy as np
from msgspec import Struct, structs

from lkas.config import Configuration
from lkas.decision.bicycle import Bicycle
from lkas.decision.keeper import LaneKeeper
from lkas.decision.vehicle_facts import with_facts
from lkas.detection import create_detector
from lkas.detection.guard import Guard
from lkas.integration.shared_memory.messages import (
    CameraGeometry,
    ControlMessage,
    DetectionMessage,
    ImageMessage,
    LaneModel,
    VehicleFacts,
    VehicleState,
)
from simulation.evaluation.steering_fit import SteeringFit, fit_steering
from simulation.foreign.plugin_world import PluginWorld
from simulation.lockstep import lockstep
from simulation.world import Tick, WorldError

DRIVE_S, BRAKE_S = 20.0, 4.0  # all, and of it the full brake at the end
WAVE_PERIOD_S, WAVE_MPS2 = 1.6, 0.5  # of the steering test: period, lateral acceleration
MAX_WAVE_RAD = math.radians(3.0)
SIDE_S = 3.0  # of steering tests before a wrong side is noticed
START_THROTTLE = 0.4  # until decision drives
STARTED_RATIO = 0.4  # of the set speed: from here on only decision drives


class Seen(Struct, frozen=True):
    """One image in which both lines were recognized."""

    image: np.ndarray
    model: LaneModel
    measured_width_m: float
    lane_width_m: float | None  # true one


class CheckDrive:
    """Drives once; afterwards the attributes hold what was recorded."""

    def __init__(self, world: PluginWorld, configuration: Configuration) -> None:
        camera = structs.replace(configuration["camera"], width_px=world.width_px, height_px=world.height_px)
        self.camera: CameraGeometry = camera.geometry()  # replaced by the world's own
        self.vehicle, self.decision = configuration["vehicle"], configuration["decision"]
        self.states: list[VehicleState] = []
        self.left_rad: list[float] = []  # road-wheel angle that was commanded during each tick, left positive
        self.frame_times_s: list[float] = []
        self.seen: list[Seen] = []
        self.brake_from: int | None = None  # index of the first braked tick
        self.side: SteeringFit | None = None
        self._sign = 1.0
        self._detector = Guard(create_detector("cv", configuration["detection"], camera))
        self._configured = configuration
        self._keeper = self._new_keeper()
        self._world = world
        self._lane_width_m: float | None = None

    def run(self) -> None:
        """Drive. Raises WorldError."""
        lockstep(self._world, self._decide, DRIVE_S, self._on_tick)

    def fit(self) -> SteeringFit | None:
        """Return how the car answers its steering; None: it does not report what is needed."""
        facts = next((state.vehicle for state in self.states if state.vehicle is not None), VehicleFacts())
        self.vehicle, self.decision, _ = with_facts(self.vehicle, self.decision, facts)
        end = self.brake_from or len(self.states)
        return fit_steering(
            self.states[:end], self.left_rad[:end], Bicycle(self.vehicle, self.decision), self.vehicle.steering_lag_s
        )

    def _on_tick(self, tick: Tick, control: ControlMessage | None) -> None:
        state = tick.state
        self.states.append(state)
        steering = 0.0 if control is None else control.steering
        self.left_rad.append(-steering * (state.max_steer_rad or 0.0))
        self.camera = state.camera or self.camera
        self._lane_width_m = None if tick.truth is None else tick.truth.lane_width_m
        if tick.frame is not None:
            self.frame_times_s.append(tick.frame.timestamp)

    def _decide(self, now_s: float, frame: ImageMessage | None, state: VehicleState) -> ControlMessage:
        detection = None if frame is None else self._detect(frame, state)
        control = self._keeper.decide(now_s, detection, state)
        elapsed_s = len(self.states) * self._world.tick_s
        throttle, brake = control.throttle, control.brake
        speed_mps = state.speed_mps or 0.0
        if throttle == 0.0 and speed_mps < STARTED_RATIO * self.decision.set_speed_mps and brake == 0.0:
            throttle = START_THROTTLE
        if elapsed_s >= DRIVE_S - BRAKE_S:
            self.brake_from = self.brake_from or len(self.states)
            throttle, brake = 0.0, 1.0
        elif self.side is None and elapsed_s >= SIDE_S:
            self.side = self.fit()
            if self.side is not None and self.side.gain < 0:
                self._start_reversed()
        steering = self._sign * control.steering + self._wave(elapsed_s, speed_mps, state.max_steer_rad)
        return structs.replace(
            control, steering=max(-1.0, min(1.0, steering)), throttle=throttle, brake=brake, valid_until=now_s + 1.0
        )

    def _start_reversed(self) -> None:
        self._sign = -1.0
        self._keeper = self._new_keeper()
        with contextlib.suppress(WorldError):  # without a respawn it goes on from where it is
            self._world.respawn()

    def _new_keeper(self) -> LaneKeeper:
        decision = structs.replace(
            self._configured["decision"], check_steering=False
        )  # a wave is added to its commands
        return LaneKeeper(decision, self._configured["vehicle"], self._configured["camera"])

    def _wave(self, elapsed_s: float, speed_mps: float, max_steer_rad: float | None) -> float:
        if not max_steer_rad or self.brake_from is not None:
            return 0.0
        angle_rad = min(MAX_WAVE_RAD, self.vehicle.wheelbase_m * WAVE_MPS2 / max(speed_mps, 0.1) ** 2)
        side = 1.0 if elapsed_s % WAVE_PERIOD_S < WAVE_PERIOD_S / 2 else -1.0
        return side * angle_rad / max_steer_rad

    def _detect(self, frame: ImageMessage, state: VehicleState) -> DetectionMessage:
        result = self._detector.detect(frame.image, frame.timestamp, state)
        model = None if result is None else result.lane_model
        if model is not None and model.left is not None and model.right is not None and self.brake_from is None:
            width_m = model.left.c0 - model.right.c0 if model.width_m is None else model.width_m
            self.seen.append(Seen(frame.image, model, width_m, self._lane_width_m))
        return DetectionMessage(
            session=state.session,
            frame_id=frame.frame_id,
            timestamp=frame.timestamp,
            capture_ns=frame.capture_ns,
            frame_publish_ns=frame.publish_ns,
            lane_model=model,
        )
