"""A custom lane detector on one page: white paint by a threshold, projected to the ground, and two parallel curves.

    lkas demo --method examples/own_detector.py:Detector
    lkas detect frames --compare cv,examples/own_detector.py:Detector --annotate out
    simulation eval --suite smoke --method cv,examples/own_detector.py:Detector

It keeps the lane on clean roads by day. Limits: it takes everything brighter than the road beside it for paint (kerbs,
glare, white cars); in the dark, in rain and on bright concrete it loses the lines, and it never finds yellow ones; it
reports the same confidence for every line; and it takes three times as long as `cv`.
"""

import cv2
import msgspec
import numpy as np

from lkas.detection import DetectionResult
from lkas.frames import PinholeCamera, lane_message
from lkas.integration.shared_memory.messages import Calibration, LaneLine, LaneModel

BRIGHTER = 25  # grey levels above the road left and right of it
NEAR_M, FAR_M, WIDE_M = 4.0, 24.0, 5.0  # where paint is searched: ahead and beside the car
MIN_M, MAX_M = 0.6, 2.8  # from the car to its own lines
HEADINGS = np.radians(np.arange(-6, 6.1, 1.5))  # headings that are tried
CURVATURES = np.arange(-0.02, 0.0201, 0.002)  # 1/m, left positive
COURSES = np.stack(np.meshgrid(HEADINGS, CURVATURES), axis=-1).reshape(-1, 2)
BINS, BIN_M, REACH_M = 100, 0.2, 0.4  # of the lateral histogram; largest distance of paint from its line
MAX_POINTS, MIN_POINTS, MIN_SHARE = 1000, 50, 0.04  # of paint: used, of a lane, of one line
# Weights of the expected lane width and of the measured curvature.
EXPECTED = np.array([[15.0, -15.0, 0, 0, 0, 0], [0, 0, 0, 3000.0, 0, 0]])
SIGMAS = {"sigma_c0": 0.08, "sigma_c1": 0.01, "sigma_c2": 0.0015, "sigma_c3": 3e-4}  # about its errors


class Detector:
    """Created once with (parameters, camera); `detect` is called for every frame."""

    def __init__(self, parameters, camera):
        self.parameters, self.camera = parameters, camera

    def detect(self, image, timestamp=None, vehicle=None):
        """Lines of one (H, W, 3) uint8 RGB image. `vehicle`: motion of the car and geometry of the camera."""
        height_px, width_px = image.shape[:2]
        geometry = (vehicle and vehicle.camera) or self.camera.geometry(width_px, height_px)
        x_m, y_m = paint_on_ground(image, PinholeCamera(geometry))
        if len(x_m) < MIN_POINTS:
            return DetectionResult()
        expected = [self.parameters.lane_width_m]
        if vehicle and vehicle.yaw_rate_radps is not None and (vehicle.speed_mps or 0.0) > 3.0:
            expected.append(vehicle.yaw_rate_radps / vehicle.speed_mps)
        left, right = fit_lines(x_m, y_m, *first_guess(x_m, y_m), expected)
        return DetectionResult(
            left_lane=left and lane_message(left, geometry, height_px),
            right_lane=right and lane_message(right, geometry, height_px),
            lane_model=LaneModel(
                left=left,
                right=right,
                width_m=left.c0 - right.c0 if left and right else None,
                width_sigma_m=0.2 if left and right else None,
                calibration=Calibration(**msgspec.structs.asdict(geometry)),
            ),
        )

    def update_parameter(self, name, value):
        """Called when a live parameter of section `detection` changes."""
        self.parameters = msgspec.structs.replace(self.parameters, **{name: value})

    def reset(self):
        """Called when another drive starts. No state is kept between frames."""


def paint_on_ground(image, camera):
    """Pixels brighter than the road beside them, as ground points: arrays x (ahead) and y (left), metres."""
    sky_px = int(np.clip(camera.horizon_row_px, 0, image.shape[0] - 2))
    grey = cv2.cvtColor(image[sky_px:], cv2.COLOR_RGB2GRAY)
    around = cv2.blur(grey, (image.shape[1] // 8, 1))
    rows, columns = np.nonzero(cv2.subtract(grey, around) > BRIGHTER)
    x_m, y_m = camera.ground_from_image(np.column_stack([columns, rows + sky_px])).T
    near = np.flatnonzero((x_m > NEAR_M) & (x_m < FAR_M) & (np.abs(y_m) < WIDE_M))
    near = near[:: len(near) // MAX_POINTS + 1]
    return x_m[near], y_m[near]


def first_guess(x_m, y_m):
    """Positions of the lines beside the car, (2,) left and right, NaN for none; and the road's heading and curvature.

    With the right course subtracted, the paint of each line is one high peak of the lateral histogram.
    """
    beside_m = y_m - COURSES @ np.stack([x_m, x_m**2 / 2])
    bins = (beside_m / BIN_M + BINS / 2).astype(int).clip(0, BINS)
    histograms = [np.bincount(row, weights=x_m, minlength=BINS + 1) for row in bins]  # far paint has fewer pixels
    best = int(np.argmax([np.sum(histogram**2) for histogram in histograms]))
    lines_m = (np.flatnonzero(histograms[best] > MIN_SHARE * np.sum(x_m)) + 0.5 - BINS / 2) * BIN_M
    lines_m = lines_m[(np.abs(lines_m) > MIN_M) & (np.abs(lines_m) < MAX_M)]
    left_m, right_m = lines_m[lines_m > 0], lines_m[lines_m < 0]
    starts_m = [left_m.min() if len(left_m) else np.nan, right_m.max() if len(right_m) else np.nan]
    return np.array(starts_m), COURSES[best]


def fit_lines(x_m, y_m, starts_m, course, expected):
    """Both lines as parallel cubics through the paint near them; None for a line without paint.

    `expected`: the lane width and, if it is known, the curvature.
    """
    rows = EXPECTED[: len(expected)]
    side = np.array([[1.0], [-1.0]])
    shapes = np.stack([x_m, x_m**2 / 2, x_m**3 / 6])
    shape, fan = np.append(course, 0.0), 0.0  # pitch of the car turns parallel lines into a fan
    own = np.zeros((2, len(x_m)), bool)
    for _ in range(3):
        own = np.abs(y_m - shape @ shapes - fan * side * x_m - starts_m[:, None]) < REACH_M
        inside = own.any(axis=0)
        if inside.sum() < MIN_POINTS:
            return None, None
        columns = np.vstack([own, shapes, (own * side).sum(axis=0) * x_m]) * x_m  # weighted, as above
        values = np.append((y_m * x_m)[inside], rows.max(axis=1) * expected)
        found = np.linalg.lstsq(np.vstack([columns[:, inside].T, rows]), values, rcond=None)[0]
        starts_m, shape, fan = np.where(np.isnan(starts_m), np.nan, found[:2]), found[2:5], found[5]
    return [
        LaneLine(c0=c0, c1=shape[0], c2=shape[1], c3=shape[2], **SIGMAS, confidence=0.8,
                 x_min_m=x_m[mask].min(), x_max_m=x_m[mask].max()) if mask.any() else None
        for c0, mask in zip(starts_m, own, strict=True)
    ]  # fmt: skip
