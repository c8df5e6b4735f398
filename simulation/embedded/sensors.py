"""The car's own sensors: what they report of its motion, with a little noise from the world's seed."""

import numpy as np
from msgspec import Struct

from simulation.embedded.plant import CarState

SPEED_SIGMA_MPS = 0.02
YAW_RATE_SIGMA_RADPS = 0.0015
STEER_SIGMA_RAD = 0.0003
ACCELERATION_SIGMA_MPS2 = 0.03


class Readings(Struct, frozen=True):
    """One tick's readings; left positive."""

    speed_mps: float
    yaw_rate_radps: float
    steer_rad: float
    acceleration_mps2: float
    lateral_acceleration_mps2: float


class Sensors:
    """Wheel speed, gyroscope, steering angle and accelerometer."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng([seed, 1])

    def read(self, car: CarState) -> Readings:
        noise = self._random.standard_normal(5).tolist()
        # Wheel sensors of a standing car see nothing at all, and never a negative speed.
        speed = max(0.0, car.speed_mps + SPEED_SIGMA_MPS * noise[0]) if car.speed_mps > 0 else 0.0
        return Readings(
            speed_mps=speed,
            yaw_rate_radps=car.yaw_rate_radps + YAW_RATE_SIGMA_RADPS * noise[1],
            steer_rad=car.steer_rad + STEER_SIGMA_RAD * noise[2],
            acceleration_mps2=car.acceleration_mps2 + ACCELERATION_SIGMA_MPS2 * noise[3],
            lateral_acceleration_mps2=car.lateral_acceleration_mps2 + ACCELERATION_SIGMA_MPS2 * noise[4],
        )
