"""The Kalman filter of the lane: its state, how that moves on, and what a measurement does to it.

State: offset of the ego origin left of the lane centre (m), heading against the lane (rad), lane curvature (1/m),
its change per metre (1/m²), lane width (m). Left positive. Motion, with r the yaw rate and s the side slip:

    offset' = v heading + r s,   heading' = r - v curvature,   curvature' = v rate,   rate' = -rate / RATE_MEMORY_S

Without a yaw rate (a film) the car is taken to follow the lane.
"""

import math

import numpy as np

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import RATE_MEMORY_S, LaneState
from lkas.decision.measurement import LEFT, RIGHT

CURVE_JERK_MPS3 = 1.6  # how sharply roads bend: twice the usual lateral jerk of a transition curve
MIN_WIDTH_M, MAX_WIDTH_M = 2.0, 6.0

# Spectral densities of the process noise, per second.
OFFSET_NOISE_M2 = 2e-4
HEADING_NOISE_RAD2 = 4e-6
HEADING_NOISE_UNGUIDED_RAD2 = 4e-4  # without a yaw rate
CURVATURE_NOISE_RATIO = 1.2  # of a usual curvature rate, squared, per metre driven: roads bend faster at low speed
WIDTH_NOISE_M = 1e-4  # m² per metre driven
# No sigma falls below these, however many measurements agree: errors of one camera do not average out.
LEAST_SIGMA = np.array([0.01, 0.001, 1e-4, 1e-6, 0.01])

OFFSET, HEADING, CURVATURE, RATE, WIDTH = range(5)
_UNIT = np.eye(5)
HEADING_ROW, CURVATURE_ROW, RATE_ROW = _UNIT[HEADING], _UNIT[CURVATURE], _UNIT[RATE]
LINE_ROWS = {side: np.array([-1.0, 0.0, 0.0, 0.0, side / 2]) for side in (LEFT, RIGHT)}
"""What of the state a line's distance is, measured beside the car."""


class LaneFilter:
    """Mean and covariance. A measurement is one scalar: value = row @ state + noise."""

    def __init__(self, bicycle: Bicycle) -> None:
        self._bicycle = bicycle
        self.forget()

    def forget(self) -> None:
        """Nothing is known, not even the width."""
        self._x = np.zeros(5)
        self._p = np.zeros((5, 5))

    def copy(self) -> "LaneFilter":
        """Another filter that knows the same."""
        other = LaneFilter(self._bicycle)
        other._x, other._p = self._x.copy(), self._p.copy()
        return other

    def begin(self, means: tuple[float, ...], variances: tuple[float, ...], offset_width: float) -> None:
        """Start with these, in the order of the state; `offset_width` is the covariance of offset and width."""
        self._x = np.array(means)
        self._p = np.diag(variances)
        self._p[OFFSET, WIDTH] = self._p[WIDTH, OFFSET] = offset_width

    @property
    def curvature_radpm(self) -> float:
        return float(self._x[CURVATURE])

    @property
    def width(self) -> tuple[float, float]:
        """Mean (m) and variance (m²); a variance of 0 before there was any."""
        return float(self._x[WIDTH]), float(self._p[WIDTH, WIDTH])

    @property
    def covariance(self) -> np.ndarray:
        """(5, 5), in the order of the state."""
        return self._p.copy()

    def state(self, yaw_rate_radps: float) -> LaneState:
        """The lane state, with the car's yaw rate."""
        offset_m, heading_rad, curvature, rate, width_m = self._x.tolist()
        sigmas = np.sqrt(self._p.diagonal()).tolist()
        return LaneState(
            offset_m=offset_m,
            heading_rad=heading_rad,
            curvature_radpm=curvature,
            curvature_rate_radpm2=rate,
            width_m=width_m,
            yaw_rate_radps=yaw_rate_radps,
            offset_sigma_m=sigmas[OFFSET],
            heading_sigma_rad=sigmas[HEADING],
            curvature_sigma_radpm=sigmas[CURVATURE],
            width_sigma_m=sigmas[WIDTH],
        )

    def step(self, dt_s: float, speed_mps: float, turn_radps: float, noise_mps: float, *, is_guided: bool) -> None:
        """Move on by dt. `noise_mps` is the speed at which uncertainty grows, `is_guided`: the yaw rate is measured."""
        x, ds_m = self._x, speed_mps * dt_s
        slip_m = self._bicycle.slip_per_curvature_m(speed_mps)
        memory = math.exp(-dt_s / RATE_MEMORY_S)
        x[OFFSET] += ds_m * x[HEADING] + turn_radps * dt_s * slip_m
        if is_guided:
            x[HEADING] += turn_radps * dt_s - ds_m * (x[CURVATURE] + ds_m / 2 * x[RATE])
        x[CURVATURE] += ds_m * x[RATE]
        x[RATE] *= memory
        f = _UNIT.copy()
        f[OFFSET, HEADING] = ds_m
        if is_guided:
            f[HEADING, CURVATURE] = -ds_m
        f[CURVATURE, RATE] = ds_m
        f[RATE, RATE] = memory
        p = f @ self._p @ f.T
        driven_m, rate_sigma = noise_mps * dt_s, usual_rate_radpm2(noise_mps)
        p[OFFSET, OFFSET] += OFFSET_NOISE_M2 * dt_s
        p[HEADING, HEADING] += (HEADING_NOISE_RAD2 if is_guided else HEADING_NOISE_UNGUIDED_RAD2) * dt_s
        p[CURVATURE, CURVATURE] += (CURVATURE_NOISE_RATIO * rate_sigma) ** 2 * driven_m
        p[RATE, RATE] += rate_sigma**2 * 2 * dt_s / RATE_MEMORY_S
        p[WIDTH, WIDTH] += WIDTH_NOISE_M * driven_m
        self._p = p

    def is_expected(self, row: np.ndarray, value: float, variance: float, sigmas: float) -> bool:
        """Whether a measurement is within so many sigmas of what the state says."""
        return (value - float(row @ self._x)) ** 2 <= sigmas**2 * (float(row @ self._p @ row) + variance)

    def update(self, row: np.ndarray, value: float, variance: float) -> None:
        """Use a measurement."""
        ph = self._p @ row
        gain = ph / (float(row @ ph) + variance)
        self._x += gain * (value - float(row @ self._x))
        self._p -= gain[:, None] * ph

    def doubt_width(self, sigma_m: float) -> None:
        """The lane may have become wider or narrower by this much."""
        self._p[WIDTH, WIDTH] += sigma_m**2

    def settle(self) -> None:
        """After the updates of a frame: sigmas above what one camera can know, and the width that of a lane."""
        self._x[WIDTH] = min(MAX_WIDTH_M, max(MIN_WIDTH_M, self._x[WIDTH]))
        lacking = LEAST_SIGMA**2 - self._p.diagonal()
        self._p[np.diag_indices(5)] += np.maximum(0.0, lacking)


def usual_rate_radpm2(speed_mps: float) -> float:
    """How much curvature changes per metre on roads made for this speed."""
    return min(5e-4, CURVE_JERK_MPS3 / max(speed_mps, 8.0) ** 3)
