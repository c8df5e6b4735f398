"""Kalman filter of the lane: state, motion model and measurement update.

State: offset of the ego origin from the lane centre (m), heading relative to the lane (rad), lane curvature (1/m), its
rate of change (1/m²), lane width (m). Left is positive. With yaw rate r, side slip s and speed v:

    offset' = v heading + r s,   heading' = r - v curvature,   curvature' = v rate,   rate' = -rate / time constant

Without a yaw rate (a video) the car is assumed to follow the lane.
"""

import math

import numpy as np

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import CURVATURE_RATE_TIME_CONSTANT_S, LaneState
from lkas.decision.measurement import LEFT, RIGHT
from lkas.scale import FULL_SIZE, Scale

CURVATURE_RATE_JERK_MPS3 = 1.6  # twice the usual lateral jerk in a transition curve
MIN_DESIGN_SPEED_MPS = 8.0  # of roads
MIN_MODEL_DESIGN_SPEED_MPS = 3.0  # of model roads, at full size: their bends are as sharp as crossings
MIN_WIDTH_M, MAX_WIDTH_M = 2.0, 6.0

# Spectral densities of the process noise, per second.
OFFSET_NOISE_M2 = 2e-4
HEADING_NOISE_RAD2 = 4e-6
HEADING_NOISE_NO_YAW_RATE_RAD2 = 4e-4
CURVATURE_NOISE_RATIO = 1.2  # of a usual curvature rate, squared, per metre: roads bend more sharply at low speed
WIDTH_NOISE_M = 1e-4  # m² per metre of distance
# Lower bounds of the sigmas: the errors of one camera do not average out.
MIN_SIGMA = np.array([0.01, 0.001, 1e-4, 1e-6, 0.01])
STATE_LENGTHS = np.array([1, 0, -1, -2, 1])  # exponents of length in the units of the state

OFFSET, HEADING, CURVATURE, RATE, WIDTH = range(5)
_IDENTITY = np.eye(5)
HEADING_ROW, CURVATURE_ROW, RATE_ROW = _IDENTITY[HEADING], _IDENTITY[CURVATURE], _IDENTITY[RATE]
LINE_ROWS = {side: np.array([-1.0, 0.0, 0.0, 0.0, side / 2]) for side in (LEFT, RIGHT)}
"""Measurement rows of a line's lateral distance: side width / 2 - offset."""


