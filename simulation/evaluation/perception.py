"""Perfect perception: a lane measurement made from the world's truth. And how wrong a detector's lines are.

Offset and heading of each line are those at the car. Its curvature and the change of it are the cubic's that lies
nearest to the line over the next three seconds of the route, as a camera sees it: where an arc begins at once, without
a transition curve, it grows while the car comes near. What leads out of the picture is not seen.
"""

import math

import numpy as np
from msgspec import Struct, structs

from lkas.frames import PinholeCamera, wrap_rad
from lkas.integration.shared_memory.messages import (
    Calibration,
    CameraGeometry,
    LaneLine,
    LaneMessage,
    LaneModel,
    LineOrigin,
    Pose,
)
from simulation.embedded.world import EmbeddedWorld
from simulation.world import Tick, Truth

REACH_S, LEAST_REACH_M, MOST_REACH_M = 3.0, 10.0, 60.0  # of the view
TURNED_AWAY_RAD = math.radians(35)  # half a camera's field of view: beyond, a lane leads out of the picture
REACH_POINTS = 8
SIGMAS = (0.01, 0.001, 1e-4, 1e-5)  # of c0 to c3; what the estimator is told, not added to anything


class TruthPerception:
    """Sees both lines of the lane exactly."""

    def __init__(self, world: EmbeddedWorld) -> None:
        self._route, self._curve = world.route, world.route.curve
        self._s_m: float | None = None

    def lane_model(self, tick: Tick) -> LaneModel:
        """The lane of this tick in the ego frame."""
        truth, state = tick.truth, tick.state
        assert truth is not None
        assert state.pose is not None
        assert state.camera is not None
        x_m, y_m = state.pose.x_m, state.pose.y_m
        near_m = self._curve.nearest_s_m(x_m, y_m) if self._s_m is None else self._s_m
        self._s_m, _ = self._curve.to_lane(x_m, y_m, near_m)
        reach_m = self._reach_m(truth, state.pose.yaw_rad)
        return LaneModel(
            left=self._line(truth, state.pose, 0.5, reach_m),
            right=self._line(truth, state.pose, -0.5, reach_m),
            width_m=truth.lane_width_m,
            width_sigma_m=SIGMAS[0],
            calibration=Calibration(**structs.asdict(state.camera)),
        )

    def _reach_m(self, truth: Truth, yaw_rad: float) -> float:
        """How far the lane is in view."""
        assert self._s_m is not None
        reach_m = min(MOST_REACH_M, max(LEAST_REACH_M, REACH_S * truth.speed_mps))
        while reach_m > LEAST_REACH_M:
            if abs(wrap_rad(self._curve.pose(self._s_m + reach_m)[2] - yaw_rad)) < TURNED_AWAY_RAD:
                break
            reach_m = max(LEAST_REACH_M, 0.8 * reach_m)
        return reach_m

    def _line(self, truth: Truth, pose: Pose, side: float, reach_m: float) -> LaneLine:
        """The line `side` lane widths to the left of the centre, seen from the car."""
        assert self._s_m is not None
        c0, c1 = _beside(truth, side * truth.lane_width_m)
        ahead_m = np.linspace(0.0, reach_m, REACH_POINTS + 1)[1:]
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
            sigma_c0=SIGMAS[0],
            sigma_c1=SIGMAS[1],
            sigma_c2=SIGMAS[2],
            sigma_c3=SIGMAS[3],
            x_min_m=0.0,
            x_max_m=reach_m,
            confidence=1.0,
        )


class LineError(Struct, frozen=True):
    """How a reported line differs from the true one, beside the car; left positive."""

    offset_m: float
    heading_rad: float
    confidence: float


def line_errors(
    truth: Truth, model: LaneModel | None, left: LaneMessage | None, right: LaneMessage | None, camera: CameraGeometry
) -> list[LineError]:
    """Errors of the lines a detection reports; of its lane model, or of its image lines where it has none."""
    errors = []
    for side, line, segment in (
        (1, model.left if model else None, left),
        (-1, model.right if model else None, right),
    ):
        if model is not None:
            found = None if line is None or line.origin is LineOrigin.PREDICTED else (line.c0, line.c1, line.confidence)
        else:
            found = _on_the_ground(segment, camera)
        if found is None:
            continue
        c0, c1, confidence = found
        true_c0, true_c1 = _beside(truth, side * truth.lane_width_m / 2)
        errors.append(LineError(c0 - true_c0, wrap_rad(math.atan(c1) - math.atan(true_c1)), confidence))
    return errors


def _beside(truth: Truth, t_m: float) -> tuple[float, float]:
    """c0 and c1 of the line t to the left of the lane centre, in the ego frame."""
    return (t_m - truth.offset_m) / math.cos(truth.heading_error_rad), -math.tan(truth.heading_error_rad)


def _on_the_ground(segment: LaneMessage | None, geometry: CameraGeometry) -> tuple[float, float, float] | None:
    """(c0, c1, confidence) of the straight line through both ends of an image line; None above the horizon."""
    if segment is None:
        return None
    camera = PinholeCamera(geometry)
    pixels = np.array([[segment.x1, segment.y1], [segment.x2, segment.y2]])
    (x1, y1), (x2, y2) = camera.ground_from_image(pixels).tolist()
    if not x2 - x1 > 0:  # also false for NaN
        return None
    slope = (y2 - y1) / (x2 - x1)
    return y1 - slope * x1, slope, segment.confidence
