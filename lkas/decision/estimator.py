"""Where the car is in its lane, at any moment: a Kalman filter in world time.

State: offset of the ego origin left of the lane centre (m), heading against the lane (rad), lane curvature (1/m),
its change per metre (1/m²), lane width (m). Left positive. Motion, with r the yaw rate and s the side slip:

    offset' = v heading + r s,   heading' = r - v curvature,   curvature' = v rate,   rate' = -rate / RATE_MEMORY_S

Without a yaw rate (a film) the car is taken to follow the lane. Measurements come late: each is carried from its
exposure to now by dead reckoning (odometry.py), then gated by its Mahalanobis distance. Camera errors are correlated,
those of curvature most of all (0.94 from frame to frame and 0.6 after half a second, method cv on the embedded world);
`sigma_ratio` widens the stated sigmas instead of modelling that.
"""

import math
from collections.abc import Sequence

import numpy as np

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import RATE_MEMORY_S, LaneState
from lkas.decision.measurement import LEFT, RIGHT, Line
from lkas.decision.odometry import Odometry

STANDSTILL_MPS = 0.1
STEP_S = 0.02  # longest step of a prediction
UNKNOWN_SPEED_MPS = 20.0  # how fast uncertainty grows while the speed is unknown
CURVE_JERK_MPS3 = 1.6  # how sharply roads bend: twice the usual lateral jerk of a transition curve

DEFAULT_WIDTH_M, DEFAULT_WIDTH_SIGMA_M = 3.5, 0.25  # until both lines were seen
MIN_WIDTH_M, MAX_WIDTH_M = 2.0, 6.0

# A measured curvature rate is the mean over the stretch seen, not the rate here: off by this share of a usual one.
RATE_IS_MEAN_RATIO = 0.3

GATE_SIGMAS = 4.0
REACQUIRE_AFTER_S = 0.3  # measurements refused for so long are right and the filter is wrong
REACQUIRE_FRAMES = 3
WIDTH_DOUBT_AFTER_S = 0.5  # one line refused for so long: the lane has changed its width
WIDTH_DOUBT_M = 0.3

# Spectral densities of the process noise, per second.
OFFSET_NOISE_M2 = 2e-4
HEADING_NOISE_RAD2 = 4e-6
HEADING_NOISE_UNGUIDED_RAD2 = 4e-4  # without a yaw rate
CURVATURE_NOISE_RATIO = 1.2  # of a usual curvature rate, squared, per metre driven: roads bend faster at low speed
WIDTH_NOISE_M = 1e-4  # m² per metre driven
# No sigma falls below these, however many measurements agree: errors of one camera do not average out.
LEAST_SIGMA = np.array([0.01, 0.001, 1e-4, 1e-6, 0.01])
# ... and none of a single measurement below these.
LEAST_MEASURED_SIGMA = (0.02, 0.002, 1.5e-4, 1e-5)

OFFSET, HEADING, CURVATURE, RATE, WIDTH = range(5)
_UNIT = np.eye(5)
_LINE_ROWS = {side: np.array([-1.0, 0.0, 0.0, 0.0, side / 2]) for side in (LEFT, RIGHT)}


