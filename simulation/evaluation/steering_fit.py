"""How a car answers its steering: gain and dead time, fitted to commands and measured yaw rates."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.integration.shared_memory.messages import VehicleState

DELAYS_S = 0.02 * np.arange(41)
MIN_SPEED_RATIO = 0.3  # of the highest speed: slower ticks say little
MIN_TICKS = 20


class SteeringFit(Struct, frozen=True):
    """The measured answer relative to the expected one."""

    gain: float  # measured over expected yaw rate; negative: the wrong side
    delay_s: float  # dead time from a command to the wheel, beside the lag that is assumed
    agreement: float  # correlation of both, 0 to 1


def fit_steering(
    states: Sequence[VehicleState], left_rad: Sequence[float], bicycle: Bicycle, lag_s: float
) -> SteeringFit | None:
    """Fit the yaw rates of `states` to the commanded road-wheel angles; None: too few usable ticks.

    Both are left positive, `left_rad[i]` was commanded during the tick that ended with `states[i]`. Bends of the road
    and cambers do not enter: only the answer to commands is fitted.
    """
    known = [state.speed_mps is not None and state.yaw_rate_radps is not None for state in states]
    if sum(known) < MIN_TICKS:
        return None
    speed_mps = np.array([state.speed_mps or 0.0 for state in states])
    yaw_radps = np.array([state.yaw_rate_radps or 0.0 for state in states])
    tick_s = states[-1].tick_s
    used = np.array(known) & (speed_mps > MIN_SPEED_RATIO * speed_mps.max()) & (speed_mps > 0)
    best: SteeringFit | None = None
    for delay_s in DELAYS_S.tolist():
        wheel_rad = _lagged(_delayed(np.array(left_rad), round(delay_s / tick_s)), lag_s, tick_s)
        expected = np.array(
            [v * bicycle.curvature_radpm(angle, v) for v, angle in zip(speed_mps, wheel_rad, strict=True)]
        )
        usable = used & (np.arange(len(expected)) >= round(delay_s / tick_s))
        square = float(expected[usable] @ expected[usable])
        if usable.sum() < MIN_TICKS or square == 0.0:
            continue
        product = float(expected[usable] @ yaw_radps[usable])
        measured = float(yaw_radps[usable] @ yaw_radps[usable])
        agreement = abs(product) / np.sqrt(square * measured) if measured > 0 else 0.0
        if best is None or agreement > best.agreement + 1e-6:
            best = SteeringFit(product / square, delay_s, float(agreement))
    return best


def _delayed(values: np.ndarray, ticks: int) -> np.ndarray:
    return values if ticks == 0 else np.concatenate([np.zeros(ticks), values])[: len(values)]


def _lagged(values: np.ndarray, lag_s: float, tick_s: float) -> np.ndarray:
    share, state = tick_s / (lag_s + tick_s), 0.0
    found = np.empty(len(values))
    for index, value in enumerate(values.tolist()):
        state += share * (value - state)
        found[index] = state
    return found
