"""Steering controllers behind one interface: `create_controller(parameters, bicycle)`.

A controller receives the lane state predicted past the dead time of the steering (steering_model.py), so it needs no
model of delays. One without a model of the remaining lag says so (`models_lag`) and receives the state after the lag.
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
    """The curvature to drive and the terms that add up to it, in 1/m; left is positive."""

    curvature_radpm: float
    feedforward_radpm: float  # required by the bend itself
    offset_term_radpm: float  # towards the lane centre
    heading_term_radpm: float  # towards the lane's direction
    integral_term_radpm: float = 0.0  # against lasting offsets
    fallback_reason: str | None = None  # why this is the command of a fallback; None: the controller works


class Controller(Protocol):
    """A steering controller."""

    models_lag: bool
    """True: it receives the lane state when its command reaches the wheel; False: when the car has responded."""

    def reset(self) -> None:
        """Clear the state; called while the controller does not steer."""
        ...

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        """Return the command for this lane state, `dt_s` after the previous command.

        `is_limited`: the limiter has changed the previous command. With `dt_s` = 0 the state must not change.
        """
        ...


def bounded(value: float, limit: float) -> float:
    """Return the value limited to +-limit."""
    return min(limit, max(-limit, value))


def create_controller(parameters: DecisionParameters, bicycle: Bicycle) -> Controller:
    """Create the controller that `parameters.controller` names: a built-in one, or a plugin (FILE.py:NAME).

    Raises ParameterError for an unknown name or a missing package, PluginError for a plugin that cannot be used.
    """
    name = parameters.controller
    if is_plugin_name(name):
        from lkas.decision.controllers.plugin import PluginController

        return PluginController(name, parameters, bicycle)
    if name not in CONTROLLERS:
        known = f"{', '.join(CONTROLLERS)}, or {PATTERN}"
        raise ParameterError(f"decision.controller = {name!r}: no such controller; known are {known}")
    missing = missing_package(name)
    if missing is not None:
        raise ParameterError(missing)
    return import_module(f"lkas.decision.controllers.{name}").create(parameters, bicycle)
