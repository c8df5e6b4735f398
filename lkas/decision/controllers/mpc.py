"""Model predictive control: the regulator's aim, with limits on acceleration and jerk that the plan knows of.

Borrelli, Bemporad, Morari: Predictive Control for Linear and Hybrid Systems (2017); solved with OSQP (Stellato et al.,
2020; the extra `mpc`). Model and cost are those of `lqr.py`, in units of lateral motion so that no entry grows with
speed: offset e, its rate d = v x course error, acceleration a = v x yaw-rate error, commanded acceleration
g = v² (u - feed-forward), and the plan's input, the jerk j:

    e' = d + (s / v) a,   d' = a,   a' = (g - a) / tau,   g' = j
    minimise the sum of (e / offset_worth)² + (d / drift_worth)² + g² + (JERK_WORTH j)² over HORIZON steps of STEP_S
    such that |g + v² feed-forward| <= limit and |j + change of v² feed-forward| <= jerk limit in every step

The feed-forward is previewed with its curvature rate, which fades as in the estimator. The plan is made anew every
`PERIOD_S` from where the last one led to, warm-started, with a bounded number of iterations; in between it is
followed. When OSQP finds no solution the regulator's law steers, and says so in `SteeringCommand.trouble`. It also
steers below 3 m/s (in part up to 5 m/s), where the model has no meaning, and in what the timeline expects.
Left is positive, in and out.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.lqr import LinearQuadratic
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.lane import RATE_MEMORY_S, LaneState
from lkas.decision.parameters import DecisionParameters

STEP_S = 0.08
HORIZON = 25
PERIOD_S = 0.05
MAX_ITERATIONS = 250
TOLERANCE = 1e-4
JERK_WORTH = 0.15  # 1 m/s³ costs as much as so many m/s²
END_WEIGHT = 5.0  # of the last step: what comes after the horizon
SPEED_STEP_MPS = 1.0  # the model is made anew when the speed has changed by so much
LEAST_ROOM_MPS2 = 0.5  # ... and m/s³: kept for corrections where a bend needs all there is
NONE_BELOW_MPS, ALL_ABOVE_MPS = 3.0, 5.0
STATES = 4  # e, d, a, g


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "PredictiveControl":
    return PredictiveControl(parameters, bicycle)


@dataclass
class Plan:
    """Commanded acceleration beyond the feed-forward, from when it was made."""

    accelerations_mps2: np.ndarray  # (HORIZON + 1,), STEP_S apart
    age_s: float = 0.0

    def now_mps2(self) -> float:
        return float(np.interp(self.age_s / STEP_S, np.arange(HORIZON + 1), self.accelerations_mps2))


class PredictiveControl:
    """The law above; it remembers its plan."""

    models_lag = True

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle
        self._regulator = LinearQuadratic(parameters, bicycle)
        self._problem: Problem | None = None
        self.reset()

    def reset(self) -> None:
        self._regulator.reset()
        self._plan: Plan | None = None
        self._trouble: str | None = None

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        regulated = self._regulator.update(lane, speed_mps, dt_s, is_limited=is_limited)
        share = bounded((speed_mps - NONE_BELOW_MPS) / (ALL_ABOVE_MPS - NONE_BELOW_MPS), 1.0)
        if share <= 0.0 or dt_s <= 0.0 or not math.isfinite(lane.offset_m + regulated.curvature_radpm):
            return regulated
        if self._plan is not None:
            self._plan.age_s += dt_s
        if self._plan is None or self._plan.age_s >= PERIOD_S - 1e-9:
            self._trouble = self._make_plan(lane, speed_mps, regulated, dt_s)
        if self._plan is None:
            return structs.replace(regulated, trouble=self._trouble)
        planned_radpm = self._plan.now_mps2() / speed_mps**2
        correction_radpm = regulated.curvature_radpm - regulated.feedforward_radpm
        change_radpm = share * (planned_radpm - correction_radpm)
        return structs.replace(
            regulated,
            curvature_radpm=regulated.curvature_radpm + change_radpm,
            offset_term_radpm=regulated.offset_term_radpm + change_radpm,
        )

    def _make_plan(self, lane: LaneState, speed_mps: float, regulated: SteeringCommand, dt_s: float) -> str | None:
        """Plan on from the last plan, or from what the regulator asks; returns what went wrong, or None."""
        if self._problem is None or abs(speed_mps - self._problem.speed_mps) > SPEED_STEP_MPS:
            self._problem = Problem(speed_mps, self._bicycle, self._parameters)
        errors = lane_errors(lane, speed_mps, self._bicycle)
        most_m = self._parameters.correction_mps2 * self._parameters.mpc_offset_worth_m
        commanded_radpm = regulated.curvature_radpm - regulated.feedforward_radpm
        begin = np.array(
            [
                bounded(lane.offset_m, most_m),
                speed_mps * errors.course_rad,
                speed_mps * errors.yaw_rate_radps,
                speed_mps**2 * commanded_radpm if self._plan is None else self._plan.now_mps2(),
            ]
        )
        ahead_s = STEP_S * np.arange(HORIZON + 1)
        faded_s = RATE_MEMORY_S * (1 - np.exp(-ahead_s / RATE_MEMORY_S))
        feedforward = regulated.feedforward_radpm + lane.curvature_rate_radpm2 * speed_mps * faded_s
        accelerations_mps2, trouble = self._problem.solve(begin, speed_mps**2 * feedforward)
        self._plan = None if accelerations_mps2 is None else Plan(accelerations_mps2, age_s=dt_s)
        return trouble


class Problem:
    """The quadratic programme at one speed: variables are HORIZON + 1 states, then HORIZON jerks."""

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
        share = sparse.diags([1.0] * HORIZON + [END_WEIGHT])
        cost = sparse.block_diag([sparse.kron(share, weight), JERK_WORTH**2 * identity(HORIZON)], format="csc")
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
        statuses: Any = osqp.SolverStatus  # made by the extension: its members are not declared
        self._solved = statuses.OSQP_SOLVED

    def solve(self, begin: np.ndarray, feedforward_mps2: np.ndarray) -> tuple[np.ndarray | None, str | None]:
        """(HORIZON + 1,) commanded accelerations and None, or None and what the solver says.

        `begin` (4,): e, d, a, g now. `feedforward_mps2` (HORIZON + 1,): what the lane itself asks for.
        """
        states = STATES * (HORIZON + 1)
        self._low[:STATES] = self._high[:STATES] = -begin
        # Where the lane asks for more than the limits, the plan may still correct a little; the last stage cuts.
        room = np.minimum(feedforward_mps2, self._acceleration_mps2 - LEAST_ROOM_MPS2)
        room = np.maximum(room, LEAST_ROOM_MPS2 - self._acceleration_mps2)
        rise = np.clip(np.diff(room) / STEP_S, LEAST_ROOM_MPS2 - self._jerk_mps3, self._jerk_mps3 - LEAST_ROOM_MPS2)
        least_mps3, most_mps3 = -self._jerk_mps3 - rise, self._jerk_mps3 - rise
        # A command in force beyond the limit comes back as fast as the jerk allows: there is always a plan.
        falling = begin[3] + STEP_S * np.concatenate([[0.0], np.cumsum(least_mps3)])
        rising = begin[3] + STEP_S * np.concatenate([[0.0], np.cumsum(most_mps3)])
        commanded, jerks = slice(states, states + HORIZON + 1), slice(states + HORIZON + 1, None)
        self._low[commanded] = np.minimum(-self._acceleration_mps2 - room, rising)
        self._high[commanded] = np.maximum(self._acceleration_mps2 - room, falling)
        self._low[jerks], self._high[jerks] = least_mps3, most_mps3
        self._solver.update(l=self._low, u=self._high)
        result = self._solver.solve(raise_error=False)
        if result.info.status_val != self._solved or not np.isfinite(result.x).all():
            return None, f"OSQP: {result.info.status}"
        return result.x[STATES - 1 : states : STATES].copy(), None