class LaneFilter:
    """Mean and covariance. Each measurement is a scalar: value = row @ state + noise."""

    def __init__(self, bicycle: Bicycle) -> None:
        self._bicycle = bicycle
        self.reset()

    def reset(self) -> None:
        """Clear the state, the width included."""
        self._x = np.zeros(5)
        self._p = np.zeros((5, 5))

    def copy(self) -> "LaneFilter":
        """Return an independent copy."""
        other = LaneFilter(self._bicycle)
        other._x, other._p = self._x.copy(), self._p.copy()
        return other

    def initialize(
        self, means: tuple[float, ...], variances: tuple[float, ...], offset_width_covariance: float
    ) -> None:
        """Set means and variances, both in the order of the state, and the covariance of offset and width."""
        self._x = np.array(means)
        self._p = np.diag(variances)
        self._p[OFFSET, WIDTH] = self._p[WIDTH, OFFSET] = offset_width_covariance

    @property
    def curvature_radpm(self) -> float:
        """The lane's curvature at the ego origin."""
        return float(self._x[CURVATURE])

    @property
    def width(self) -> tuple[float, float]:
        """Mean (m) and variance (m²) of the width; the variance is 0 before the first measurement."""
        return float(self._x[WIDTH]), float(self._p[WIDTH, WIDTH])

    @property
    def covariance(self) -> np.ndarray:
        """(5, 5) covariance, in the order of the state."""
        return self._p.copy()

    def state(self, yaw_rate_radps: float) -> LaneState:
        """Return the lane state with this yaw rate of the car."""
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

    def predict(
        self, dt_s: float, speed_mps: float, yaw_rate_radps: float, noise_speed_mps: float, *, has_yaw_rate: bool
    ) -> None:
        """Predict by dt. Process noise grows with `noise_speed_mps`; `has_yaw_rate`: the yaw rate was measured."""
        x, ds_m, scale = self._x, speed_mps * dt_s, self._bicycle.scale
        rate_time_s = CURVATURE_RATE_TIME_CONSTANT_S * scale.time
        slip_m = self._bicycle.slip_per_curvature_m(speed_mps)
        rate_decay = math.exp(-dt_s / rate_time_s)
        x[OFFSET] += ds_m * x[HEADING] + yaw_rate_radps * dt_s * slip_m
        if has_yaw_rate:
            x[HEADING] += yaw_rate_radps * dt_s - ds_m * (x[CURVATURE] + ds_m / 2 * x[RATE])
        x[CURVATURE] += ds_m * x[RATE]
        x[RATE] *= rate_decay
        f = _IDENTITY.copy()
        f[OFFSET, HEADING] = ds_m
        if has_yaw_rate:
            f[HEADING, CURVATURE] = -ds_m
        f[CURVATURE, RATE] = ds_m
        f[RATE, RATE] = rate_decay
        p = f @ self._p @ f.T
        distance_m, rate_sigma = noise_speed_mps * dt_s, usual_curvature_rate_radpm2(noise_speed_mps, scale)
        p[OFFSET, OFFSET] += OFFSET_NOISE_M2 * scale.length**2 / scale.time * dt_s
        p[HEADING, HEADING] += (
            (HEADING_NOISE_RAD2 if has_yaw_rate else HEADING_NOISE_NO_YAW_RATE_RAD2) / scale.time * dt_s
        )
        p[CURVATURE, CURVATURE] += (CURVATURE_NOISE_RATIO * rate_sigma) ** 2 * distance_m
        p[RATE, RATE] += rate_sigma**2 * 2 * dt_s / rate_time_s
        p[WIDTH, WIDTH] += WIDTH_NOISE_M * scale.length * distance_m
        self._p = p

    def is_expected(self, row: np.ndarray, value: float, variance: float, sigmas: float) -> bool:
        """Return whether a measurement passes a gate of this many sigmas (Mahalanobis distance)."""
        return (value - float(row @ self._x)) ** 2 <= sigmas**2 * (float(row @ self._p @ row) + variance)

    def update(self, row: np.ndarray, value: float, variance: float) -> None:
        """Update with one scalar measurement."""
        ph = self._p @ row
        gain = ph / (float(row @ ph) + variance)
        self._x += gain * (value - float(row @ self._x))
        self._p -= gain[:, None] * ph

    def inflate_width(self, sigma_m: float) -> None:
        """Increase the uncertainty of the width by this sigma."""
        self._p[WIDTH, WIDTH] += sigma_m**2

    def apply_bounds(self) -> None:
        """Apply the lower bounds of the sigmas and the bounds of the width; call it after the updates of an image."""
        length = self._bicycle.scale.length
        self._x[WIDTH] = min(MAX_WIDTH_M * length, max(MIN_WIDTH_M * length, self._x[WIDTH]))
        missing = (MIN_SIGMA * length**STATE_LENGTHS) ** 2 - self._p.diagonal()
        self._p[np.diag_indices(5)] += np.maximum(0.0, missing)


def usual_curvature_rate_radpm2(speed_mps: float, scale: Scale = FULL_SIZE) -> float:
    """Return a usual change of curvature per metre on roads built for this speed."""
    min_mps = MIN_DESIGN_SPEED_MPS if scale == FULL_SIZE else MIN_MODEL_DESIGN_SPEED_MPS
    usual = CURVATURE_RATE_JERK_MPS3 / max(speed_mps / scale.speed, min_mps) ** 3
    return min(5e-4, usual) if scale == FULL_SIZE else usual / scale.length**2
