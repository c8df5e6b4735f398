"""The car of the test bench: a dynamic single track with saturating tyres, steering dead time and lag.

It is not the model of the controllers. Left is positive.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from tests.lkas.decision.road import Road

TICK_S = 0.01
MAX_STEER_RAD = math.radians(35)
SESSION = 77


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
        """Advance by TICK_S; without a command straight ahead and without pedals."""
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
        """Integrate the position along and across the road."""
        v, kappa = self.speed_mps, self.road.curvature(self.s_m)
        along_mps = v * math.cos(self.heading_rad) - self.lateral_mps * math.sin(self.heading_rad)
        along_mps /= 1 - kappa * self.offset_m
        self.offset_m += (v * math.sin(self.heading_rad) + self.lateral_mps * math.cos(self.heading_rad)) * dt_s
        self.heading_rad += (self.yaw_rate_radps - kappa * along_mps) * dt_s
        self.s_m += along_mps * dt_s

    def _tyre_n(self, stiffness_npr: float, slip_rad: float, other_axle_m: float) -> float:
        max_n = 1.0 * self.mass_kg * 9.81 * other_axle_m / (self.front_m + self.rear_m)
        return max_n * math.tanh(stiffness_npr * slip_rad / max_n)

    def state(self, now_s: float, gyro_noise_radps: float = 0.0) -> VehicleState:
        """Return the vehicle state that the world would publish."""
        return VehicleState(
            session=SESSION,
            timestamp=now_s,
            speed_mps=self.speed_mps,
            yaw_rate_radps=self.yaw_rate_radps + gyro_noise_radps,
            steering_angle_rad=self.wheel_rad,
            max_steer_rad=MAX_STEER_RAD,
        )
