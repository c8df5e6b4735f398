"""Lane estimator: the filter of lane_filter.py in world time, with late measurements, gating and re-acquisition.

A measurement arrives late: it is transformed from the pose at its exposure to the present one by dead reckoning
(odometry.py), then gated by its Mahalanobis distance. When measurements are rejected for long, the filter is taken to
be wrong: it is initialised again, or, where only one of two lines is rejected, the remembered width becomes uncertain.
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
    usual_curvature_rate_radpm2,
)
from lkas.decision.measurement import LEFT, RIGHT, LineMeasurement
from lkas.decision.observation import ObservationModel, lateral_distance_m
from lkas.decision.odometry import Odometry
from lkas.decision.parameters import DecisionParameters
from lkas.scale import FULL_SIZE

STANDSTILL_MPS = 0.1
MAX_STEP_S = 0.02  # of a prediction
UNKNOWN_SPEED_MPS = 20.0  # uncertainty grows as at this speed while the speed is unknown

DEFAULT_WIDTH_M, DEFAULT_WIDTH_SIGMA_M = 3.5, 0.25  # until both lines have been visible
MODEL_WIDTH_SIGMA_M = 1.2  # at full size: lanes of model roads have any width beside their cars

# A measured curvature rate is the mean over the visible stretch. It differs from the local one by this part of a usual
# rate.
RATE_MEAN_ERROR_RATIO = 0.3

GATE_SIGMAS = 4.0
REACQUIRE_AFTER_S = 0.3
REACQUIRE_FRAMES = 3
WIDTH_CHANGE_AFTER_S = 0.5
WIDTH_CHANGE_SIGMA_M = 0.3


class LaneEstimator:
    """The estimator. Call `predict` to the present first, then `measure` with what was exposed before."""

    def __init__(self, bicycle: Bicycle, parameters: DecisionParameters) -> None:
        self._bicycle = bicycle
        self._odometry = Odometry()
        self._filter = LaneFilter(bicycle)
        self.configure(parameters)
        self.reset()

    def configure(self, parameters: DecisionParameters) -> None:
        """Use the `measurement_sigma_ratio` of these parameters from now on."""
        self._observe = ObservationModel(parameters.measurement_sigma_ratio, self._bicycle.scale)

    def reset(self) -> None:
        """Forget the lane and the odometry."""
        self._odometry.reset()
        self._checkpoint: tuple[float, bool, LaneFilter] | None = None
        self._now_s: float | None = None
        self._speed_mps = 0.0
        self._yaw_rate_radps = 0.0
        self.reset_lane()

    def reset_lane(self) -> None:
        """Forget the lane, keep the odometry."""
        self._is_known = False
        self._filter.reset()
        self._rejected_since_s: float | None = None
        self._rejected_frames = 0
        self._side_rejected_since_s: dict[float, float | None] = {LEFT: None, RIGHT: None}

    def predict(self, now_s: float, speed_mps: float | None, yaw_rate_radps: float | None) -> None:
        """Predict to `now_s`; None means unknown. At standstill neither state nor uncertainty changes."""
        scale = self._bicycle.scale
        is_first, then_s = self._now_s is None, self._now_s or 0.0
        dt_s = 0.0 if is_first else now_s - then_s
        self._now_s = now_s
        if speed_mps is None:
            speed_mps, yaw_rate_radps, noise_speed_mps = 0.0, 0.0, UNKNOWN_SPEED_MPS * scale.speed
        elif speed_mps < STANDSTILL_MPS * scale.speed:
            speed_mps, yaw_rate_radps, noise_speed_mps = 0.0, 0.0, 0.0
        else:
            noise_speed_mps = speed_mps
        self._speed_mps = speed_mps
        steps = max(1, math.ceil(dt_s / MAX_STEP_S))
        for step in range(1, steps + 1):
            # Without a yaw rate the car is assumed to follow the lane.
            assumed_radps = speed_mps * self._filter.curvature_radpm if yaw_rate_radps is None else yaw_rate_radps
            self._yaw_rate_radps = assumed_radps
            if self._is_known and noise_speed_mps > 0.0 and dt_s > 0.0:
                has_yaw_rate = yaw_rate_radps is not None
                self._filter.predict(dt_s / steps, speed_mps, assumed_radps, noise_speed_mps, has_yaw_rate=has_yaw_rate)
            slip_m = self._bicycle.slip_per_curvature_m(speed_mps)
            slip_rad = assumed_radps / speed_mps * slip_m if speed_mps > 0 else 0.0
            at_s = now_s if is_first else then_s + dt_s * step / steps
            self._odometry.advance(at_s, speed_mps, assumed_radps, slip_rad)

    def save_checkpoint(self) -> None:
        """Save the present estimate for `rewind`."""
        if self._now_s is not None:
            self._checkpoint = self._now_s, self._is_known, self._filter.copy()

    def rewind(self, now_s: float) -> None:
        """Set world time back to `now_s` and restore the checkpoint: the car did not move as predicted since."""
        checkpoint = self._checkpoint
        if checkpoint is None:
            self.reset()
            return
        self.reset_lane()
        saved_s, self._is_known, saved_filter = checkpoint
        self._now_s, self._filter = min(saved_s, now_s), saved_filter.copy()
        self._odometry.rewind(self._now_s)

    def measure(self, exposed_s: float, lines: tuple[LineMeasurement, ...]) -> tuple[bool, bool]:
        """Update with the lines of one image. Returns for left and right whether the line was present and accepted."""
        moved = self._odometry.since(exposed_s)
        if moved is None or not lines or self._now_s is None:
            return False, False
        lines = tuple(line.transformed(moved) for line in lines)
        if not self._is_known:
            return self._acquire(lines)
        accepted = [line for line in lines if self._is_expected(line)]
        if not accepted or not self._is_expected_heading(accepted):
            return self._reject(lines)
        self._rejected_since_s, self._rejected_frames = None, 0
        for line in accepted:
            self._filter.update(LINE_ROWS[line.side], lateral_distance_m(line), self._observe.variance(line))
        self._filter.update(HEADING_ROW, *self._observe.heading(accepted))
        for row, order in ((CURVATURE_ROW, 2), (RATE_ROW, 3)):
            mean, variance = self._observe.mean(accepted, order)
            if row is RATE_ROW:
                variance += (
                    RATE_MEAN_ERROR_RATIO * usual_curvature_rate_radpm2(self._speed_mps, self._bicycle.scale)
                ) ** 2
            if self._filter.is_expected(row, mean, variance, GATE_SIGMAS):
                self._filter.update(row, mean, variance)
        self._check_width(lines, accepted)
        self._filter.apply_bounds()
        sides = [line.side for line in accepted]
        return LEFT in sides, RIGHT in sides

    def state(self) -> LaneState | None:
        """Return the present lane state, or None before the first measurement."""
        return self._filter.state(self._yaw_rate_radps) if self._is_known else None

    @property
    def covariance(self) -> np.ndarray:
        """(5, 5) covariance of offset, heading, curvature, curvature rate, width."""
        return self._filter.covariance

    def _acquire(self, lines: tuple[LineMeasurement, ...]) -> tuple[bool, bool]:
        """Initialise the filter with this image. A width estimated earlier is kept if only one line is visible."""
        scale, length = self._bicycle.scale, self._bicycle.scale.length
        width_m, width_variance = self._filter.width
        if width_variance == 0.0:
            sigma_m = DEFAULT_WIDTH_SIGMA_M if scale == FULL_SIZE else MODEL_WIDTH_SIGMA_M
            width_m, width_variance = DEFAULT_WIDTH_M * length, (sigma_m * length) ** 2
        sides = [line.side for line in lines]
        if len(lines) == 2:
            measured_m = abs(lateral_distance_m(lines[0]) - lateral_distance_m(lines[1]))
            width_m = min(MAX_WIDTH_M * length, max(MIN_WIDTH_M * length, measured_m))
            width_variance = sum(self._observe.variance(line) for line in lines)
        offset_m = sum(line.side * width_m / 2 - lateral_distance_m(line) for line in lines) / len(lines)
        offset_variance = max(self._observe.variance(line) for line in lines)
        if len(lines) == 1:
            offset_variance += width_variance / 4
        heading_rad, heading_variance = self._observe.heading(lines)
        curvature, curvature_variance = self._observe.mean(lines, 2)
        rate, rate_variance = self._observe.mean(lines, 3)
        self.reset_lane()
        usual_rate = usual_curvature_rate_radpm2(self._speed_mps, self._bicycle.scale)
        self._filter.initialize(
            (offset_m, heading_rad, curvature, 0.0, width_m),
            (offset_variance, heading_variance, curvature_variance, usual_rate**2, width_variance),
            # With one line, a wider lane has its centre further from that line.
            offset_width_covariance=sides[0] / 2 * width_variance if len(lines) == 1 else 0.0,
        )
        self._filter.update(RATE_ROW, rate, rate_variance)
        self._is_known = True
        self._filter.apply_bounds()
        return LEFT in sides, RIGHT in sides

    def _reject(self, lines: tuple[LineMeasurement, ...]) -> tuple[bool, bool]:
        """Reject the image, or initialise again after enough rejected images in a row."""
        assert self._now_s is not None
        if self._rejected_since_s is None:
            self._rejected_since_s = self._now_s
        self._rejected_frames += 1
        rejected_s = self._now_s - self._rejected_since_s
        if self._rejected_frames >= REACQUIRE_FRAMES and rejected_s >= REACQUIRE_AFTER_S - 1e-9:
            return self._acquire(lines)
        return False, False

    def _check_width(self, lines: tuple[LineMeasurement, ...], accepted: Sequence[LineMeasurement]) -> None:
        """Make the width uncertain when one of two lines was rejected for long: the lane became wider or narrower."""
        rejected = {line.side for line in lines} - {line.side for line in accepted}
        now_s = self._now_s or 0.0
        for side in (LEFT, RIGHT):
            since_s = self._side_rejected_since_s[side]
            if side not in rejected:
                self._side_rejected_since_s[side] = None
            elif since_s is None:
                self._side_rejected_since_s[side] = now_s
            elif now_s - since_s >= WIDTH_CHANGE_AFTER_S:
                self._filter.inflate_width(WIDTH_CHANGE_SIGMA_M * self._bicycle.scale.length)
                self._side_rejected_since_s[side] = None

    def _is_expected(self, line: LineMeasurement) -> bool:
        distance_m, variance = lateral_distance_m(line), self._observe.variance(line)
        return self._filter.is_expected(LINE_ROWS[line.side], distance_m, variance, GATE_SIGMAS)

    def _is_expected_heading(self, lines: Sequence[LineMeasurement]) -> bool:
        return self._filter.is_expected(HEADING_ROW, *self._observe.heading(lines), GATE_SIGMAS)
