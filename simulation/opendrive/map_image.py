"""Image of a road map: the whole map with a route, close-ups, and a legend."""

import math
from pathlib import Path

import cv2
import numpy as np

from simulation.opendrive.drawing import (
    ASPHALT,
    END,
    FAINT,
    INK,
    OTHER,
    PAPER,
    ROUTE,
    SHOULDER,
    START,
    MapWindow,
    draw_map,
    draw_text,
    lane_colour,
    outlines,
)
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.road_map import RoadMap
from simulation.opendrive.routes import Route

WIDTH_PX, MIN_HEIGHT_PX, MAX_HEIGHT_PX = 1600, 640, 1600
MARGIN_PX, HEAD_PX, PANEL_PX, ROW_PX = 36, 76, 420, 26
CLOSE_UP_M = 36.0  # width of a close-up


def write_map_image(path: Path, road_map: RoadMap, route: Route) -> None:
    """Write a PNG. Raises OpenDriveError when it cannot be written."""
    image = draw_map_image(road_map, route)
    try:
        written = cv2.imwrite(str(path), image)
    except cv2.error:
        written = False
    if not written:
        raise OpenDriveError(f"{path}: cannot write this image; give a name in a folder that exists, ending in .png")


def draw_map_image(road_map: RoadMap, route: Route) -> np.ndarray:
    """(H, W, 3) uint8 BGR."""
    points = np.concatenate([edge for road in road_map.roads.values() for edge in outlines(road)])
    low, high = points.min(axis=0), points.max(axis=0)
    width_m, height_m = np.maximum(high - low, 10.0)
    room_px = WIDTH_PX - PANEL_PX - 2 * MARGIN_PX
    px_per_m = min(room_px / width_m, (MAX_HEIGHT_PX - HEAD_PX - 2 * MARGIN_PX) / height_m)
    map_height_px = max(MIN_HEIGHT_PX - HEAD_PX, math.ceil(height_m * px_per_m + 2 * MARGIN_PX))
    middle = (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2)

    whole = draw_map(MapWindow(middle, px_per_m, (WIDTH_PX - PANEL_PX, map_height_px)), road_map, route)
    image = np.full((map_height_px + HEAD_PX, WIDTH_PX, 3), PAPER, np.uint8)
    image[HEAD_PX:, : WIDTH_PX - PANEL_PX] = whole
    _write_head(image, road_map, route)
    legend = _legend(road_map, route)
    left_px, top_px, side_px = WIDTH_PX - PANEL_PX + MARGIN_PX // 2, HEAD_PX, PANEL_PX - MARGIN_PX
    for s_m, title in _close_ups(route):
        below_px = top_px + side_px + 52
        if below_px + len(legend) * ROW_PX > image.shape[0] and top_px > HEAD_PX:
            break
        x, y, _, _ = route.curve.pose(s_m)
        view = MapWindow((x, y), side_px / CLOSE_UP_M, (side_px, side_px))
        image[top_px : top_px + side_px, left_px : left_px + side_px] = draw_map(view, road_map, route)
        draw_text(image, title, (left_px, top_px + side_px + 22), 0.5, FAINT)
        top_px = below_px
    _write_legend(image, (left_px, top_px), legend)
    return image


def _close_ups(route: Route) -> list[tuple[float, str]]:
    """s and title of the places to look at closely."""
    start_m, end_m, _ = route.stretch
    places = [(min(start_m + 20.0, (start_m + end_m) / 2), f"near the start, {CLOSE_UP_M:.0f} m wide")]
    if route.tightest_radius_m is not None:
        nodes = route.curve.nodes
        sharpest = np.maximum(np.abs(nodes.curvature_start), np.abs(nodes.curvature_end))
        sharpest[(nodes.s_m[1:] < start_m) | (nodes.s_m[:-1] > end_m)] = 0.0
        s_m = float(nodes.s_m[int(np.argmax(sharpest))])
        title = (
            f"tightest bend of the route, R = {route.tightest_radius_m:.0f} m, after {max(0.0, s_m - start_m):.0f} m"
        )
        places.append((s_m, title))
    return places


def _write_head(image: np.ndarray, road_map: RoadMap, route: Route) -> None:
    total_m = sum(road.length_m for road in road_map.roads.values())
    radius = route.tightest_radius_m
    facts = [
        f"{len(road_map.roads)} road{'s' * (len(road_map.roads) > 1)}, {total_m / 1000:.1f} km",
        f"route {route.stretch.length_m / 1000:.2f} km, {'closed' if route.is_closed else 'open'}",
        "straight" if radius is None else f"tightest bend R = {radius:.0f} m",
    ]
    draw_text(image, road_map.path.name, (MARGIN_PX // 2, 34), 0.95, INK, thickness=2)
    draw_text(image, "   |   ".join(facts), (MARGIN_PX // 2, 62), 0.55, FAINT)


def _legend(road_map: RoadMap, route: Route) -> list[tuple[str, tuple[int, int, int]]]:
    """Labels and colours of what the image shows."""
    kinds = {lane.type for road in road_map.roads.values() for part in road.sections for lane in part.lanes.values()}
    colours = {lane_colour(kind) for kind in kinds}
    rows = [("route, in driving direction", ROUTE), ("start", START)]
    rows += [] if route.is_closed else [("end", END)]
    lanes = [("lane to drive on", ASPHALT), ("shoulder, parking, cycle lane", SHOULDER), ("sidewalk and other", OTHER)]
    return rows + [(text, colour) for text, colour in lanes if colour in colours]


def _write_legend(image: np.ndarray, corner: tuple[int, int], legend: list[tuple[str, tuple[int, int, int]]]) -> None:
    left, top = corner
    for index, (text, colour) in enumerate(legend):
        middle = top + index * ROW_PX
        if colour in (START, END):
            cv2.circle(image, (left + 14, middle), 7, colour, -1, cv2.LINE_AA)
        else:
            half_px = 3 if colour == ROUTE else 8
            cv2.rectangle(image, (left, middle - half_px), (left + 28, middle + half_px), colour, -1)
        draw_text(image, text, (left + 42, middle + 6), 0.5, INK)
