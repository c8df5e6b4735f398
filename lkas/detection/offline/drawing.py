"""Draws a detection onto its image. Pure functions: (H, W, 3) uint8 RGB in, a new one out."""

import math

import cv2
import numpy as np

from lkas.detection.lane_fit.outline import neighbour_polylines, polylines
from lkas.detection.types import DetectionResult
from lkas.frames import PinholeCamera, rightward, rightward_deg
from lkas.integration.shared_memory.messages import CalibrationStatus, LaneLine, LaneModel

Colour = tuple[int, int, int]  # RGB
LEFT: Colour = (255, 80, 60)
RIGHT: Colour = (60, 140, 255)
LANE: Colour = (60, 220, 110)
NEIGHBOUR: Colour = (255, 215, 90)
LINE_WIDTH, NEIGHBOUR_WIDTH = 3, 1  # px at the design height
TEXT: Colour = (255, 255, 255)
BACKGROUND: Colour = (0, 0, 0)
PANEL_WIDTH_PX = 960  # of each image when several are side by side
LANE_OPACITY, TEXT_BACKGROUND_OPACITY = 0.28, 0.6
DESIGN_HEIGHT_PX = 600  # image height at which one unit of size is one pixel
SUBPIXEL_BITS = 4
FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(image: np.ndarray, result: DetectionResult) -> np.ndarray:
    """The image with lane, lines, neighbours, confidences, measurements and horizon of its detection."""
    left, right = polylines(result, image.shape[0])
    drawn = image
    if left is not None and right is not None:
        drawn = draw_lane(drawn, left, right, LANE)
    for points in neighbour_polylines(result, image.shape[0]):
        drawn = draw_line(drawn, points, NEIGHBOUR, NEIGHBOUR_WIDTH)
    for points, message, colour in ((left, result.left_lane, LEFT), (right, result.right_lane, RIGHT)):
        if points is not None:
            drawn = draw_line(drawn, points, colour)
            if message is not None:
                drawn = draw_confidence(drawn, points, message.confidence, colour)
    if result.lane_model is not None:
        drawn = draw_horizon(drawn, PinholeCamera(result.lane_model.calibration).horizon_row_px)
    return draw_panel(drawn, describe(result))


def side_by_side(images: dict[str, np.ndarray]) -> np.ndarray:
    """Images of one size in a row, each under its name, scaled down if they are wide; a single one unchanged."""
    if len(images) == 1:
        return next(iter(images.values()))
    panels = []
    for name, image in images.items():
        height_px, width_px = image.shape[:2]
        scale = min(1.0, PANEL_WIDTH_PX / width_px)
        panel = cv2.resize(image, (round(width_px * scale), round(height_px * scale)), interpolation=cv2.INTER_AREA)
        head = np.full((_size(panel, 28), panel.shape[1], 3), BACKGROUND, np.uint8)
        panel = np.vstack([head, panel])
        _text(panel, name, _size(panel, 8), 0, TEXT)
        panels.append(panel)
    return np.hstack(panels)


def draw_lane(image: np.ndarray, left: np.ndarray, right: np.ndarray, colour: Colour) -> np.ndarray:
    """The area between two (N, 2) pixel polylines, translucent, up to the highest row that both reach."""
    top_px = max(left[:, 1].min(), right[:, 1].min())
    outline = np.concatenate([_up_to(left, top_px), _up_to(right, top_px)[::-1]])
    filled = np.ascontiguousarray(image).copy()
    cv2.fillPoly(filled, [_fixed_point(outline, image)], colour, cv2.LINE_AA, SUBPIXEL_BITS)
    return cv2.addWeighted(filled, LANE_OPACITY, image, 1 - LANE_OPACITY, 0)


def draw_line(image: np.ndarray, points: np.ndarray, colour: Colour, width: float = LINE_WIDTH) -> np.ndarray:
    """One (N, 2) pixel polyline, anti-aliased, `width` pixels wide at the design height."""
    drawn = np.ascontiguousarray(image).copy()
    cv2.polylines(drawn, [_fixed_point(points, image)], False, colour, _size(image, width), cv2.LINE_AA, SUBPIXEL_BITS)
    return drawn


def draw_confidence(image: np.ndarray, points: np.ndarray, confidence: float, colour: Colour) -> np.ndarray:
    """A confidence in [0, 1] beside the visible middle of a line."""
    height_px, width_px = image.shape[:2]
    inside = points[(points[:, 0] >= 0) & (points[:, 0] < width_px) & (points[:, 1] < height_px)]
    if not len(inside):
        return image
    drawn = image.copy()
    u, v = inside.mean(axis=0)
    _text(drawn, f"{confidence:.2f}", u + _size(image, 8), v, colour)
    return drawn


