"""Method `hough`: Canny edges and the probabilistic Hough transform, the baseline for the other methods.

Grey, blur and Canny inside a trapezoid below the horizon; HoughLinesP; segments assigned to the left or the right
by slope and position; per side the innermost well supported group, fitted by length-weighted robust least squares.

Assumes straight lines (a bend shows as a wrong heading) and measures in the image only: no lane model. Each frame is
independent, so a line that is not seen is not reported. The pixel parameters suit images 600-1300 px wide.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np

from lkas.detection.parameters import DetectionParameters
from lkas.detection.stages import Stage, Stages, untimed
from lkas.detection.types import DetectionResult, check_image
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import LaneMessage, VehicleState
from lkas.parameters import ParameterError, changed, declared
from lkas.vehicle import CameraConfig

BLUR_PX = 5
RHO_PX, THETA_RAD = 2, np.pi / 180
MIN_SLOPE = 0.3  # rows per column; flatter segments are shadows, stop lines and other cars
# Shares of the image width:
GROUP_BOTTOM_RATIO, GROUP_TOP_RATIO = 0.06, 0.04  # largest distance between segments of one line at the region's ends
SCATTER_RATIO = 0.010  # residual that halves the confidence; about the distance between the two edges of one marking
FULL_COVERAGE_RATIO = 0.6  # of the region's rows; more support does not raise the confidence
MAX_CONFIDENCE = 0.8  # of the best supported lines: on real roads one in five of them is a kerb or a fence
MIN_CONFIDENCE = 0.1  # a line with less is not reported
MIN_SPAN_RATIO = 0.3  # of the region's rows that two lines must share before they meet


class Region(NamedTuple):
    """The part of the image that is searched. Rows are counted in the whole image."""

    top_px: int
    bottom_px: int
    centre_px: float  # column between left and right lines
    mask: np.ndarray  # (bottom - top + 1, W) uint8, 255 inside


class Fit(NamedTuple):
    """A line u(s) = bottom + slope * s, with s from 0 at the region's lowest row to 1 at its top row."""

    bottom_px: float
    slope_px: float
    reach: float  # s of the highest row with support
    confidence: float

    def column(self, s: float) -> float:
        return self.bottom_px + self.slope_px * s


class HoughDetector:
    """Lane detector `hough`; see lkas.detection.types.LaneDetector."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig, stages: Stages = untimed) -> None:
        self._parameters = parameters
        self._camera = camera
        self._stages = stages
        self._region_key: tuple[float, ...] = ()
        self._region: Region | None = None

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        """Both ego lines of one (H, W, 3) uint8 RGB image. Raises ValueError for any other array."""
        check_image(image)
        region = self._find_region(image.shape[1], image.shape[0], vehicle)
        if region is None:
            return DetectionResult()
        with self._stages(Stage.SEGMENTS):
            segments = find_segments(image, region, self._parameters)
        left, right = split_sides(segments, region)
        width_px = image.shape[1]
        with self._stages(Stage.LINES):
            fits = fit_line(left, region, width_px), fit_line(right, region, width_px)
        fits = without_crossing(*fits)
        return DetectionResult(
            left_lane=lane_message(fits[0], region, width_px),
            right_lane=lane_message(fits[1], region, width_px),
        )

    def update_parameter(self, name: str, value: Any) -> None:
        """Change one live parameter of section `detection`. Raises ParameterError."""
        parameter = declared("detection", DetectionParameters).get(name)
        if parameter is not None and not parameter.live:
            raise ParameterError(f"detection.{name} cannot change while the detector runs; restart it with --set")
        self._parameters = changed("detection", self._parameters, name, value)

    def reset(self) -> None:
        """Do nothing: no state is kept between frames."""

    def _find_region(self, width_px: int, height_px: int, vehicle: VehicleState | None) -> Region | None:
        geometry = None
        if self._parameters.calibration == "config":
            geometry = self._camera.geometry(width_px, height_px)
        elif vehicle is not None:
            geometry = vehicle.camera
        vanishing_px = PinholeCamera(geometry).vanishing_point_px if geometry is not None else None
        key = (width_px, height_px, *(vanishing_px or ()))
        if key != self._region_key:
            self._region_key, self._region = key, search_region(width_px, height_px, vanishing_px)
        return self._region


def search_region(width_px: int, height_px: int, vanishing_px: tuple[float, float] | None) -> Region | None:
    """A trapezoid from the bottom row to just below the horizon.

    `vanishing_px` is (u, v) of the vanishing point; None: unknown, the lower 45 % of the image are searched.
    Returns None if less than a tenth of the image is below the horizon.
    """
    if vanishing_px is None:
        centre_px, top_px, half_top_px = (width_px - 1) / 2, round(0.55 * height_px), 0.15 * width_px
    else:
        centre_px = min(max(vanishing_px[0], 0.25 * width_px), 0.75 * width_px)
        top_px = max(0, round(vanishing_px[1] + 0.04 * height_px))
        half_top_px = 0.10 * width_px
    if top_px > 0.9 * height_px:
        return None
    bottom_px = height_px - 1
    corners = [
        (0.0, bottom_px - top_px),
        (centre_px - half_top_px, 0.0),
        (centre_px + half_top_px, 0.0),
        (width_px - 1.0, bottom_px - top_px),
    ]
    mask = np.zeros((height_px - top_px, width_px), np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), (255,))
    return Region(top_px, bottom_px, centre_px, mask)


def find_segments(image: np.ndarray, region: Region, parameters: DetectionParameters) -> np.ndarray:
    """(N, 4) float segments u1, v1, u2, v2 (whole image, px) of an (H, W, 3) uint8 RGB image."""
    grey = cv2.cvtColor(image[region.top_px :], cv2.COLOR_RGB2GRAY)
    blurred = cv2.GaussianBlur(grey, (BLUR_PX, BLUR_PX), 0)
    edges = cv2.bitwise_and(cv2.Canny(blurred, parameters.canny_low, parameters.canny_high), region.mask)
    found = cv2.HoughLinesP(
        edges,
        RHO_PX,
        THETA_RAD,
        parameters.hough_threshold,
        minLineLength=parameters.hough_min_line_len,
        maxLineGap=parameters.hough_max_line_gap,
    )
    if found is None:
        return np.empty((0, 4))
    return found.reshape(-1, 4) + np.array([0.0, region.top_px, 0.0, region.top_px])


def split_sides(segments: np.ndarray, region: Region) -> tuple[np.ndarray, np.ndarray]:
    """The segments that may belong to the left and to the right ego line: on that side, leaning towards the middle."""
    u1, v1, u2, v2 = segments.T
    steep = np.abs(v2 - v1) >= MIN_SLOPE * np.abs(u2 - u1)
    segments = segments[steep & (v1 != v2)]
    bottom_px, top_px = _at_ends(segments, region)
    left = (bottom_px < region.centre_px) & (top_px >= bottom_px)
    right = (bottom_px >= region.centre_px) & (top_px <= bottom_px)
    return segments[left], segments[right]


def fit_line(segments: np.ndarray, region: Region, width_px: int) -> Fit | None:
    """The innermost well supported line among one side's segments; None if there is none."""
    if not len(segments):
        return None
    group = segments[_innermost_group(segments, region, width_px)]
    s, u = _height(group[:, 1::2], region).ravel(), group[:, ::2].ravel()
    length_px = np.repeat(_length(group), 2)
    scale_px = SCATTER_RATIO * width_px
    line, residual = np.zeros(2), np.zeros(len(u))
    for _ in range(4):  # robust: a segment far from the line loses its weight
        line = np.polyfit(s, u, 1, w=np.sqrt(length_px / (1 + residual**2)))
        residual = (u - np.polyval(line, s)) / scale_px
    scatter = np.average(np.minimum(residual**2, 9.0), weights=length_px)
    confidence = MAX_CONFIDENCE * min(1.0, _coverage(group, region) / FULL_COVERAGE_RATIO) / (1 + scatter)
    if confidence < MIN_CONFIDENCE:
        return None
    slope_px, bottom_px = line.tolist()
    return Fit(bottom_px, slope_px, float(s.max()), float(confidence))


