"""Perfect perception: a lane model computed from the world's truth.

Offset and heading of each line are the true values at the car. Curvature and curvature rate are those of the cubic
fitted to the line over the next three seconds of the route, as a camera sees it: before an arc without a transition
curve, the fitted curvature grows while the car approaches. Parts of the lane outside the field of view are not used.
"""

import math

import numpy as np
from msgspec import structs

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import Calibration, LaneLine, LaneModel, Pose
from lkas.scale import FULL_SIZE
from simulation.embedded.world import EmbeddedWorld
from simulation.evaluation.line_errors import true_line
from simulation.opendrive.default_route import min_radius_m
from simulation.world import Tick, Truth

RANGE_S, MAX_RANGE_M = 3.0, 60.0  # length of the visible lane
MIN_RANGE_RATIO = 0.5  # of the smallest radius that is driven
MAX_VIEW_ANGLE_RAD = math.radians(35)  # half of a camera's field of view
MAX_MODEL_TURN_RAD = math.radians(20)  # of a model road within the visible lane: further, no cubic fits its sharp bends
RANGE_POINTS = 8
SIGMAS = (0.01, 0.001, 1e-4, 1e-5)  # reported standard deviations of c0 to c3; no noise is added


class TruthPerception:
    """Measures both lines of the lane without error."""

    def __init__(self, world: EmbeddedWorld) -> None:
        self._route, self._curve = world.route, world.route.curve
        scale = self._route.road_map.scale
        length = scale.length
        self._min_range_m = MIN_RANGE_RATIO * min_radius_m(self._route.road_map)
        self._max_turn_rad = MAX_VIEW_ANGLE_RAD if scale == FULL_SIZE else MAX_MODEL_TURN_RAD
        self._max_range_m, self._range_s = MAX_RANGE_M * length, RANGE_S * scale.time
        self._sigmas = [sigma * length ** (1 - order) for order, sigma in enumerate(SIGMAS)]
        self._s_m: float | None = None

    def lane_model(self, tick: Tick) -> LaneModel:
        """Return the lane of this tick in the ego frame."""
        truth, state = tick.truth, tick.state
        assert truth is not None
        assert state.pose is not None
        assert state.camera is not None
        x_m, y_m = state.pose.x_m, state.pose.y_m
        near_m = self._curve.nearest_s_m(x_m, y_m) if self._s_m is None else self._s_m
        self._s_m, _ = self._curve.to_lane(x_m, y_m, near_m)
        range_m = self._range_m(truth, state.pose.yaw_rad)
        return LaneModel(
            left=self._line(truth, state.pose, 0.5, range_m),
            right=self._line(truth, state.pose, -0.5, range_m),
            width_m=truth.lane_width_m,
            width_sigma_m=self._sigmas[0],
            calibration=Calibration(**structs.asdict(state.camera)),
        )

    def _range_m(self, truth: Truth, yaw_rad: float) -> float:
        """Return the length of the lane within the field of view."""
        assert self._s_m is not None
        range_m = min(self._max_range_m, max(self._min_range_m, self._range_s * truth.speed_mps))
        while range_m > self._min_range_m:
            if abs(wrap_rad(self._curve.pose(self._s_m + range_m)[2] - yaw_rad)) < self._max_turn_rad:
                break
            range_m = max(self._min_range_m, 0.8 * range_m)
        return range_m

    def _line(self, truth: Truth, pose: Pose, side: float, range_m: float) -> LaneLine:
        """Return the line `side` lane widths to the left of the centre, in the ego frame."""
        assert self._s_m is not None
        c0, c1 = true_line(truth, side * truth.lane_width_m)
        ahead_m = np.linspace(0.0, range_m, RANGE_POINTS + 1)[1:]
        widths_m = [self._route.lane_at(self._s_m + distance_m).width_m for distance_m in ahead_m]
        x, y = np.array(
            [
                self._curve.to_world(self._s_m + distance_m, side * width_m)
                for distance_m, width_m in zip(ahead_m.tolist(), widths_m, strict=True)
            ]
        ).T - [[pose.x_m], [pose.y_m]]
        cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
        x, y = cos * x + sin * y, cos * y - sin * x
        (c2, c3), *_ = np.linalg.lstsq(np.column_stack([x**2 / 2, x**3 / 6]), y - c0 - c1 * x, rcond=None)
        return LaneLine(
            c0=c0,
            c1=c1,
            c2=float(c2),
            c3=float(c3),
            sigma_c0=self._sigmas[0],
            sigma_c1=self._sigmas[1],
            sigma_c2=self._sigmas[2],
            sigma_c3=self._sigmas[3],
            x_min_m=0.0,
            x_max_m=range_m,
            confidence=1.0,
        )
