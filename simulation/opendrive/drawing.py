"""Draws a part of a road map from above: lanes, markings, a route and a scale bar. Colours are BGR."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
from msgspec import Struct

from simulation.opendrive.lanes import LaneSection, RoadMark, Stroke
from simulation.opendrive.network import DRIVABLE
from simulation.opendrive.road_map import Road, RoadMap
from simulation.opendrive.routes import Route

SUPERSAMPLING = 2  # factor by which the canvas is larger than the image
SHIFT = 4  # fractional bits of OpenCV's coordinates
STEP_M = 2.0  # between the points of a border
GRASS, PAPER, INK, FAINT = (222, 233, 220), (250, 250, 250), (40, 40, 44), (120, 120, 126)
ASPHALT, SHOULDER, OTHER = (112, 106, 102), (142, 137, 133), (186, 182, 178)
WHITE, YELLOW = (255, 255, 255), (40, 190, 250)
ROUTE, START, END = (222, 98, 32), (60, 160, 40), (50, 50, 215)
SHOULDERS = ("shoulder", "stop", "border", "parking", "biking", "restricted")
NICE_LENGTHS_M = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class MapWindow(Struct, frozen=True):
    """The part of the map that an image shows, north up."""

    centre: tuple[float, float]  # x, y in m
    px_per_m: float
    size_px: tuple[int, int]  # width, height of the image

    def px(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) m to (N, 2) pixels of the supersampled canvas with `SHIFT` fractional bits."""
        width, height = self.size_px
        u = (points[:, 0] - self.centre[0]) * self.px_per_m + width / 2
        v = height / 2 - (points[:, 1] - self.centre[1]) * self.px_per_m
        return np.round(np.column_stack([u, v]) * SUPERSAMPLING * 2**SHIFT).astype(np.int32)

    def shows(self, points: np.ndarray) -> bool:
        """Whether the bounding box of these points overlaps the window."""
        half = np.array(self.size_px) / self.px_per_m / 2
        low, high = np.array(self.centre) - half, np.array(self.centre) + half
        return bool((points.max(axis=0) >= low).all() and (points.min(axis=0) <= high).all())


def draw_map(view: MapWindow, road_map: RoadMap, route: Route) -> np.ndarray:
    """(H, W, 3) uint8 BGR image of the window."""
    width, height = view.size_px
    fine = np.full((height * SUPERSAMPLING, width * SUPERSAMPLING, 3), GRASS, np.uint8)
    # Drivable lanes last: the sidewalk of one road must not cover the asphalt of another road in a junction.
    for is_drivable in (False, True):
        for road in road_map.roads.values():
            _draw_lanes(fine, view, road, is_drivable)
    for road in road_map.roads.values():
        _draw_marks(fine, view, road)
    _draw_route(fine, view, route)
    _draw_scale(fine, view)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)


def lane_colour(kind: str) -> tuple[int, int, int] | None:
    """Colour of a lane type; None: not drawn."""
    if kind in DRIVABLE:
        return ASPHALT
    return None if kind == "none" else SHOULDER if kind in SHOULDERS else OTHER


def outlines(road: Road) -> Iterator[np.ndarray]:
    """The outermost drawn borders of a road."""
    for section, s_m in _sections(road):
        lanes = [lane_id for lane_id, lane in section.lanes.items() if lane_id == 0 or lane_colour(lane.type)]
        yield _border(road, section, max(lanes), s_m)
        yield _border(road, section, min(lanes), s_m)


def draw_text(
    image: np.ndarray,
    text: str,
    corner: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    thickness: int = 1,
) -> None:
    """Draw text with its lower left corner at `corner`."""
    thickness = max(thickness, round(size))
    cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)


def _draw_lanes(fine: np.ndarray, view: MapWindow, road: Road, is_drivable: bool) -> None:
    for section, s_m in _sections(road):
        for lane_id, lane in section.lanes.items():
            colour = lane_colour(lane.type)
            if lane_id == 0 or colour is None or (colour == ASPHALT) != is_drivable:
                continue
            inner_id = lane_id - 1 if lane_id > 0 else lane_id + 1
            ring = np.concatenate([_border(road, section, lane_id, s_m), _border(road, section, inner_id, s_m)[::-1]])
            if view.shows(ring):
                cv2.fillPoly(fine, [view.px(ring)], colour, cv2.LINE_AA, SHIFT)


def _draw_marks(fine: np.ndarray, view: MapWindow, road: Road) -> None:
    for section, _ in _sections(road):
        length_m = min(section.end_m, road.length_m) - section.s_m
        for lane_id, lane in section.lanes.items():
            ends = [*(mark.s_m for mark in lane.marks[1:]), length_m]
            for mark, end_m in zip(lane.marks, ends, strict=False):
                for stroke in mark.strokes:
                    _draw_stroke(fine, view, road, section, lane_id, mark, stroke, end_m)