def draw_horizon(image: np.ndarray, row_px: float) -> np.ndarray:
    """A tick at both sides of the image in the row of the horizon."""
    height_px, width_px = image.shape[:2]
    if not 0 <= row_px < height_px:
        return image
    drawn = image.copy()
    row, length_px = round(row_px), _size(image, 24)
    for start, end in ((0, length_px), (width_px - 1 - length_px, width_px - 1)):
        cv2.line(drawn, (start, row), (end, row), BACKGROUND, _size(image, 3))
        cv2.line(drawn, (start, row), (end, row), TEXT, _size(image, 1))
    return drawn


def draw_panel(image: np.ndarray, lines: list[str]) -> np.ndarray:
    """Lines of text in the upper left corner."""
    drawn = image.copy()
    row = _size(image, 8)
    for line in lines:
        row = _text(drawn, line, _size(image, 8), row, TEXT)
    return drawn


def describe(result: DetectionResult) -> list[str]:
    """The detection as text; offset and heading are positive right, curvature is positive left."""
    sides = [name for name, lane in (("left", result.left_lane), ("right", result.right_lane)) if lane is not None]
    model = result.lane_model
    if model is None:
        return [" and ".join(sides) + " line" + "s" * (len(sides) == 2) if sides else "no lane"]
    return [*_measurements(model), _calibration_text(model)]


def _measurements(model: LaneModel) -> list[str]:
    left, right = model.left, model.right
    if left is not None and right is not None:
        offset_m = rightward(-(left.c0 + right.c0) / 2)
        width = "" if model.width_m is None else f"   width {model.width_m:.2f} m"
        return [f"offset {offset_m:+.2f} m{width}", _course(left, right)]
    for name, line in (("left", left), ("right", right)):
        if line is not None:
            return [f"{name} line only, {abs(line.c0):.2f} m away", _course(line)]
    return ["no lane"]


def _course(*lines: LaneLine) -> str:
    heading_rad = -sum(line.c1 for line in lines) / len(lines)  # of the car against the lane
    curvature = sum(line.c2 for line in lines) / len(lines)
    return f"heading {rightward_deg(heading_rad):+.2f} deg   curvature {curvature * 1000:+.2f} /km"


def _calibration_text(model: LaneModel) -> str:
    calibration = model.calibration
    pitch_deg, yaw_deg = math.degrees(calibration.pitch_rad), math.degrees(calibration.yaw_rad)
    percent = "" if calibration.status == CalibrationStatus.GIVEN else f" {calibration.percent:.0f} %"
    height = f"{calibration.height_m:.2f} m high"
    return f"camera {calibration.status}{percent}, {height}, pitch {pitch_deg:+.1f} yaw {yaw_deg:+.1f} deg"


def _up_to(polyline: np.ndarray, top_px: float) -> np.ndarray:
    """The same line, from its lowest point up to the row `top_px`."""
    order = np.argsort(polyline[:, 1])
    rows = np.linspace(max(polyline[:, 1].max(), top_px), top_px, 64)
    return np.column_stack([np.interp(rows, polyline[order, 1], polyline[order, 0]), rows])


def _fixed_point(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Points as OpenCV's fixed-point coordinates, clipped to a few image sizes so that they cannot overflow."""
    limit_px = 4.0 * max(image.shape[:2])
    return np.round(np.clip(points, -limit_px, limit_px) * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _scale(image: np.ndarray) -> float:
    return max(0.5, image.shape[0] / DESIGN_HEIGHT_PX)


def _size(image: np.ndarray, size: float) -> int:
    """A size at the design height in whole pixels of this image."""
    return max(1, round(size * _scale(image)))


def _text(image: np.ndarray, text: str, u: float, v: float, colour: Colour) -> int:
    """Draw text on a dark background into the image itself; (u, v) is its upper left corner, moved to stay inside.

    Returns the row below it.
    """
    height_px, width_px = image.shape[:2]
    font_scale, thickness, rim_px = 0.55 * _scale(image), _size(image, 1), _size(image, 4)
    (text_width_px, text_height_px), base_px = cv2.getTextSize(text, FONT, font_scale, thickness)
    left = round(min(max(0, u), max(0, width_px - text_width_px - 2 * rim_px)))
    top = round(min(max(0, v), max(0, height_px - text_height_px - base_px - 2 * rim_px)))
    bottom = top + text_height_px + base_px + 2 * rim_px
    background = image[top:bottom, left : left + text_width_px + 2 * rim_px]
    background[:] = (background * (1 - TEXT_BACKGROUND_OPACITY)).astype(np.uint8)
    corner = (left + rim_px, top + rim_px + text_height_px)
    cv2.putText(image, text, corner, FONT, font_scale, colour, thickness, cv2.LINE_AA)
    return bottom
