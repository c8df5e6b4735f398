"""What of a road is drawn: its paved ribbons and its painted strokes, on the ground plane in map coordinates."""

import math
from typing import NamedTuple

import numpy as np

from simulation.opendrive.lanes import LaneSection, RoadMark, Stroke
from simulation.opendrive.road_map import Road, RoadMap

STROKE_STEP_M = 1.0  # along the road; at R = 125 m a chord of 1 m is 1 mm off its arc
RIBBON_STEP_M, RIBBON_STEPS = 2.0, 20  # of pavements, in chunks of this many steps
VERGE_M = 0.9
PAVED_LANES = "driving bidirectional shoulder border stop parking biking entry exit onRamp offRamp connectingRamp"
WHEEL_TRACK_M, WHEEL_TRACK_WIDTH_M = 0.80, 0.55  # where tyres polish the asphalt: beside the lane's centre; how wide


class Scene(NamedTuple):
    """Ribbons are (M, 2, RIBBON_STEPS + 1, 2) m: chunks, left and right edge, points along them, x and y.

    Strokes are (N, 4, 2) m: quadrilaterals of at most 1 m that turn the same way.
    """

    verges: np.ndarray  # gravel under and beside the pavement
    pavements: np.ndarray
    wheel_tracks: np.ndarray
    white: np.ndarray
    yellow: np.ndarray


def build_scene(road_map: RoadMap) -> Scene:
    verges: list[np.ndarray] = []
    pavements: list[np.ndarray] = []
    tracks: list[np.ndarray] = []
    quads: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for road in road_map.roads.values():
        for section in road.sections:
            if section.end_m - section.s_m < 1e-3:
                continue
            _pave(road, section, verges, pavements, tracks)
            for lane_id, lane in section.lanes.items():
                ends = [*(mark.s_m for mark in lane.marks[1:]), section.end_m - section.s_m]
                for mark, end_m in zip(lane.marks, ends, strict=False):
                    for stroke in mark.strokes:
                        quads[mark.is_yellow] += _stroke_quads(road, section, lane_id, mark, stroke, end_m)

    def stacked(parts: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        return np.concatenate(parts) if parts else np.zeros((0, *shape))

    ribbon, quad = (2, RIBBON_STEPS + 1, 2), (4, 2)
    return Scene(
        stacked(verges, ribbon),
        stacked(pavements, ribbon),
        stacked(tracks, ribbon),
        stacked(quads[False], quad),
        stacked(quads[True], quad),
    )


def _pave(
    road: Road,
    section: LaneSection,
    verges: list[np.ndarray],
    pavements: list[np.ndarray],
    tracks: list[np.ndarray],
) -> None:
    paved = [lane_id for lane_id, lane in section.lanes.items() if lane.type in PAVED_LANES.split() and lane_id]
    if not paved:
        return
    chunks = math.ceil((section.end_m - section.s_m) / (RIBBON_STEP_M * RIBBON_STEPS))
    s_m = np.linspace(section.s_m, section.end_m, chunks * RIBBON_STEPS + 1)

    def border(lane_id: int) -> np.ndarray:
        return section.border_m(lane_id, road.lane_offset, s_m)[0]

    left, right = border(max(0, *paved)), border(min(0, *paved))
    verges.append(_ribbon(road, s_m, left + VERGE_M, right - VERGE_M))
    pavements.append(_ribbon(road, s_m, left, right))
    for lane_id in paved:
        if section.lanes[lane_id].type == "driving":
            centre = (border(lane_id) + border(lane_id - 1 if lane_id > 0 else lane_id + 1)) / 2
            for track_m in (-WHEEL_TRACK_M, WHEEL_TRACK_M):
                half_m = WHEEL_TRACK_WIDTH_M / 2
                tracks.append(_ribbon(road, s_m, centre + track_m + half_m, centre + track_m - half_m))


def _ribbon(road: Road, s_m: np.ndarray, left_t_m: np.ndarray, right_t_m: np.ndarray) -> np.ndarray:
    """Chunks between two edges; neighbours share their end points."""
    edges = np.stack([_points(road, s_m, left_t_m), _points(road, s_m, right_t_m)])
    starts = range(0, len(s_m) - 1, RIBBON_STEPS)
    return np.stack([edges[:, start : start + RIBBON_STEPS + 1] for start in starts])


def _points(road: Road, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
    x, y, heading, _ = road.curve.poses(s_m)
    return np.column_stack([x - t_m * np.sin(heading), y + t_m * np.cos(heading)])


def _stroke_quads(
    road: Road, section: LaneSection, lane_id: int, mark: RoadMark, stroke: Stroke, end_m: float
) -> list[np.ndarray]:
    """The painted pieces of one stroke, from its mark's begin to `end_m` (of the section)."""
    if stroke.dash_m > 0:
        dashes = np.arange(mark.s_m + stroke.phase_m, end_m, stroke.dash_m + stroke.gap_m)
        pieces = [(start, min(start + stroke.dash_m, end_m)) for start in dashes]
    else:
        pieces = [(mark.s_m, end_m)]
    found = []
    for start_m, stop_m in pieces:
        if stop_m - start_m < 1e-6:
            continue
        s_m = section.s_m + np.linspace(start_m, stop_m, max(2, math.ceil((stop_m - start_m) / STROKE_STEP_M) + 1))
        border, _ = section.border_m(lane_id, road.lane_offset, s_m)
        left = _points(road, s_m, border + stroke.t_m + stroke.width_m / 2)
        right = _points(road, s_m, border + stroke.t_m - stroke.width_m / 2)
        found.append(np.stack([left[:-1], right[:-1], right[1:], left[1:]], axis=1))
    return found
