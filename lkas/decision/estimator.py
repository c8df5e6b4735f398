"""Where the car is in its lane, at any moment: the filter of lane_filter.py in world time.

Measurements come late: each is carried from its exposure to now by dead reckoning (odometry.py), then gated by its
Mahalanobis distance. What is refused for long is right and the filter wrong: it begins anew, or doubts the width it
remembers where only one of two lines is refused. Camera errors are correlated, those of curvature most of all (0.94
from frame to frame and 0.6 after half a second, method cv on the embedded world); `sigma_ratio` widens the stated
sigmas instead of modelling that.
"""

import math
from collections.abc import Sequence

import numpy as np

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.decision.lane_filter import (
    CURVATURE_ROW,
    HEADING_ROW,
    LINE_ROWS,
    MAX_WIDTH_M,
    MIN_WIDTH_M,
    RATE_ROW,
    LaneFilter,
    usual_rate_radpm2,
)
from lkas.decision.measurement import LEFT, RIGHT, Line
from lkas.decision.odometry import Odometry

STANDSTILL_MPS = 0.1
STEP_S = 0.02  # longest step of a prediction
UNKNOWN_SPEED_MPS = 20.0  # how fast uncertainty grows while the speed is unknown

DEFAULT_WIDTH_M, DEFAULT_WIDTH_SIGMA_M = 3.5, 0.25  # until both lines were seen

# A measured curvature rate is the mean over the stretch seen, not the rate here: off by this share of a usual one.
RATE_IS_MEAN_RATIO = 0.3

GATE_SIGMAS = 4.0
REACQUIRE_AFTER_S = 0.3
REACQUIRE_FRAMES = 3
WIDTH_DOUBT_AFTER_S = 0.5
WIDTH_DOUBT_M = 0.3

LEAST_MEASURED_SIGMA = (0.02, 0.002, 1.5e-4, 1e-5)  # of a single measurement


class LaneEstimator:
    """The filter. `predict` to now first, then `measure` what was exposed before."""

    def __init__(self, bicycle: Bicycle, sigma_ratio: float) -> None:
        self._bicycle = bicycle
        self.sigma_ratio = sigma_ratio
        self._odometry = Odometry()
        self._filter = LaneFilter(bicycle)
        self.reset()

    def reset(self) -> None:
        """Forget the lane and the way driven."""
        self._odometry.reset()
        self._kept: tuple[float, bool, LaneFilter] | None = None
        self._now_s: float | None = None
        self._speed_mps = 0.0
        self._yaw_rate_radps = 0.0
        self.forget_lane()

    def forget_lane(self) -> None:
        self._is_known = False
        self._filter.forget()
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
            turn_radps = speed_mps * self._filter.curvature_radpm if yaw_rate_radps is None else yaw_rate_radps
            self._yaw_rate_radps = turn_radps
            if self._is_known and noise_mps > 0.0 and dt_s > 0.0:
                is_guided = yaw_rate_radps is not None
                self._filter.step(dt_s / steps, speed_mps, turn_radps, noise_mps, is_guided=is_guided)
            slip_rad = turn_radps / speed_mps * self._bicycle.slip_per_curvature_m(speed_mps) if speed_mps > 0 else 0.0
            self._odometry.advance(
                then_s + dt_s * step / steps if not is_first else now_s, speed_mps, turn_radps, slip_rad
            )

    def keep(self) -> None:
        """Remember what is known now, for `rewind`."""
        if self._now_s is not None:
            self._kept = self._now_s, self._is_known, self._filter.copy()

    def rewind(self, now_s: float) -> None:
        """World time is only `now_s`: back to what was kept, for the car has not driven what was predicted since."""
        kept = self._kept
        if kept is None:
            self.reset()
            return
        self.forget_lane()
        self._now_s, self._is_known, self._filter = min(kept[0], now_s), kept[1], kept[2].copy()
        self._odometry.rewind(self._now_s)

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
            self._filter.update(LINE_ROWS[line.side], _beside(line), self._variance(line.sigmas[0], 0))
        self._filter.update(HEADING_ROW, *self._mean_heading(believed))
        for row, order in ((CURVATURE_ROW, 2), (RATE_ROW, 3)):
            mean, variance = self._mean(believed, order)
            if row is RATE_ROW:
                variance += (RATE_IS_MEAN_RATIO * usual_rate_radpm2(self._speed_mps)) ** 2
            if self._filter.is_expected(row, mean, variance, GATE_SIGMAS):
                self._filter.update(row, mean, variance)
        self._doubt_width(lines, believed)
        self._filter.settle()
        sides = [line.side for line in believed]
        return LEFT in sides, RIGHT in sides

    def state(self) -> LaneState | None:
        """The lane state now, or None before the first measurement."""
        return self._filter.state(self._yaw_rate_radps) if self._is_known else None

    @property
    def covariance(self) -> np.ndarray:
        """(5, 5) of offset, heading, curvature, curvature rate, width."""
        return self._filter.covariance

    def _acquire(self, lines: tuple[Line, ...]) -> tuple[bool, bool]:
        """Begin anew with this frame; a width learned before is kept."""
        width_m, width_variance = self._filter.width
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
        self.forget_lane()
        self._filter.begin(
            (offset_m, heading_rad, curvature, 0.0, width_m),
            (
                offset_variance,
                heading_variance,
                curvature_variance,
                usual_rate_radpm2(self._speed_mps) ** 2,
                width_variance,
            ),
            # A wider lane would put the centre further from the only line that is seen.
            offset_width=sides[0] / 2 * width_variance if len(lines) == 1 else 0.0,
        )
        self._filter.update(RATE_ROW, rate, rate_variance)
        self._is_known = True
        self._filter.settle()
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
                self._filter.doubt_width(WIDTH_DOUBT_M)
                self._side_refused_since_s[side] = None

    def _is_expected(self, line: Line) -> bool:
        variance = self._variance(line.sigmas[0], 0)
        return self._filter.is_expected(LINE_ROWS[line.side], _beside(line), variance, GATE_SIGMAS)

    def _is_expected_heading(self, lines: Sequence[Line]) -> bool:
        return self._filter.is_expected(HEADING_ROW, *self._mean_heading(lines), GATE_SIGMAS)

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


def _beside(line: Line) -> float:
    """Distance of the ego origin from the line, at a right angle to it; left positive."""
    return line.coefficients[0] * math.cos(math.atan(line.coefficients[1]))