def _draw_stroke(
    fine: np.ndarray,
    view: MapWindow,
    road: Road,
    section: LaneSection,
    lane_id: int,
    mark: RoadMark,
    stroke: Stroke,
    end_m: float,
) -> None:
    """Draw dashes where the scale resolves them, otherwise a fainter line; at least one pixel of the canvas wide."""
    scale = view.px_per_m * SUPERSAMPLING
    is_broken = stroke.dash_m > 0
    are_dashes_visible = is_broken and stroke.gap_m * scale >= 4
    colour = np.array(YELLOW if mark.is_yellow else WHITE, float)
    if is_broken and not are_dashes_visible:
        colour = (colour + ASPHALT) / 2
    if are_dashes_visible:
        starts = np.arange(mark.s_m + stroke.phase_m, end_m, stroke.dash_m + stroke.gap_m)
        pieces = [(start, min(start + stroke.dash_m, end_m)) for start in starts]
    else:
        pieces = [(mark.s_m, end_m)]
    thickness = max(1, round(stroke.width_m * scale))
    for start_m, stop_m in pieces:
        if stop_m - start_m < 0.01:
            continue
        s_m = section.s_m + np.linspace(start_m, stop_m, max(2, math.ceil((stop_m - start_m) / STEP_M) + 1))
        line = _border(road, section, lane_id, s_m, stroke.t_m)
        if view.shows(line):
            cv2.polylines(fine, [view.px(line)], False, colour.tolist(), thickness, cv2.LINE_AA, SHIFT)


def _draw_route(fine: np.ndarray, view: MapWindow, route: Route) -> None:
    start_m, end_m, _ = route.stretch
    s_m = np.linspace(start_m, end_m, max(2, math.ceil(end_m - start_m)) + 1)
    x, y, heading, _ = route.curve.poses(np.minimum(s_m, route.length_m - 1e-6) if route.is_closed else s_m)
    line = np.column_stack([x, y])
    thickness = round(max(3.0, 0.25 * view.px_per_m) * SUPERSAMPLING)
    cv2.polylines(fine, [view.px(line)], route.is_closed, ROUTE, thickness, cv2.LINE_AA, SHIFT)
    size_m = max(9.0 / view.px_per_m, 0.9)
    gap_m = max(110.0 / view.px_per_m, 4.0)
    for index in np.unique(np.searchsorted(s_m, np.arange(start_m + gap_m / 2, end_m, gap_m))):
        if index < len(s_m):
            ahead = np.array([math.cos(heading[index]), math.sin(heading[index])]) * size_m
            left = np.array([-ahead[1], ahead[0]]) * 0.7
            arrow = np.stack([line[index] + ahead, line[index] - ahead + left, line[index] - ahead - left])
            cv2.fillPoly(fine, [view.px(arrow)], ROUTE, cv2.LINE_AA, SHIFT)
            cv2.polylines(fine, [view.px(arrow)], True, WHITE, SUPERSAMPLING, cv2.LINE_AA, SHIFT)
    ends = [(line[0], START)] if route.is_closed else [(line[-1], END), (line[0], START)]
    for point, colour in ends:
        (centre,) = view.px(point[None])
        for radius_px, fill in ((10, WHITE), (7, colour)):
            cv2.circle(fine, centre.tolist(), radius_px * SUPERSAMPLING * 2**SHIFT, fill, -1, cv2.LINE_AA, SHIFT)


def _draw_scale(fine: np.ndarray, view: MapWindow) -> None:
    """Draw a bar in the lower left corner, at most a fifth of the width."""
    room_m = view.size_px[0] / 5 / view.px_per_m
    length_m = max((length for length in NICE_LENGTHS_M if length <= room_m), default=NICE_LENGTHS_M[0])
    left, bottom = 20 * SUPERSAMPLING, (view.size_px[1] - 22) * SUPERSAMPLING
    right = left + round(length_m * view.px_per_m * SUPERSAMPLING)
    box = (
        (left - 10 * SUPERSAMPLING, bottom - 32 * SUPERSAMPLING),
        (max(right, left + 50 * SUPERSAMPLING) + 10 * SUPERSAMPLING, bottom + 12 * SUPERSAMPLING),
    )
    cv2.rectangle(fine, *box, PAPER, -1)
    for start, end in (
        ((left, bottom), (right, bottom)),
        *(((u, bottom - 12), (u, bottom + 12)) for u in (left, right)),
    ):
        cv2.line(fine, start, end, INK, 2 * SUPERSAMPLING, cv2.LINE_AA)
    text = f"{length_m} m" if length_m < 1000 else f"{length_m // 1000} km"
    draw_text(fine, text, (left + 4 * SUPERSAMPLING, bottom - 11 * SUPERSAMPLING), 0.55 * SUPERSAMPLING, INK)


def _sections(road: Road) -> Iterator[tuple[LaneSection, np.ndarray]]:
    """Each section longer than 1 mm, with s of points along it."""
    for section in road.sections:
        end_m = min(section.end_m, road.length_m)
        if end_m - section.s_m > 1e-3:
            yield section, np.linspace(section.s_m, end_m, max(2, math.ceil((end_m - section.s_m) / STEP_M) + 1))


def _border(road: Road, section: LaneSection, lane_id: int, s_m: np.ndarray, offset_m: float = 0.0) -> np.ndarray:
    """(N, 2) map coordinates of a lane's outer border, or of a line `offset_m` to its left."""
    x, y, heading, _ = road.curve.poses(s_m)
    t_m = section.border_m(lane_id, road.lane_offset, s_m)[0] + offset_m
    return np.column_stack([x - t_m * np.sin(heading), y + t_m * np.cos(heading)])
