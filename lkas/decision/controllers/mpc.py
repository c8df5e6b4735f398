"""Model predictive control: the cost of `lqr`, with constraints on lateral acceleration and jerk.

Borrelli, Bemporad, Morari: Predictive Control for Linear and Hybrid Systems (2017); solved with OSQP (Stellato et al.,
2020; the extra `mpc`). Model and cost are those of `lqr.py`, in units of lateral motion so that no matrix entry
grows with speed: offset e, its rate d = v x course error, acceleration a = v x yaw-rate error, commanded acceleration
g = v² (u - feed-forward), and the plan's input, the jerk j:

    e' = d + (s / v) a,   d' = a,   a' = (g - a) / tau,   g' = j
    minimise the sum of (e / offset_worth)² + (d / drift_worth)² + g² + (JERK_WORTH j)² over HORIZON steps of STEP_S
    such that |g + v² feed-forward| <= limit and |j + change of v² feed-forward| <= jerk limit in every step

The feed-forward is predicted with its curvature rate, which decays as in the estimator. The plan is computed again
every `PERIOD_S` from the present point of the last one, warm-started, with a bounded number of iterations, and followed
in between. When OSQP finds no solution, `lqr` steers and `SteeringCommand.fallback_reason` says so. `lqr` also steers
below 3 m/s (blended up to 5 m/s), where the model is not valid, and predicts the timeline.
Left is positive, in and out.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.lqr import LqrController
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.lane import CURVATURE_RATE_TIME_CONSTANT_S, LaneState
from lkas.decision.parameters import DecisionParameters

STEP_S = 0.08
HORIZON = 25
PERIOD_S = 0.05
MAX_ITERATIONS = 250
TOLERANCE = 1e-4
JERK_WORTH = 0.15  # 1 m/s³ costs as much as this many m/s²
END_WEIGHT = 5.0  # of the last step: terminal cost
SPEED_STEP_MPS = 1.0  # the model is built again when the speed has changed by more
MIN_MARGIN_MPS2 = 0.5  # and m/s³: remains for corrections in bends that need more than the limit
BLEND_START_MPS, BLEND_END_MPS = 3.0, 5.0
STATES = 4  # e, d, a, g


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "MpcController":
    return MpcController(parameters, bicycle)


@dataclass
class Plan:
    """Commanded lateral acceleration in addition to the feed-forward, over time."""

    accelerations_mps2: np.ndarray  # (HORIZON + 1,), STEP_S apart
    age_s: float = 0.0

    def now_mps2(self) -> float:
        """Return the acceleration of the present time."""
        return float(np.interp(self.age_s / STEP_S, np.arange(HORIZON + 1), self.accelerations_mps2))


class MpcController:
    """Model predictive controller; parameters `mpc_*` and those of `lqr`; its state is the plan."""

    models_lag = True

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle
        self._regulator = LqrController(parameters, bicycle)
        self._problem: QuadraticProgram | None = None
        self.reset()

    def reset(self) -> None:
        """Clear the plan and the state of `lqr`."""
        self._regulator.reset()
        self._plan: Plan | None = None
        self._failure: str | None = None

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        regulated = self._regulator.update(lane, speed_mps, dt_s, is_limited=is_limited)
        blend = bounded(
            (speed_mps / self._bicycle.scale.speed - BLEND_START_MPS) / (BLEND_END_MPS - BLEND_START_MPS), 1.0
        )
        if blend <= 0.0 or dt_s <= 0.0 or not math.isfinite(lane.offset_m + regulated.curvature_radpm):
            return regulated
        if self._plan is not None:
            self._plan.age_s += dt_s
        if self._plan is None or self._plan.age_s >= PERIOD_S - 1e-9:
            self._failure = self._make_plan(lane, speed_mps, regulated, dt_s)
        if self._plan is None:
            return structs.replace(regulated, fallback_reason=self._failure)
        planned_radpm = self._plan.now_mps2() / speed_mps**2
        correction_radpm = regulated.curvature_radpm - regulated.feedforward_radpm
        change_radpm = blend * (planned_radpm - correction_radpm)
        return structs.replace(
            regulated,
            curvature_radpm=regulated.curvature_radpm + change_radpm,
            offset_term_radpm=regulated.offset_term_radpm + change_radpm,
        )

    def _make_plan(self, lane: LaneState, speed_mps: float, regulated: SteeringCommand, dt_s: float) -> str | None:
        """Make a plan that continues the last one, or the command of `lqr`. Returns why there is none, or None."""
        if (
            self._problem is None
            or abs(speed_mps - self._problem.speed_mps) > SPEED_STEP_MPS * self._bicycle.scale.speed
        ):
            self._problem = QuadraticProgram(speed_mps, self._bicycle, self._parameters)
        errors = lane_errors(lane, speed_mps, self._bicycle)
        max_m = self._parameters.correction_mps2 * self._parameters.mpc_offset_worth_m
        commanded_radpm = regulated.curvature_radpm - regulated.feedforward_radpm
        start = np.array(
            [
                bounded(lane.offset_m, max_m),
                speed_mps * errors.course_rad,
                speed_mps * errors.yaw_rate_radps,
                speed_mps**2 * commanded_radpm if self._plan is None else self._plan.now_mps2(),
            ]
        )
        ahead_s = STEP_S * np.arange(HORIZON + 1)
        tau_s = CURVATURE_RATE_TIME_CONSTANT_S * self._bicycle.scale.time
        decayed_s = tau_s * (1 - np.exp(-ahead_s / tau_s))
        feedforward = regulated.feedforward_radpm + lane.curvature_rate_radpm2 * speed_mps * decayed_s
        accelerations_mps2, failure = self._problem.solve(start, speed_mps**2 * feedforward)
        self._plan = None if accelerations_mps2 is None else Plan(accelerations_mps2, age_s=dt_s)
        return failure


class QuadraticProgram:
    """The quadratic program at one speed. Its variables are HORIZON + 1 states, then HORIZON jerks."""

    def __init__(self, speed_mps: float, bicycle: Bicycle, parameters: DecisionParameters) -> None:
        import osqp
        from scipy import sparse

        self.speed_mps = speed_mps
        self._acceleration_mps2 = parameters.mpc_lateral_acceleration_mps2
        self._jerk_mps3 = parameters.mpc_lateral_jerk_mps3
        slip_s, tau = bicycle.slip_per_curvature_m(speed_mps) / speed_mps, max(bicycle.lag_s(speed_mps), 0.02)
        rates = np.zeros((5, 5))
        rates[0, 1], rates[0, 2], rates[1, 2], rates[3, 4] = 1.0, slip_s, 1.0, 1.0
        rates[2, 2], rates[2, 3] = -1 / tau, 1 / tau
        step = np.linalg.matrix_power(np.eye(5) + rates * STEP_S / 64, 64)
        a, b = sparse.csc_matrix(step[:4, :4]), sparse.csc_matrix(step[:4, 4:])
        states, identity = STATES * (HORIZON + 1), sparse.identity
        weight = sparse.diags([parameters.mpc_offset_worth_m**-2, parameters.mpc_drift_worth_mps**-2, 0.0, 1.0])
        step_weight = sparse.diags([1.0] * HORIZON + [END_WEIGHT])
        cost = sparse.block_diag([sparse.kron(step_weight, weight), JERK_WORTH**2 * identity(HORIZON)], format="csc")
        motion = sparse.hstack(
            [
                sparse.kron(sparse.eye(HORIZON + 1, k=-1), a) - identity(states),
                sparse.kron(sparse.vstack([sparse.csc_matrix((1, HORIZON)), identity(HORIZON)]), b),
            ]
        )
        commanded = sparse.kron(identity(HORIZON + 1), sparse.csc_matrix([[0.0, 0.0, 0.0, 1.0]]))
        bounds = sparse.block_diag([commanded, identity(HORIZON)])
        self._low = np.zeros(states + 2 * HORIZON + 1)
        self._high = self._low.copy()
        self._solver: Any = osqp.OSQP()
        self._solver.setup(
            sparse.triu(cost, format="csc"),
            np.zeros(states + HORIZON),
            sparse.vstack([motion, bounds], format="csc"),
            self._low,
            self._high,
            verbose=False,
            warm_starting=True,
            polishing=False,
            max_iter=MAX_ITERATIONS,
            eps_abs=TOLERANCE,
            eps_rel=TOLERANCE,
            adaptive_rho_interval=50,
        )
        statuses: Any = osqp.SolverStatus  # an enum of the extension without declared members
        self._solved = statuses.OSQP_SOLVED

    def solve(self, start: np.ndarray, feedforward_mps2: np.ndarray) -> tuple[np.ndarray | None, str | None]:
        """Return (HORIZON + 1,) commanded accelerations and None, or None and the solver's status.

        `start` (4,): e, d, a, g now. `feedforward_mps2` (HORIZON + 1,): required by the lane itself.
        """
        states = STATES * (HORIZON + 1)
        self._low[:STATES] = self._high[:STATES] = -start
        # Where the lane needs more than the limits, a margin for corrections remains; the limiter enforces the limits.
        reserved = np.minimum(feedforward_mps2, self._acceleration_mps2 - MIN_MARGIN_MPS2)
        reserved = np.maximum(reserved, MIN_MARGIN_MPS2 - self._acceleration_mps2)
        rise = np.clip(np.diff(reserved) / STEP_S, MIN_MARGIN_MPS2 - self._jerk_mps3, self._jerk_mps3 - MIN_MARGIN_MPS2)
        min_mps3, max_mps3 = -self._jerk_mps3 - rise, self._jerk_mps3 - rise
        # A command beyond the limit returns as fast as the jerk allows: the constraints are always feasible.
        falling = start[3] + STEP_S * np.concatenate([[0.0], np.cumsum(min_mps3)])
        rising = start[3] + STEP_S * np.concatenate([[0.0], np.cumsum(max_mps3)])
        commanded, jerks = slice(states, states + HORIZON + 1), slice(states + HORIZON + 1, None)
        self._low[commanded] = np.minimum(-self._acceleration_mps2 - reserved, rising)
        self._high[commanded] = np.maximum(self._acceleration_mps2 - reserved, falling)
        self._low[jerks], self._high[jerks] = min_mps3, max_mps3
        self._solver.update(l=self._low, u=self._high)
        result = self._solver.solve(raise_error=False)
        if result.info.status_val != self._solved or not np.isfinite(result.x).all():
            return None, f"OSQP: {result.info.status}"
        return result.x[STATES - 1 : states : STATES].copy(), None
