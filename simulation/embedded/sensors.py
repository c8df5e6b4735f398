"""The car's sensors: measurements of its motion, with errors that depend on the seed.

Each has white noise, the gyroscope also a slowly drifting bias, and the wheel speed a scale error (worn tyres have a
smaller radius). Accelerometers measure specific force: on a bank they show the force of the tyres against gravity.
"""

import math

import numpy as np
from msgspec import Struct

from lkas.scale import FULL_SIZE, Scale
from simulation.embedded.dynamics import CALM, ExternalInputs
from simulation.embedded.plant import CarState

SPEED_SIGMA_MPS = 0.02
SPEED_SCALE_SIGMA = 0.005
YAW_RATE_SIGMA_RADPS = 0.0015
YAW_RATE_BIAS_SIGMA_RADPS = 0.0005  # 0.03 deg/s: remains after zeroing at each standstill
YAW_RATE_BIAS_TIME_S = 100.0  # correlation time of the bias
STEER_SIGMA_RAD = 0.0003
ACCELERATION_SIGMA_MPS2 = 0.03


class Readings(Struct, frozen=True):
    """Measurements of one tick; left positive."""

    speed_mps: float
    yaw_rate_radps: float
    steer_rad: float
    acceleration_mps2: float
    lateral_acceleration_mps2: float


class Sensors:
    """Wheel speed, gyroscope, steering angle and accelerometer, read once a tick."""

    def __init__(self, seed: int, tick_s: float, scale: Scale = FULL_SIZE) -> None:
        self._random = np.random.default_rng([seed, 1])
        radius, bias = self._random.standard_normal(2).tolist()
        self._speed_sigma_mps = SPEED_SIGMA_MPS * scale.speed
        self._speed_scale = 1 + SPEED_SCALE_SIGMA * radius
        self._bias_radps = YAW_RATE_BIAS_SIGMA_RADPS * bias
        # A Gauss-Markov process with constant variance.
        self._bias_decay = math.exp(-tick_s / YAW_RATE_BIAS_TIME_S)
        self._bias_noise_radps = YAW_RATE_BIAS_SIGMA_RADPS * math.sqrt(1 - self._bias_decay**2)

    def read(self, car: CarState, inputs: ExternalInputs = CALM) -> Readings:
        """Measure the state once a tick; advances the bias of the gyroscope."""
        noise = self._random.standard_normal(6).tolist()
        self._bias_radps = self._bias_decay * self._bias_radps + self._bias_noise_radps * noise[5]
        # Wheel sensors report exactly 0 at standstill, and never a negative speed.
        speed_mps = self._speed_scale * car.speed_mps + self._speed_sigma_mps * noise[0]
        longitudinal_mps2 = car.acceleration_mps2 - inputs.gravity_forward_mps2
        lateral_mps2 = car.lateral_acceleration_mps2 - inputs.gravity_left_mps2
        return Readings(
            speed_mps=max(0.0, speed_mps) if car.speed_mps > 0 else 0.0,
            yaw_rate_radps=car.yaw_rate_radps + self._bias_radps + YAW_RATE_SIGMA_RADPS * noise[1],
            steer_rad=car.steer_rad + STEER_SIGMA_RAD * noise[2],
            acceleration_mps2=longitudinal_mps2 + ACCELERATION_SIGMA_MPS2 * noise[3],
            lateral_acceleration_mps2=lateral_mps2 + ACCELERATION_SIGMA_MPS2 * noise[4],
        )
