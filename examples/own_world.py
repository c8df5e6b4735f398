"""A custom world for `simulation`: the road and car of own_simulation.py, with the true position for a score.

    simulation --broadcast --backend own_world.py:Slalom        # beside `lkas --broadcast`
    simulation eval --world own_world.py:Slalom --method cv,hybrid
    simulation check own_world.py:Slalom

`simulation` asks for one tick after the other; a world never sleeps. Here a wrong world can be made with an option,
to see what `simulation check` says about it.
"""

import math
from collections import deque

import numpy as np
from own_simulation import (
    CAMERA_HEIGHT_M,
    FOCAL_PX,
    HEIGHT,
    LANE_WIDTH_M,
    LINE_WIDTH_M,
    MAX_STEER_RAD,
    TICK_S,
    TICKS_PER_IMAGE,
    WHEELBASE_M,
    WIDTH,
    Car,
    image_of,
)

from lkas.integration.shared_memory.messages import CameraGeometry, Pose, VehicleFacts, VehicleState
from simulation.world import Tick, Truth

CAR_WIDTH_M, AXLE_M = 1.8, 1.35  # the axles are this far ahead and behind of the ego origin


class Slalom:
    """Needs `width_px`, `height_px`, `tick_s` and `tick`; everything else is optional."""

    width_px, height_px, tick_s = WIDTH, HEIGHT, TICK_S
    max_steer_rad = MAX_STEER_RAD  # road-wheel angle of steering = 1

    def __init__(
        self,
        pitch_deg=0.0,
        steering_sign=1.0,
        yaw_rate_sign=1.0,
        steering_delay_s=0.0,
        brake_gain=1.0,
        jump_s=0.0,
        truth=True,
    ):
        self.camera = CameraGeometry(
            focal_px=FOCAL_PX,
            cx_px=WIDTH / 2 - 0.5,
            cy_px=HEIGHT / 2 - 0.5,
            height_m=CAMERA_HEIGHT_M,
            pitch_rad=math.radians(pitch_deg),
        )
        self.vehicle = VehicleFacts(
            wheelbase_m=WHEELBASE_M,
            cg_to_rear_axle_m=AXLE_M,
            width_m=CAR_WIDTH_M,
            steering_delay_s=0.0,
            steering_lag_s=0.15,
            full_throttle_mps2=3.0,
            full_brake_mps2=8.0,
        )
        self._yaw_rate_sign = yaw_rate_sign
        self._sign, self._brake_gain, self._jump_s, self._has_truth = steering_sign, brake_gain, jump_s, truth
        self._delayed = deque([0.0] * round(steering_delay_s / TICK_S))
        self._ticks, self._late_s, self._distance_m = 0, 0.0, 0.0
        self._rng = np.random.default_rng(1)
        self.respawn()

    def respawn(self):
        """Back to the start; time goes on."""
        self._car = Car()

    def tick(self, control):
        """Apply the newest command, None before the first, for one tick."""
        steering = 0.0 if control is None else -self._sign * control.steering  # a command is positive to the right
        self._delayed.append(steering)
        throttle, brake = (0.0, 0.0) if control is None else (control.throttle, self._brake_gain * control.brake)
        self._car.drive(self._delayed.popleft(), throttle, brake)
        self._distance_m += self._car.speed_mps * TICK_S
        self._ticks += 1
        if self._ticks % 200 == 0:
            self._late_s += self._jump_s
        time_s = self._ticks * TICK_S + self._late_s
        car = self._car
        state = VehicleState(
            timestamp=time_s,
            speed_mps=car.speed_mps,
            yaw_rate_radps=self._yaw_rate_sign * car.yaw_rate_radps,
            steering_angle_rad=car.wheel_rad,
            pose=Pose(x_m=car.x_m, y_m=car.y_m, z_m=0.0, yaw_rad=car.yaw_rad),
        )
        image = image_of(car, self._rng) if self._ticks % TICKS_PER_IMAGE == 0 else None
        return Tick(state=state, truth=self._truth(time_s) if self._has_truth else None, frame=image)

    def _truth(self, time_s):
        car = self._car
        slope = math.atan(8.0 / 40.0 * math.cos(car.x_m / 40.0))
        curvature_radpm = -8.0 / 1600.0 * math.sin(car.x_m / 40.0) * math.cos(slope) ** 3
        heading_rad = car.yaw_rad - slope
        side_m = LANE_WIDTH_M / 2 - LINE_WIDTH_M / 2 - CAR_WIDTH_M / 2
        swing_m = AXLE_M * abs(math.sin(heading_rad))
        return Truth(
            timestamp=time_s,
            distance_m=self._distance_m,
            offset_m=car.offset_m,
            heading_error_rad=heading_rad,
            curvature_radpm=curvature_radpm,
            lane_width_m=LANE_WIDTH_M,
            margin_left_m=side_m - car.offset_m - swing_m,
            margin_right_m=side_m + car.offset_m - swing_m,
            speed_mps=car.speed_mps,
            lateral_acceleration_mps2=car.speed_mps * car.yaw_rate_radps,
        )