class LaneEstimator:
    """The filter. `predict` to now first, then `measure` what was exposed before."""

    def __init__(self, bicycle: Bicycle, sigma_ratio: float) -> None:
        self._bicycle = bicycle
        self.sigma_ratio = sigma_ratio
        self._odometry = Odometry()
        self.reset()

    def reset(self) -> None:
        """Forget the lane and the way driven."""
        self._odometry.reset()
        self._now_s: float | None = None
        self._speed_mps = 0.0
        self._yaw_rate_radps = 0.0
        self.forget_lane()

    def forget_lane(self) -> None:
        self._is_known = False
        self._x = np.zeros(5)
        self._p = np.zeros((5, 5))
        self._refused_since_s: float | None = None
        self._refused_frames = 0
        self._side_refused_since_s: dict[float, float | None] = {LEFT: None, RIGHT: None}

    def predict(self, now_s: float, speed_mps: float | None, yaw_rate_radps: float | None) -> None:
        """Move on to `now_s`; None is unknown. At standstill nothing moves and nothing becomes less certain."""
        is_first, then_s = self._now_s is None, self._now_s or 0.0
        dt_s = 0.0 if is_first else now_s - then_s
        self._now_s = now_s
        if speed_mps is None:
            speed_mps, yaw_rate_radps, noise_mps = 0.0, 0.0, UNKNOWN_SPEED_MPS
        elif speed_mps < STANDSTILL_MPS:
            speed_mps, yaw_rate_radps, noise_mps = 0.0, 0.0, 0.0
        else:
            noise_mps = speed_mps
        self._speed_mps = speed_mps
        steps = max(1, math.ceil(dt_s / STEP_S))
        for step in range(1, steps + 1):
            turn_radps = speed_mps * float(self._x[CURVATURE]) if yaw_rate_radps is None else yaw_rate_radps
            self._yaw_rate_radps = turn_radps
            if self._is_known and noise_mps > 0.0 and dt_s > 0.0:
                self._step(dt_s / steps, speed_mps, turn_radps, noise_mps, is_guided=yaw_rate_radps is not None)
            slip_rad = turn_radps / speed_mps * self._bicycle.slip_per_curvature_m(speed_mps) if speed_mps > 0 else 0.0
            self._odometry.advance(
                then_s + dt_s * step / steps if not is_first else now_s, speed_mps, turn_radps, slip_rad
            )

    def measure(self, exposed_s: float, lines: tuple[Line, ...]) -> tuple[bool, bool]:
        """Use the lines of one frame. Returns for left and right whether it was there and believed."""
        moved = self._odometry.since(exposed_s)
        if moved is None or not lines or self._now_s is None:
            return False, False
        lines = tuple(line.carried(moved) for line in lines)
        if not self._is_known:
            return self._acquire(lines)
        believed = [line for line in lines if self._is_expected(line)]
        if not believed or not self._is_expected_heading(believed):
            return self._refuse(lines)
        self._refused_since_s, self._refused_frames = None, 0
        for line in believed:
            self._update(_LINE_ROWS[line.side], _beside(line), self._variance(line.sigmas[0], 0))
        heading_rad, variance = self._mean_heading(believed)
        self._update(_UNIT[HEADING], heading_rad, variance)
        for index, order in ((CURVATURE, 2), (RATE, 3)):
            mean, variance = self._mean(believed, order)
            if index == RATE:
                variance += (RATE_IS_MEAN_RATIO * _rate_sigma(self._speed_mps)) ** 2
            if (mean - self._x[index]) ** 2 < GATE_SIGMAS**2 * (self._p[index, index] + variance):
                self._update(_UNIT[index], mean, variance)
        self._doubt_width(lines, believed)
        self._settle()
        sides = [line.side for line in believed]
        return LEFT in sides, RIGHT in sides

    def state(self) -> LaneState | None:
        """The lane state now, or None before the first measurement."""
        if not self._is_known:
            return None
        offset_m, heading_rad, curvature, rate, width_m = self._x.tolist()
        sigmas = np.sqrt(self._p.diagonal()).tolist()
        return LaneState(
            offset_m=offset_m,
            heading_rad=heading_rad,
            curvature_radpm=curvature,
            curvature_rate_radpm2=rate,
            width_m=width_m,
            yaw_rate_radps=self._yaw_rate_radps,
            offset_sigma_m=sigmas[OFFSET],
            heading_sigma_rad=sigmas[HEADING],
            curvature_sigma_radpm=sigmas[CURVATURE],
            width_sigma_m=sigmas[WIDTH],
        )

    @property
    def covariance(self) -> np.ndarray:
        """(5, 5) of offset, heading, curvature, curvature rate, width."""
        return self._p.copy()

    def _step(self, dt_s: float, speed_mps: float, turn_radps: float, noise_mps: float, *, is_guided: bool) -> None:
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
        driven_m, rate_sigma = noise_mps * dt_s, _rate_sigma(noise_mps)
        p[OFFSET, OFFSET] += OFFSET_NOISE_M2 * dt_s
        p[HEADING, HEADING] += (HEADING_NOISE_RAD2 if is_guided else HEADING_NOISE_UNGUIDED_RAD2) * dt_s
        p[CURVATURE, CURVATURE] += (CURVATURE_NOISE_RATIO * rate_sigma) ** 2 * driven_m
        p[RATE, RATE] += rate_sigma**2 * 2 * dt_s / RATE_MEMORY_S
        p[WIDTH, WIDTH] += WIDTH_NOISE_M * driven_m
        self._p = p

    def _acquire(self, lines: tuple[Line, ...]) -> tuple[bool, bool]:
        """Begin anew with this frame; a width learned before is kept."""
        width_m, width_variance = float(self._x[WIDTH]), float(self._p[WIDTH, WIDTH])
        if width_variance == 0.0:
            width_m, width_variance = DEFAULT_WIDTH_M, DEFAULT_WIDTH_SIGMA_M**2
        sides = [line.side for line in lines]
        if len(lines) == 2:
            width_m = min(MAX_WIDTH_M, max(MIN_WIDTH_M, abs(_beside(lines[0]) - _beside(lines[1]))))
            width_variance = sum(self._variance(line.sigmas[0], 0) for line in lines)
        offset_m = sum(line.side * width_m / 2 - _beside(line) for line in lines) / len(lines)
        offset_variance = max(self._variance(line.sigmas[0], 0) for line in lines)
        if len(lines) == 1:
            offset_variance += width_variance / 4
        heading_rad, heading_variance = self._mean_heading(lines)
        curvature, curvature_variance = self._mean(lines, 2)
        rate, rate_variance = self._mean(lines, 3)
        believable_rate = _rate_sigma(self._speed_mps)
        self.forget_lane()
        self._x = np.array([offset_m, heading_rad, curvature, 0.0, width_m])
        self._p = np.diag([offset_variance, heading_variance, curvature_variance, believable_rate**2, width_variance])
        self._update(_UNIT[RATE], rate, rate_variance)
        if len(lines) == 1:  # a wider lane would put the centre further from the line that is seen
            self._p[OFFSET, WIDTH] = self._p[WIDTH, OFFSET] = sides[0] / 2 * width_variance
        self._is_known = True
        self._settle()
        return LEFT in sides, RIGHT in sides

    def _refuse(self, lines: tuple[Line, ...]) -> tuple[bool, bool]:
        assert self._now_s is not None
        if self._refused_since_s is None:
            self._refused_since_s = self._now_s
        self._refused_frames += 1
        if self._refused_frames >= REACQUIRE_FRAMES and self._now_s - self._refused_since_s >= REACQUIRE_AFTER_S - 1e-9:
            return self._acquire(lines)
        return False, False

    def _doubt_width(self, lines: tuple[Line, ...], believed: Sequence[Line]) -> None:
        """When one of two lines is refused for long, the remembered width is what is wrong."""
        refused = {line.side for line in lines} - {line.side for line in believed}
        now_s = self._now_s or 0.0
        for side in (LEFT, RIGHT):
            since_s = self._side_refused_since_s[side]
            if side not in refused:
                self._side_refused_since_s[side] = None
            elif since_s is None:
                self._side_refused_since_s[side] = now_s
            elif now_s - since_s >= WIDTH_DOUBT_AFTER_S:
                self._p[WIDTH, WIDTH] += WIDTH_DOUBT_M**2
                self._side_refused_since_s[side] = None

    def _is_expected(self, line: Line) -> bool:
        row = _LINE_ROWS[line.side]
        variance = float(row @ self._p @ row) + self._variance(line.sigmas[0], 0)
        return (_beside(line) - float(row @ self._x)) ** 2 <= GATE_SIGMAS**2 * variance

    def _is_expected_heading(self, lines: Sequence[Line]) -> bool:
        heading_rad, variance = self._mean_heading(lines)
        return (heading_rad - self._x[HEADING]) ** 2 <= GATE_SIGMAS**2 * (self._p[HEADING, HEADING] + variance)

    def _mean_heading(self, lines: Sequence[Line]) -> tuple[float, float]:
        slope, variance = self._mean(lines, 1)
        return -math.atan(slope), variance

    def _mean(self, lines: Sequence[Line], order: int) -> tuple[float, float]:
        """Weighted mean of a coefficient over the lines; as certain as the better line, for their errors are shared."""
        variances = [self._variance(line.sigmas[order], order) for line in lines]
        weights = [1 / variance for variance in variances]
        mean = sum(weight * line.coefficients[order] for weight, line in zip(weights, lines, strict=True))
        return mean / sum(weights), min(variances)

    def _variance(self, stated_sigma: float, order: int) -> float:
        return max(self.sigma_ratio * stated_sigma, LEAST_MEASURED_SIGMA[order]) ** 2

    def _update(self, row: np.ndarray, value: float, variance: float) -> None:
        """Kalman update with one scalar: value = row @ state + noise."""
        ph = self._p @ row
        gain = ph / (float(row @ ph) + variance)
        self._x += gain * (value - float(row @ self._x))
        self._p -= gain[:, None] * ph

    def _settle(self) -> None:
        """Keep the sigmas above what one camera can know, and the width that of a lane."""
        self._x[WIDTH] = min(MAX_WIDTH_M, max(MIN_WIDTH_M, self._x[WIDTH]))
        lacking = LEAST_SIGMA**2 - self._p.diagonal()
        self._p[np.diag_indices(5)] += np.maximum(0.0, lacking)


def _beside(line: Line) -> float:
    """Distance of the ego origin from the line, at a right angle to it; left positive."""
    return line.coefficients[0] * math.cos(math.atan(line.coefficients[1]))


def _rate_sigma(speed_mps: float) -> float:
    """How much curvature changes per metre on roads made for this speed."""
    return min(5e-4, CURVE_JERK_MPS3 / max(speed_mps, 8.0) ** 3)
