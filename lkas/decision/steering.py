"""Steering: from the lane state and the mode to the road-wheel angle that is asked for. Left is positive.

With a lane that may be used, the controller's command for the lane state predicted past the dead time, handed over
without a bump when the law changes. Blind, from the last command to the last known bend; while the driver steers, or
switched off, towards straight ahead. The terms of the last command are kept for those who plot them.
"""

import math
from collections.abc import Callable

from lkas.decision.bicycle import Bicycle, SteeringModel
from lkas.decision.controllers import Controller, SteeringCommand, create_controller
from lkas.decision.controllers.handover import Handover
from lkas.decision.controllers.plugin import PluginController
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import LimiterFlag, SteeringTerms
from lkas.vehicle import VehicleConfig

FADE_S = 0.5  # from the last command to the curvature that is held, or to straight ahead
CUTS = (
    LimiterFlag.STEERING_ANGLE
    | LimiterFlag.LATERAL_ACCELERATION
    | LimiterFlag.LATERAL_JERK
    | LimiterFlag.STEERING_RATE
    | LimiterFlag.NO_STEERING_RANGE
)  # what is sent is not what was asked for


class Steering:
    """The controller in force, the model of the wheel behind it, and what is held while there is no lane."""

    def __init__(
        self,
        parameters: DecisionParameters,
        vehicle: VehicleConfig,
        bicycle: Bicycle,
        on_trouble: Callable[[str | None], None],
    ) -> None:
        """`on_trouble` hears why a controller lets another law steer, or None when it steers again."""
        self._bicycle = bicycle
        self._on_trouble = on_trouble
        self._model = SteeringModel(bicycle, vehicle.steering_delay_s, parameters.steering_trim_mps2)
        self._handover = Handover()
        self._trouble: str | None = None
        self._is_limited = False
        self._command: SteeringCommand | None = None
        self.held_radpm = 0.0  # the curvature of the last known bend
        self.controller: Controller = create_controller(parameters, bicycle)

    @property
    def forecaster(self) -> Controller:
        """Who says what the next seconds bring. One of the user's own is not asked: it may remember each question."""
        return self.controller.fallback if isinstance(self.controller, PluginController) else self.controller

    def use(self, parameters: DecisionParameters) -> None:
        """Another law, or the same one with other parameters, from the next command on."""
        self.controller = create_controller(parameters, self._bicycle)
        self._handover.begin()

    def reset(self, steer_rad: float) -> None:
        """Begin with the wheel at rest at this angle."""
        self._model.reset(steer_rad)

    def rewind(self, now_s: float) -> None:
        """World time is only here."""
        self._model.rewind(now_s)

    def rest(self) -> None:
        """Nobody steers by the lane."""
        self.controller.reset()
        self._handover.reset()
        self._command = None

    def advance(
        self, now_s: float, dt_s: float, speed_mps: float, yaw_rate_radps: float | None, wheel_rad: float | None
    ) -> None:
        """Move the model of the wheel on by dt, with what was measured."""
        self._model.advance(now_s, dt_s, speed_mps, yaw_rate_radps, wheel_rad)

    def follow(self, lane: LaneState, now_s: float, dt_s: float, speed_mps: float) -> tuple[float, float]:
        """Steer by the lane. Returns the angle and the curvature that the lane itself needs there."""
        there = self._model.predict(lane, now_s, speed_mps, past_lag=not self.controller.models_lag)
        command = self.controller.update(there, speed_mps, dt_s, is_limited=self._is_limited)
        if command.trouble != self._trouble:
            self._trouble = command.trouble
            self._handover.begin()
            self._on_trouble(command.trouble)
        wanted_radpm = self._handover.follow(command.curvature_radpm, dt_s)
        self._command = command
        self.held_radpm = lane.curvature_radpm
        return self._angle_rad(wanted_radpm, speed_mps), there.curvature_radpm

    def hold(self, last_rad: float, dt_s: float, speed_mps: float, *, fades: bool) -> tuple[float, float]:
        """Steer blind, from the last command to the last known bend. Without `fades` the command stays as it is."""
        self.rest()
        share = 1 - math.exp(-dt_s / FADE_S) if fades else 0.0
        return last_rad + share * (self._angle_rad(self.held_radpm, speed_mps) - last_rad), self.held_radpm

    def release(self, last_rad: float, dt_s: float, *, fades: bool) -> tuple[float, float]:
        """Let go: the command stays as it is, or fades to straight ahead."""
        self.rest()
        return (last_rad * math.exp(-dt_s / FADE_S) if fades else last_rad), 0.0

    def sent(self, now_s: float, steer_rad: float, flags: LimiterFlag) -> None:
        """Note what the limiter let through."""
        self._is_limited = bool(flags & CUTS)
        self._model.sent(now_s, steer_rad)

    @property
    def terms(self) -> SteeringTerms | None:
        """What the last command is the sum of, or None while nobody steers by the lane."""
        command = self._command
        if command is None:
            return None
        return SteeringTerms(
            feedforward=command.feedforward_radpm,
            offset=command.offset_term_radpm,
            heading=command.heading_term_radpm,
            integral=command.integral_term_radpm,
            handover=self._handover.bump_radpm,
            trim=-self._model.trim_radpm,
        )

    def _angle_rad(self, curvature_radpm: float, speed_mps: float) -> float:
        return self._bicycle.steer_rad(curvature_radpm - self._model.trim_radpm, speed_mps)
