"""A controller plugin: created from its name, tried once on a straight road, and replaced by `lqr` when it fails.

When it raises an exception or returns a curvature that is not finite, the linear-quadratic regulator steers instead,
after a bumpless transfer, until the lane is lost or the controller is set again; `SteeringCommand.fallback_reason` says
why. The limiter follows as after every controller.
"""

import logging
import math
from typing import Any

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import Controller, SteeringCommand, bounded
from lkas.decision.controllers.lqr import LqrController
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.plugins.guard import PluginError, guarded
from lkas.plugins.load import make
from lkas.plugins.names import short_name

MAX_CURVATURE_RADPM = 1.0  # no car turns on a circle of 1 m radius
TERMS = tuple(name for name in SteeringCommand.__struct_fields__ if name != "fallback_reason")
MIN_STEP_S = 1e-3  # two commands at the same time: dt is never 0, so a plugin may divide by it
TRIAL_SPEED_MPS, TRIAL_STEP_S = 10.0, 0.01
TRIAL_LANE = LaneState(
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
    """Controller FILE.py:NAME; see lkas.decision.controllers.Controller. The constructor raises PluginError."""

    def __init__(self, name: str, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._name = name
        arguments = {"parameters": parameters, "bicycle": bicycle}
        self._controller: Controller = make(name, arguments, ("update", "reset"), ("models_lag",))
        self.fallback = LqrController(parameters, bicycle)
        self.failure: PluginError | None = None  # why the fallback steers
        self.models_lag = bool(self._controller.models_lag)
        self._logged_causes: set[str] = set()

    def reset(self) -> None:
        """Reset the plugin and its fallback; the plugin steers again."""
        self.fallback.reset()
        self.failure = None
        self.models_lag = bool(self._controller.models_lag)
        try:
            with guarded(self._name, "reset"):
                self._controller.reset()
        except PluginError as error:
            self._fail(error)

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        """Return the plugin's command, or the fallback's after a failure."""
        if self.failure is None:
            try:
                return self.checked_update(lane, speed_mps, max(dt_s, MIN_STEP_S), is_limited)
            except PluginError as error:
                self._fail(error)
        command = self.fallback.update(lane, speed_mps, dt_s, is_limited=is_limited)
        reason = str(self.failure).removeprefix(f"{short_name(self._name)}: ")
        return structs.replace(command, fallback_reason=reason)

    def checked_update(
        self, lane: LaneState, speed_mps: float, dt_s: float, is_limited: bool = False
    ) -> SteeringCommand:
        """Return the plugin's own command with finite terms. Raises PluginError."""
        with guarded(self._name, "update"):
            command: Any = self._controller.update(lane, speed_mps, dt_s, is_limited=is_limited)
        name = short_name(self._name)
        if not isinstance(command, SteeringCommand):
            raise PluginError(
                f"{name}: update returned {command!r:.60}; expected a lkas.decision.controllers.SteeringCommand",
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
                    f"{name}: update returned {term} = {value!r:.40}; expected a finite number", f"{name}: {term}"
                )
        terms["curvature_radpm"] = bounded(terms["curvature_radpm"], MAX_CURVATURE_RADPM)
        reason = command.fallback_reason
        return SteeringCommand(**terms, fallback_reason=None if reason is None else str(reason))

    def _fail(self, error: PluginError) -> None:
        """Let the fallback steer; log each cause once."""
        self.failure = error
        self.models_lag = self.fallback.models_lag
        if error.cause not in self._logged_causes:
            self._logged_causes.add(error.cause)
            logger.error("%s", error, exc_info=error.origin)


def try_controller(controller: Controller) -> None:
    """Call a plugin's update once, then reset it; built-in controllers are not tried. Raises PluginError."""
    if isinstance(controller, PluginController):
        controller.checked_update(TRIAL_LANE, TRIAL_SPEED_MPS, TRIAL_STEP_S)
        controller.reset()
        if controller.failure is not None:
            raise controller.failure
