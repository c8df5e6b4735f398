"""A steering law of the user's own: made from its name, tried on a straight, and never the reason for a crash.

When it raises an exception or gives no finite curvature, the regulator (`lqr`) steers instead, handed over without a
bump, until the lane is lost or the law is chosen again; `SteeringCommand.trouble` says why. The limiter follows as
after every law.
"""

import logging
import math
from typing import Any

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import Controller, SteeringCommand, bounded
from lkas.decision.controllers.lqr import LinearQuadratic
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.plugins.guard import PluginError, failure_of
from lkas.plugins.load import make
from lkas.plugins.names import short_name

MOST_RADPM = 1.0  # no car turns on a circle of 1 m
TERMS = tuple(name for name in SteeringCommand.__struct_fields__ if name != "trouble")
LEAST_STEP_S = 1e-3  # two commands at one moment: nobody has to divide by zero
TRIAL_SPEED_MPS, TRIAL_STEP_S = 10.0, 0.01
STRAIGHT = LaneState(
    offset_m=0.1,
    heading_rad=0.01,
    curvature_radpm=0.0,
    curvature_rate_radpm2=0.0,
    width_m=3.5,
    yaw_rate_radps=0.0,
    offset_sigma_m=0.02,
    heading_sigma_rad=0.002,
    curvature_sigma_radpm=1e-4,
    width_sigma_m=0.02,
)

logger = logging.getLogger(__name__)


class PluginController:
    """Steering law FILE.py:NAME; see lkas.decision.controllers.Controller. Raises PluginError when it is made."""

    def __init__(self, name: str, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._name = name
        arguments = {"parameters": parameters, "bicycle": bicycle}
        self._law: Controller = make(name, arguments, ("update", "reset"), ("models_lag",))
        self.fallback = LinearQuadratic(parameters, bicycle)
        self.failure: PluginError | None = None  # why the fallback steers
        self.models_lag = bool(self._law.models_lag)
        self._told: set[str] = set()

    def reset(self) -> None:
        self.fallback.reset()
        self.failure = None
        self.models_lag = bool(self._law.models_lag)
        try:
            self._law.reset()
        except Exception as error:
            self._fail(failure_of(self._name, error, "reset"))

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        if self.failure is None:
            try:
                return self.ask(lane, speed_mps, max(dt_s, LEAST_STEP_S), is_limited)
            except PluginError as error:
                self._fail(error)
        command = self.fallback.update(lane, speed_mps, dt_s, is_limited=is_limited)
        return structs.replace(command, trouble=str(self.failure).removeprefix(f"{short_name(self._name)}: "))

    def ask(self, lane: LaneState, speed_mps: float, dt_s: float, is_limited: bool = False) -> SteeringCommand:
        """The law's own command, with finite terms. Raises PluginError."""
        try:
            command: Any = self._law.update(lane, speed_mps, dt_s, is_limited=is_limited)
        except Exception as error:
            raise failure_of(self._name, error, "update") from error
        name = short_name(self._name)
        if not isinstance(command, SteeringCommand):
            raise PluginError(
                f"{name}: update gave {command!r:.60}; expected a lkas.decision.controllers.SteeringCommand",
                f"{name}: not a command",
            )
        terms: dict[str, float] = {}
        for term in TERMS:
            value = getattr(command, term)
            try:
                terms[term] = float(value)
            except (TypeError, ValueError, OverflowError):
                terms[term] = math.nan
            if not math.isfinite(terms[term]):
                raise PluginError(
                    f"{name}: update gave {term} = {value!r:.40}; expected a finite number", f"{name}: {term}"
                )
        terms["curvature_radpm"] = bounded(terms["curvature_radpm"], MOST_RADPM)
        return SteeringCommand(**terms, trouble=None if command.trouble is None else str(command.trouble))

    def _fail(self, error: PluginError) -> None:
        self.failure = error
        self.models_lag = self.fallback.models_lag
        if error.cause not in self._told:
            self._told.add(error.cause)
            logger.error("%s", error, exc_info=error.origin)


def try_controller(controller: Controller) -> None:
    """Have one of the user's own steer for a moment, then forget that. Raises PluginError."""
    if isinstance(controller, PluginController):
        controller.ask(STRAIGHT, TRIAL_SPEED_MPS, TRIAL_STEP_S)
        controller.reset()
        if controller.failure is not None:
            raise controller.failure
