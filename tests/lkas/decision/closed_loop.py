"""Closed-loop test bench: drives the keeper with the car of plant.py and the camera of noisy_camera.py.

All runs in one simulated clock, so a drive is repeatable.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import TICK_S, Plant
from tests.lkas.decision.road import Road


@dataclass
class Drive:
    """Record of a drive, one row per tick."""

    keeper: LaneKeeper
    plant: Plant
    controls: list[ControlMessage]
    events: list[str]
    offset_m: np.ndarray
    speed_mps: np.ndarray
    lateral_mps2: np.ndarray

    def rms_m(self, from_s: float = 0.0) -> float:
        return float(np.sqrt(np.mean(self.offset_m[round(from_s / TICK_S) :] ** 2)))

    def max_m(self, from_s: float = 0.0) -> float:
        return float(np.abs(self.offset_m[round(from_s / TICK_S) :]).max())

    @property
    def max_lateral_mps2(self) -> float:
        return float(np.abs(_mean(self.lateral_mps2, 10)).max())

    @property
    def max_jerk_mps3(self) -> float:
        """Change of lateral acceleration over 0.5 s, as in ISO 11270."""
        smooth = _mean(self.lateral_mps2, 10)
        return float(np.abs(smooth[50:] - smooth[:-50]).max() / 0.5)

    @property
    def modes(self) -> list[str]:
        """The sequence of modes, without repetitions."""
        modes = [str(control.mode) for control in self.controls]
        return [mode for index, mode in enumerate(modes) if index == 0 or modes[index - 1] != mode]

    def has_departed(self, car_width_m: float = 1.85) -> bool:
        return self.max_m() > (self.plant.road.width_m - car_width_m) / 2


def _mean(values: np.ndarray, count: int) -> np.ndarray:
    return np.convolve(values, np.ones(count) / count, "valid")


def drive(
    road: Road,
    speed_mps: float,
    *,
    duration_s: float | None = None,
    latency_s: float = 0.05,
    noise: float = 1.0,
    errors: str = "prototype",
    lost: float = 0.0,
    seed: int = 1,
    lines_at: Callable[[float], str] | None = None,
    vehicle_at: Callable[[float, VehicleState], VehicleState | None] | None = None,
    parameters: DecisionParameters | None = None,
    keeper: LaneKeeper | None = None,
    start_s: float = 0.0,
    car: type[Plant] = Plant,
    **plant_options: float,
) -> Drive:
    """Drive to the end of the road (or for `duration_s`), in lockstep.

    `lines_at(t)` returns the visible lines (both, left, right, none; blackout: no detections at all);
    `vehicle_at(t, state)` may change or drop the vehicle state.
    """
    plant = car(road=road, speed_mps=speed_mps, **plant_options)
    if keeper is None:
        parameters = parameters or DecisionParameters(set_speed_mps=speed_mps)
        keeper = LaneKeeper(parameters, VehicleConfig(), CameraConfig())
    camera, random = NoisyCamera(seed, noise, errors), np.random.default_rng(seed + 1000)
    in_transit: deque[tuple[float, DetectionMessage]] = deque()
    control: ControlMessage | None = None
    controls, offsets, speeds, laterals = [], [], [], []
    duration_s = duration_s or 1.5 * road.length_m / max(1.0, speed_mps)
    next_frame_s, frame_id = start_s, 0
    for tick in range(round(duration_s / TICK_S)):
        now_s = start_s + tick * TICK_S
        if plant.s_m > road.length_m - 30:
            break
        plant.tick(control)
        state: VehicleState | None = plant.state(now_s, random.normal() * 0.003 * noise)
        if now_s >= next_frame_s - 1e-9:
            next_frame_s += 1 / 30
            frame_id += 1
            lines = lines_at(now_s) if lines_at else "both"
            exposed = camera.expose(plant, now_s, frame_id, lines if random.random() >= lost else "none")
            if lines != "blackout":
                in_transit.append((now_s + latency_s, exposed))
        detection = None
        while in_transit and in_transit[0][0] <= now_s + 1e-9:
            detection = in_transit.popleft()[1]
        if vehicle_at is not None and state is not None:
            state = vehicle_at(now_s, state)
        control = keeper.decide(now_s, detection, state)
        controls.append(control)
        offsets.append(plant.offset_m)
        speeds.append(plant.speed_mps)
        laterals.append(plant.lateral_mps2)
    events = [event.text for event in keeper.take_events()]
    return Drive(keeper, plant, controls, events, np.array(offsets), np.array(speeds), np.array(laterals))
