"""A detection as pixel polylines, and as columns at given image rows (how lane data sets write lanes)."""

from typing import Any

import numpy as np

from lkas.detection.types import DetectionResult
from lkas.frames import line_pixels
from lkas.integration.shared_memory.messages import LaneLine, LaneMessage, LaneModel, LineOrigin

ROW_STEP_PX = 10
CURVE_POINTS = 96
NO_POINT = -2


def polylines(result: DetectionResult, height_px: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Left and right line as (N, 2) pixels from the image's lower edge upwards; None for a line that was not found.

    The curve of the lane model if there is one, else the two-point line. Only measured lines count, as in decision.
    """
    model = result.lane_model
    return (
        _polyline(result.left_lane, model, model.left if model else None, height_px),
        _polyline(result.right_lane, model, model.right if model else None, height_px),
    )


def neighbour_polylines(result: DetectionResult, height_px: int) -> list[np.ndarray]:
    """The neighbour lines that were found, each (N, 2) pixels."""
    model = result.lane_model
    if model is None:
        return []
    curves = [_curve(line, model, height_px) for line in result.neighbours if line is not None]
    return [pixels for pixels in curves if len(pixels) >= 2]


def columns_at(polyline: np.ndarray, rows_px: np.ndarray, width_px: int) -> list[float]:
    """The columns of a polyline at these rows; -2 beyond its ends and outside the image."""
    order = np.argsort(polyline[:, 1])
    rows, columns = polyline[order, 1], polyline[order, 0]
    found = np.interp(rows_px, rows, columns, left=np.nan, right=np.nan)
    inside = np.isfinite(found) & (found >= 0) & (found <= width_px - 1)
    return [round(float(column), 1) if seen else NO_POINT for column, seen in zip(found, inside, strict=True)]


def record(name: str, result: DetectionResult, width_px: int, height_px: int, run_time_ms: float) -> dict[str, Any]:
    """One line of `lkas detect --jsonl`; `ego`: indices of the left and the right ego line in `lanes`."""
    rows = np.arange(0, height_px + 1, ROW_STEP_PX)  # data sets also label the image's lower edge
    lanes: list[list[float]] = []
    ego: list[int | None] = []
    confidence: list[float | None] = []
    messages = (result.left_lane, result.right_lane)
    for message, polyline in zip(messages, polylines(result, height_px), strict=True):
        columns = [] if polyline is None else columns_at(polyline, rows, width_px)
        if message is None or all(column == NO_POINT for column in columns):
            ego.append(None)
            confidence.append(None)
            continue
        ego.append(len(lanes))
        confidence.append(round(message.confidence, 3))
        lanes.append(columns)
    for polyline in neighbour_polylines(result, height_px):
        columns = columns_at(polyline, rows, width_px)
        if any(column != NO_POINT for column in columns):
            lanes.append(columns)
    return {
        "raw_file": name,
        "lanes": lanes,
        "h_samples": rows.tolist(),
        "run_time": round(run_time_ms, 3),
        "ego": ego,
        "confidence": confidence,
    }


def _polyline(
    message: LaneMessage | None, model: LaneModel | None, line: LaneLine | None, height_px: int
) -> np.ndarray | None:
    if model is not None and line is not None:
        if line.origin != LineOrigin.MEASURED:
            return None
        pixels = _curve(line, model, height_px)
        return pixels if len(pixels) >= 2 else None
    if message is None:
        return None
    return np.array([[message.x1, message.y1], [message.x2, message.y2]])


def _curve(line: LaneLine, model: LaneModel, height_px: int) -> np.ndarray:
    """(N, 2) pixels from just below the image, so that its lower edge has a point, to the end of the line."""
    return line_pixels(line, model.calibration, height_px + 2, CURVE_POINTS)
