"""A small test bench: a road of clothoids, a car that is not the controller's model, and a camera with errors.

The car is a dynamic single track with saturating tyres, steering dead time and lag. Everything is left positive and
runs in one simulated clock, so a drive is the same twice.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import (
    Calibration,
    ControlMessage,
    DetectionMessage,
    LaneLine,
    LaneModel,
    VehicleState,
)
from lkas.vehicle import CameraConfig, VehicleConfig

TICK_S = 0.01
MAX_STEER_RAD = math.radians(35)
SESSION = 77
CALIBRATION = Calibration(focal_px=571.0, cx_px=399.5, cy_px=299.5, height_m=1.4, pitch_rad=0.07, x_m=0.6)


class Road:
    """Curvature over arc length, linear between knots."""

    def __init__(self, knots: list[tuple[float, float]], width_m: float = 3.5) -> None:
        self._s, self._kappa = zip(*knots, strict=True)
        self.width_m = width_m
        self.length_m = self._s[-1]

    def curvature(self, s_m: float) -> float:
        return float(np.interp(s_m, self._s, self._kappa))


def bend(radius_m: float, speed_mps: float, sign: float = 1.0, straight_m: float = 60.0) -> Road:
    """Straight, transition, arc, transition, straight."""
    transition_m, arc_m = max(20.0, speed_mps**3 / radius_m / 0.8), max(60.0, speed_mps * 4)
    return _road(straight_m, [(sign / radius_m, transition_m, arc_m)])


def s_bend(radius_m: float, speed_mps: float, sign: float = 1.0) -> Road:
    """A bend, 60 m straight, and the opposite bend."""
    transition_m, arc_m = max(20.0, speed_mps**3 / radius_m / 0.8), max(60.0, speed_mps * 4)
    return _road(60.0, [(sign / radius_m, transition_m, arc_m), (-sign / radius_m, transition_m, arc_m)])


def straight(length_m: float = 500.0) -> Road:
    return Road([(0.0, 0.0), (length_m, 0.0)])


def _road(straight_m: float, bends: list[tuple[float, float, float]]) -> Road:
    s_m, knots = 0.0, [(0.0, 0.0)]
    for kappa, transition_m, arc_m in bends:
        s_m += straight_m
        knots.append((s_m, 0.0))
        knots.append((s_m + transition_m, kappa))
        knots.append((s_m + transition_m + arc_m, kappa))
        s_m += 2 * transition_m + arc_m
        knots.append((s_m, 0.0))
    knots.append((s_m + 60.0, 0.0))
    return Road(knots)


@dataclass
class Plant:
    """The car on its road."""

    road: Road
    speed_mps: float
    offset_m: float = 0.0
    heading_rad: float = 0.0
    dead_time_s: float = 0.06
    lag_s: float = 0.15
    steering_error_rad: float = 0.0
    mass_kg: float = 1500.0
    inertia_kgm2: float = 2500.0
    front_m: float = 1.25
    rear_m: float = 1.45
    front_npr: float = 95e3
    rear_npr: float = 120e3
    s_m: float = 0.0
    lateral_mps: float = 0.0
    yaw_rate_radps: float = 0.0
    wheel_rad: float = 0.0
    acceleration_mps2: float = 0.0
    lateral_mps2: float = 0.0
    commands: deque = field(default_factory=deque)

    def tick(self, control: ControlMessage | None) -> None:
        steering = control.steering if control is not None else 0.0
        throttle, brake = (control.throttle, control.brake) if control is not None else (0.0, 0.0)
        self.commands.append(-steering * MAX_STEER_RAD)
        while len(self.commands) > 1 + round(self.dead_time_s / TICK_S):
            self.commands.popleft()
        for _ in range(2):
            self._step(TICK_S / 2, self.commands[0], throttle, brake)

    def _step(self, dt_s: float, command_rad: float, throttle: float, brake: float) -> None:
        self.wheel_rad += max(-0.6, min(0.6, (command_rad - self.wheel_rad) / self.lag_s)) * dt_s
        wheel_rad = self.wheel_rad + self.steering_error_rad
        drag_mps2 = 0.15 + 4e-4 * self.speed_mps**2 if self.speed_mps > 0 else 0.0
        self.acceleration_mps2 = 4.0 * throttle - 9.0 * brake - drag_mps2
        v = self.speed_mps = max(0.0, self.speed_mps + self.acceleration_mps2 * dt_s)
        length_m = self.front_m + self.rear_m
        if v > 3:
            front_n = self._tyre_n(
                self.front_npr,
                wheel_rad - math.atan2(self.lateral_mps + self.front_m * self.yaw_rate_radps, v),
                self.rear_m,
            )
            rear_n = self._tyre_n(
                self.rear_npr, -math.atan2(self.lateral_mps - self.rear_m * self.yaw_rate_radps, v), self.front_m
            )
            self.lateral_mps2 = (front_n * math.cos(wheel_rad) + rear_n) / self.mass_kg
            self.lateral_mps += (self.lateral_mps2 - v * self.yaw_rate_radps) * dt_s
            turn = self.front_m * front_n * math.cos(wheel_rad) - self.rear_m * rear_n
            self.yaw_rate_radps += turn / self.inertia_kgm2 * dt_s
        else:
            self.yaw_rate_radps = v * math.tan(wheel_rad) / length_m
            self.lateral_mps = self.rear_m * self.yaw_rate_radps
            self.lateral_mps2 = v * self.yaw_rate_radps
        self._move(dt_s)

    def _move(self, dt_s: float) -> None:
        """Along and across the road, with the speeds the car has."""
        v, kappa = self.speed_mps, self.road.curvature(self.s_m)
        along_mps = v * math.cos(self.heading_rad) - self.lateral_mps * math.sin(self.heading_rad)
        along_mps /= 1 - kappa * self.offset_m
        self.offset_m += (v * math.sin(self.heading_rad) + self.lateral_mps * math.cos(self.heading_rad)) * dt_s
        self.heading_rad += (self.yaw_rate_radps - kappa * along_mps) * dt_s
        self.s_m += along_mps * dt_s

    def _tyre_n(self, stiffness_npr: float, slip_rad: float, other_axle_m: float) -> float:
        most_n = 1.0 * self.mass_kg * 9.81 * other_axle_m / (self.front_m + self.rear_m)
        return most_n * math.tanh(stiffness_npr * slip_rad / most_n)

    def state(self, now_s: float, gyro_noise_radps: float = 0.0) -> VehicleState:
        return VehicleState(
            session=SESSION,
            timestamp=now_s,
            speed_mps=self.speed_mps,
            yaw_rate_radps=self.yaw_rate_radps + gyro_noise_radps,
            steering_angle_rad=self.wheel_rad,
            max_steer_rad=MAX_STEER_RAD,
        )


class Camera:
    """Measures both lines with white and correlated errors.

    `errors` says whose. "prototype": 3 cm and 0.17 deg, half of it white, half correlated over 0.5 s; curvature and
    its rate white. "detector": as measured of method cv in the embedded world, suite smoke. White parts of 4 mm,
    0.03 deg, 6e-5 1/m and 3e-6 1/m², and one error of the line fit where the road is no cubic: 0.94 correlated from
    frame to frame, common to all coefficients (offset against heading -0.9, heading against curvature 0.96), and
    growing with the sharpness of the bends that are driven at a speed, as 1 / v³.
    """

    def __init__(self, seed: int, noise: float, errors: str = "prototype") -> None:
        self._random = np.random.default_rng(seed)
        self._noise = noise
        self._draw = {"prototype": self._prototype_errors, "detector": self._detector_errors}[errors]
        self._slow = np.zeros(2)

    def _prototype_errors(self, speed_mps: float) -> np.ndarray:
        """(4,) errors of offset, heading, curvature and curvature rate."""
        self._slow = 0.935 * self._slow + math.sqrt(1 - 0.935**2) * self._random.normal(size=2) * (0.03, 0.003)
        white = self._random.normal(size=4) * (0.021, 0.0021, 4.5e-4, 2.5e-5)
        return white + np.array([*self._slow, 0.0, 0.0])

    def _detector_errors(self, speed_mps: float) -> np.ndarray:
        self._slow = 0.94 * self._slow + math.sqrt(1 - 0.94**2) * self._random.normal(size=2)
        white = self._random.normal(size=4) * (0.0036, 0.00055, 5.6e-5, 2.9e-6)
        return white + self._slow[0] / max(8.0, speed_mps) ** 3 * np.array([-50.0, 18.0, 3.5, -0.24])

    def expose(self, plant: Plant, now_s: float, frame_id: int, lines: str = "both") -> DetectionMessage:
        """`lines`: both, left, right or none."""
        road, n = plant.road, self._noise
        offset_m, heading_rad, curvature, rate = (self._draw(plant.speed_mps) * n).tolist()
        kappa, ahead = road.curvature(plant.s_m), road.curvature(plant.s_m + 25)
        slope = -math.tan(plant.heading_rad + heading_rad)
        errors = self._random.normal(size=2) * 0.015 * n

        def line(side: float, error_m: float) -> LaneLine:
            beside_m = side * road.width_m / 2 - plant.offset_m - offset_m + error_m
            return LaneLine(
                c0=beside_m / math.cos(plant.heading_rad),
                c1=slope,
                c2=kappa + curvature,
                c3=(ahead - kappa) / 25 + rate,
                sigma_c0=0.03,
                sigma_c1=0.003,
                sigma_c2=4.5e-4,
                sigma_c3=2.5e-5,
                x_min_m=4.0,
                x_max_m=45.0,
                confidence=0.95,
            )

        left = line(1.0, errors[0]) if lines in ("both", "left") else None
        right = line(-1.0, errors[1]) if lines in ("both", "right") else None
        model = LaneModel(left=left, right=right, width_m=None, width_sigma_m=None, calibration=CALIBRATION)
        return DetectionMessage(
            session=SESSION, frame_id=frame_id, timestamp=now_s, capture_ns=round(now_s * 1e9), lane_model=model
        )


@dataclass
class Drive:
    """What happened, one row per tick."""

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
        """Change of lateral acceleration over 0.5 s, as ISO 11270 takes it."""
        smooth = _mean(self.lateral_mps2, 10)
        return float(np.abs(smooth[50:] - smooth[:-50]).max() / 0.5)

    @property
    def modes(self) -> list[str]:
        """The modes passed through, in order."""
        modes = [str(control.mode) for control in self.controls]
        return [mode for index, mode in enumerate(modes) if index == 0 or modes[index - 1] != mode]

    def departed(self, car_width_m: float = 1.85) -> bool:
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
    """Drive until the road's end (or `duration_s`), in lock-step.

    `lines_at(t)` says what the camera sees (both, left, right, none; blackout: no detections at all);
    `vehicle_at(t, state)` may change or drop the vehicle state.
    """
    plant = car(road=road, speed_mps=speed_mps, **plant_options)
    if keeper is None:
        parameters = parameters or DecisionParameters(set_speed_mps=speed_mps)
        keeper = LaneKeeper(parameters, VehicleConfig(), CameraConfig())
    camera, random = Camera(seed, noise, errors), np.random.default_rng(seed + 1000)
    on_the_way: deque[tuple[float, DetectionMessage]] = deque()
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
            seen = camera.expose(plant, now_s, frame_id, lines if random.random() >= lost else "none")
            if lines != "blackout":
                on_the_way.append((now_s + latency_s, seen))
        detection = None
        while on_the_way and on_the_way[0][0] <= now_s + 1e-9:
            detection = on_the_way.popleft()[1]
        if vehicle_at is not None and state is not None:
            state = vehicle_at(now_s, state)
        control = keeper.decide(now_s, detection, state)
        controls.append(control)
        offsets.append(plant.offset_m)
        speeds.append(plant.speed_mps)
        laterals.append(plant.lateral_mps2)
    events = [event.text for event in keeper.take_events()]
    return Drive(keeper, plant, controls, events, np.array(offsets), np.array(speeds), np.array(laterals))
