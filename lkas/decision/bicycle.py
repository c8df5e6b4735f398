"""Steady-state single-track (bicycle) model with understeer, side slip and a yaw-rate lag. Left is positive.

    curvature = tan(steer) / (L + K v²),   side slip at the centre of gravity = curvature (b - C v²)

L is the wheelbase, b the distance from the rear axle, K the understeer gradient and C the slip of the rear tyres
(C = mass x front share / rear cornering stiffness). Below 3 m/s, scaled for a model car, both relations are
purely kinematic.
Source: Rajamani, Vehicle Dynamics and Control.
"""

import math

from lkas.decision.parameters import DecisionParameters
from lkas.scale import scale_of_car
from lkas.vehicle import VehicleConfig

KINEMATIC_BELOW_MPS = 3.0


class Bicycle:
    """Steady-state relations between steering angle, curvature and side slip."""

    def __init__(self, vehicle: VehicleConfig, parameters: DecisionParameters) -> None:
        self.configure(vehicle, parameters)

    def configure(self, vehicle: VehicleConfig, parameters: DecisionParameters) -> None:
        """Use these dimensions from now on."""
        self.wheelbase_m = vehicle.wheelbase_m
        self.scale = scale_of_car(vehicle.wheelbase_m)
        self.kinematic_below_mps = KINEMATIC_BELOW_MPS * self.scale.speed
        self.cg_to_front_axle_m = vehicle.wheelbase_m - vehicle.cg_to_rear_axle_m
        self._steering_lag_s = vehicle.steering_lag_s
        self._rear_m = vehicle.cg_to_rear_axle_m
        self._understeer_s2pm = parameters.understeer_s2pm
        self._rear_slip_s2pm = parameters.rear_slip_s2pm
        self._yaw_lag_s2pm = parameters.yaw_lag_s2pm

    def set_steering_lag(self, lag_s: float) -> None:
        """Replace the configured steering lag by the estimated one (steering_model.py)."""
        self._steering_lag_s = lag_s

    def curvature_radpm(self, steer_rad: float, speed_mps: float) -> float:
        """Return the path curvature that a steering angle produces."""
        return math.tan(steer_rad) / self.effective_wheelbase_m(speed_mps)

    def steer_rad(self, curvature_radpm: float, speed_mps: float) -> float:
        """Return the steering angle that a curvature requires; the inverse of `curvature_radpm`."""
        return math.atan(curvature_radpm * self.effective_wheelbase_m(speed_mps))

    def effective_wheelbase_m(self, speed_mps: float) -> float:
        """Return L + K v², the wheelbase alone in the kinematic range."""
        return max(0.2 * self.wheelbase_m, self.wheelbase_m + self._understeer_s2pm * self._dynamic_speed2(speed_mps))

    def slip_per_curvature_m(self, speed_mps: float) -> float:
        """Return the side slip angle at the ego origin per curvature; positive: the velocity points to the left."""
        return self._rear_m - self._rear_slip_s2pm * self._dynamic_speed2(speed_mps)

    def yaw_lag_s(self, speed_mps: float) -> float:
        """Return the lag of the yaw rate behind the wheel angle."""
        return self._yaw_lag_s2pm * speed_mps

    def lag_s(self, speed_mps: float) -> float:
        """Return the total lag from a command that has reached the steering actuator to the yaw rate."""
        return self._steering_lag_s + self.yaw_lag_s(speed_mps)

    def _dynamic_speed2(self, speed_mps: float) -> float:
        """v² above the kinematic range, continuous at its border."""
        return max(0.0, speed_mps * speed_mps - self.kinematic_below_mps * self.kinematic_below_mps)