def without_crossing(left: Fit | None, right: Fit | None) -> tuple[Fit | None, Fit | None]:
    """Both lines, ending below the point where they meet; if they meet too low, only the more confident one."""
    if left is None or right is None:
        return left, right
    closing_px = left.slope_px - right.slope_px  # > 0: each leans towards the middle
    meet = (right.bottom_px - left.bottom_px) / closing_px if closing_px > 0 else np.inf
    if meet < MIN_SPAN_RATIO:
        return (left, None) if left.confidence >= right.confidence else (None, right)
    highest = meet - 0.05
    return left._replace(reach=min(left.reach, highest)), right._replace(reach=min(right.reach, highest))


def lane_message(fit: Fit | None, region: Region, width_px: int) -> LaneMessage | None:
    """The line at its lowest and at its highest visible row; None if it is outside the image."""
    if fit is None:
        return None
    lowest = 0.0
    if not 0 <= fit.bottom_px <= width_px - 1 and fit.slope_px:  # it leaves at the side of the image
        edge_px = 0.0 if fit.bottom_px < 0 else width_px - 1.0
        lowest = (edge_px - fit.bottom_px) / fit.slope_px
    if not 0 <= lowest < fit.reach:
        return None
    rows = region.bottom_px - region.top_px
    return LaneMessage(
        x1=fit.column(lowest),
        y1=region.bottom_px - lowest * rows,
        x2=fit.column(fit.reach),
        y2=region.bottom_px - fit.reach * rows,
        confidence=fit.confidence,
    )


def _height(rows_px: np.ndarray, region: Region) -> np.ndarray:
    """Rows as s: 0 at the region's lowest row, 1 at its top row."""
    return (region.bottom_px - rows_px) / (region.bottom_px - region.top_px)


def _length(segments: np.ndarray) -> np.ndarray:
    return np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])


def _at_ends(segments: np.ndarray, region: Region) -> tuple[np.ndarray, np.ndarray]:
    """Columns at which the extended segments meet the region's lowest and top rows."""
    u1, v1, u2, v2 = segments.T
    per_row = (u2 - u1) / (v2 - v1)
    return u1 + per_row * (region.bottom_px - v1), u1 + per_row * (region.top_px - v1)


def _innermost_group(segments: np.ndarray, region: Region, width_px: int) -> np.ndarray:
    """Mask of the segments on one common line: the one nearest to the middle with at least half the best support."""
    bottom_px, top_px = _at_ends(segments, region)
    together = (np.abs(bottom_px[:, None] - bottom_px) < GROUP_BOTTOM_RATIO * width_px) & (
        np.abs(top_px[:, None] - top_px) < GROUP_TOP_RATIO * width_px
    )
    support = together @ _length(segments)
    from_centre_px = np.where(support >= support.max() / 2, np.abs(bottom_px - region.centre_px), np.inf)
    return together[np.argmin(from_centre_px)]


def _coverage(segments: np.ndarray, region: Region) -> float:
    """Share of the region's rows on which at least one segment lies."""
    covered = np.zeros(region.bottom_px - region.top_px + 1, bool)
    for low, high in np.sort(segments[:, 1::2] - region.top_px).astype(int):
        covered[low : high + 1] = True
    return float(covered.mean())
