"""Steering controllers behind one small interface: `create_controller(parameters, bicycle)`.

A controller sees the lane state predicted past the dead time of the steering (bicycle.SteeringModel), so it needs no
notion of delays; one that has no model of the lag behind it says so and sees the state after that as well.
"""

from importlib import import_module
from typing import Protocol

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.decision.parameters import CONTROLLERS, DecisionParameters, missing_package
from lkas.parameters import ParameterError
from lkas.plugins.names import PATTERN, is_plugin_name

__all__ = ["Controller", "SteeringCommand", "bounded", "create_controller"]


class SteeringCommand(Struct, frozen=True, kw_only=True):
    """A curvature to drive, and the terms it is the sum of; left positive."""

    curvature_radpm: float
    feedforward_radpm: float  # what the bend itself needs
    offset_term_radpm: float  # towards the lane centre
    heading_term_radpm: float  # towards the lane's direction
    integral_term_radpm: float = 0.0  # learned from offsets that stay
    trouble: str | None = None  # why this is another law's command


class Controller(Protocol):
    """One steering law."""

    models_lag: bool
    """Whether it wants the state when its command arrives at the wheel, instead of when the car has answered."""

    def reset(self) -> None:
        """Forget everything; called while it does not steer."""
        ...

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        """The command for this lane state; `dt_s` since the last one, which the limiter did or did not cut."""
        ...


def bounded(value: float, limit: float) -> float:
    """The value within +-limit."""
    return min(limit, max(-limit, value))


def create_controller(parameters: DecisionParameters, bicycle: Bicycle) -> Controller:
    """The controller that `parameters.controller` names: one of ours, or FILE.py:NAME, package.module:NAME.

    Raises ParameterError: unknown, or its package is missing; PluginError: own code that can not be used.
    """
    name = parameters.controller
    if is_plugin_name(name):
        from lkas.decision.controllers.plugin import PluginController

        return PluginController(name, parameters, bicycle)
    if name not in CONTROLLERS:
        known = f"{', '.join(CONTROLLERS)}, or {PATTERN}"
        raise ParameterError(f"decision.controller = {name!r}: no such controller; known are {known}")
    trouble = missing_package(name)
    if trouble is not None:
        raise ParameterError(trouble)
    return import_module(f"lkas.decision.controllers.{name}").create(parameters, bicycle)
