"""Lateral control: from the lane state and the mode to the requested road-wheel angle. Left is positive.

With a usable lane the controller computes the command for the lane state predicted past the dead time; a change of
controller is bumpless (controllers/handover.py). Without a lane the angle moves from the last command to the last
known curvature; while the driver steers, or when disabled, to straight ahead. The terms of the last command are kept
for plots.
"""

import math
from collections.abc import Callable

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import Controller, SteeringCommand, create_controller
from lkas.decision.controllers.handover import Handover
from lkas.decision.controllers.plugin import PluginController
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.decision.steering_model import SteeringModel
from lkas.decision.steering_side import SteeringFault, SteeringSide
from lkas.integration.shared_memory.messages import LimiterFlag, SteeringTerms
from lkas.vehicle import VehicleConfig

FADE_TIME_CONSTANT_S = 0.5  # from the last command to the held curvature, or to straight ahead
STEERING_LIMITS = (
    LimiterFlag.STEERING_ANGLE
    | LimiterFlag.LATERAL_ACCELERATION
    | LimiterFlag.LATERAL_JERK
    | LimiterFlag.STEERING_RATE
    | LimiterFlag.NO_STEERING_RANGE
)  # with any of these the sent angle differs from the requested one


class Steering:
    """The active controller, the model of the steering, and the curvature that is held without a lane."""

    def __init__(
        self,
        parameters: DecisionParameters,
        vehicle: VehicleConfig,
        bicycle: Bicycle,
        on_fallback: Callable[[str | None], None],
    ) -> None:
        """`on_fallback` receives the reason when a controller's fallback takes over, and None when it ends."""
        self._bicycle = bicycle
        self._on_fallback = on_fallback
        self._side = SteeringSide()
        self._side.is_on = parameters.check_steering
        self._reported = SteeringFault.NONE
        self._model = _model_of(parameters, vehicle, bicycle, self._side)
        self._handover = Handover()
        self._fallback_reason: str | None = None
        self._is_limited = False
        self._command: SteeringCommand | None = None
        self._held_radpm = 0.0  # curvature of the last known lane
        self._controller: Controller = create_controller(parameters, bicycle)

    @property
    def timeline_controller(self) -> Controller:
        """The controller that predicts the timeline; a plugin's fallback, as a prediction could change its state."""
        return self._controller.fallback if isinstance(self._controller, PluginController) else self._controller

    def configure(self, parameters: DecisionParameters) -> None:
        """Create the controller again with these parameters, and use it from the next command on.

        Raises ParameterError or PluginError; the present controller stays active then.
        """
        self._controller = create_controller(parameters, self._bicycle)
        self._handover.start()

    def set_vehicle(self, parameters: DecisionParameters, vehicle: VehicleConfig, steer_rad: float) -> None:
        """Steer this car from now on; its wheel rests at `steer_rad`. Raises ParameterError or PluginError."""
        self._model = _model_of(parameters, vehicle, self._bicycle, self._side)
        self._model.reset(steer_rad)
        self.configure(parameters)

    def restore(self, held_radpm: float) -> None:
        """Continue with the lane curvature that a predecessor reported last."""
        self._held_radpm = held_radpm

    def reset(self, steer_rad: float) -> None:
        """Start with the wheel at rest at this angle."""
        self._model.reset(steer_rad)

    def rewind(self, now_s: float) -> None:
        """Set world time back to `now_s`."""
        self._model.rewind(now_s)

    def reset_controller(self) -> None:
        """Reset the controller's state while it does not steer."""
        self._controller.reset()
        self._handover.reset()
        self._command = None

    @property
    def fault(self) -> SteeringFault:
        """What the drive has shown to be wrong with the steering."""
        return self._side.fault

    def take_new_fault(self) -> SteeringFault:
        """Return a fault once, when it has been found."""
        fault, before, self._reported = self._side.fault, self._reported, self._side.fault
        return fault if fault is not before else SteeringFault.NONE

    def set_check(self, is_on: bool) -> None:
        """Judge the side of the steering, or not."""
        self._side.is_on = is_on

    @property
    def is_inverted(self) -> bool:
        """Whether the car steers to the side opposite to the command."""
        return self._side.is_inverted

    def forget_fault(self) -> None:
        """Judge the steering again: another session, or the driver wants to try again."""
        self._side.reset()

    def see(self, exposed_s: float, heading_rad: float, lane_curvature_radpm: float) -> None:
        """Use the heading to the lane and the lane's curvature of a detection, to check the side of the steering."""
        self._side.see(exposed_s, heading_rad, lane_curvature_radpm)

    def advance(
        self, now_s: float, dt_s: float, speed_mps: float, yaw_rate_radps: float | None, wheel_rad: float | None
    ) -> None:
        """Advance the model of the steering by dt with the measured values."""
        self._model.advance(now_s, dt_s, speed_mps, yaw_rate_radps, wheel_rad)

    def follow(self, lane: LaneState, now_s: float, dt_s: float, speed_mps: float) -> tuple[float, float]:
        """Steer along the lane. Returns the angle and the lane's curvature at the predicted position."""
        predicted = self._model.predict(lane, now_s, speed_mps, past_lag=not self._controller.models_lag)
        command = self._controller.update(predicted, speed_mps, dt_s, is_limited=self._is_limited)
        if command.fallback_reason != self._fallback_reason:
            self._fallback_reason = command.fallback_reason
            self._handover.start()
            self._on_fallback(command.fallback_reason)
        requested_radpm = self._handover.follow(command.curvature_radpm, dt_s)
        self._command = command
        self._held_radpm = lane.curvature_radpm
        return self._angle_rad(requested_radpm, speed_mps), predicted.curvature_radpm

    def hold(self, last_rad: float, dt_s: float, speed_mps: float, *, fades: bool) -> tuple[float, float]:
        """Steer without a lane, from the last command to the last known curvature. Without `fades` keep the command."""
        self.reset_controller()
        ratio = 1 - math.exp(-dt_s / FADE_TIME_CONSTANT_S) if fades else 0.0
        return last_rad + ratio * (self._angle_rad(self._held_radpm, speed_mps) - last_rad), self._held_radpm

    def release(self, last_rad: float, dt_s: float, *, fades: bool) -> tuple[float, float]:
        """Stop steering: keep the last command, or with `fades` move it to straight ahead."""
        self.reset_controller()
        return (last_rad * math.exp(-dt_s / FADE_TIME_CONSTANT_S) if fades else last_rad), 0.0

    def add_command(self, now_s: float, steer_rad: float, flags: LimiterFlag) -> None:
        """Record the angle that the limiter passed, and which limits acted."""
        self._is_limited = bool(flags & STEERING_LIMITS)
        self._model.add_command(now_s, steer_rad)

    @property
    def terms(self) -> SteeringTerms | None:
        """The terms whose sum is the last commanded curvature, or None while the lane is not followed."""
        command = self._command
        if command is None:
            return None
        return SteeringTerms(
            feedforward=command.feedforward_radpm,
            offset=command.offset_term_radpm,
            heading=command.heading_term_radpm,
            integral=command.integral_term_radpm,
            handover=self._handover.difference_radpm,
            trim=-self._model.trim_radpm,
        )

    def _angle_rad(self, curvature_radpm: float, speed_mps: float) -> float:
        return self._bicycle.steer_rad(curvature_radpm - self._model.trim_radpm, speed_mps)


def _model_of(
    parameters: DecisionParameters, vehicle: VehicleConfig, bicycle: Bicycle, side: SteeringSide
) -> SteeringModel:
    trim_mps2 = parameters.steering_trim_mps2
    return SteeringModel(bicycle, vehicle.steering_delay_s, vehicle.steering_lag_s, trim_mps2, side)
