"""Perfect perception: a lane measurement made from the world's truth. And how wrong a detector's lines are.

Truth knows offset, heading and curvature here. What lies ahead, the change of curvature, is the mean over the next
second of the route: what a camera would need to see it.
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
)
from simulation.embedded.world import EmbeddedWorld
from simulation.world import Tick, Truth

PREVIEW_S, LEAST_PREVIEW_M = 1.0, 10.0
SIGMAS = (0.01, 0.001, 1e-4, 1e-5)  # of c0 to c3; what the estimator is told, not added to anything


class TruthPerception:
    """Sees both lines of the lane exactly."""

    def __init__(self, world: EmbeddedWorld) -> None:
        self._curve = world.route.curve
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
        preview_m = max(LEAST_PREVIEW_M, PREVIEW_S * truth.speed_mps)
        ahead_radpm = self._curve.pose(self._s_m + preview_m)[3]
        rate_radpm2 = (ahead_radpm - truth.curvature_radpm) / preview_m
        reach_m = 2 * preview_m
        return LaneModel(
            left=_line(truth, truth.lane_width_m / 2, rate_radpm2, reach_m),
            right=_line(truth, -truth.lane_width_m / 2, rate_radpm2, reach_m),
            width_m=truth.lane_width_m,
            width_sigma_m=SIGMAS[0],
            calibration=Calibration(**structs.asdict(state.camera)),
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
        true = _line(truth, side * truth.lane_width_m / 2, 0.0, 1.0)
        errors.append(LineError(c0 - true.c0, wrap_rad(math.atan(c1) - math.atan(true.c1)), confidence))
    return errors


def _line(truth: Truth, t_m: float, rate_radpm2: float, reach_m: float) -> LaneLine:
    """The line t to the left of the lane centre, seen from the car."""
    heading_rad = truth.heading_error_rad
    cos = math.cos(heading_rad)
    stretch = 1.0 - truth.curvature_radpm * t_m  # a line inside the bend is shorter and bends more
    return LaneLine(
        c0=(t_m - truth.offset_m) / cos,
        c1=-math.tan(heading_rad),
        c2=truth.curvature_radpm / stretch / cos**3,
        c3=rate_radpm2 / stretch**3 / cos**4,
        sigma_c0=SIGMAS[0],
        sigma_c1=SIGMAS[1],
        sigma_c2=SIGMAS[2],
        sigma_c3=SIGMAS[3],
        x_min_m=0.0,
        x_max_m=reach_m,
        confidence=1.0,
    )


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
