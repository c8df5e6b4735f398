"""Geometry of the roads to be drawn: pavements, road marks, seams and skid marks.

All of it is quadrilaterals on the road surface, hills and banks included, with the same orientation seen from above.
Coordinates are relative to a local origin, the start of the first road, and those of a model road are divided by its
scale, so that textures, verges and trees fit it. So neither float32 nor the phase of the textures depends on where the
map lies.
"""

import math
from typing import NamedTuple

import numpy as np

from simulation.conditions import Condition
from simulation.embedded.renderer.stains import skid_marks, transverse_seams
from simulation.embedded.renderer.terrain import Terrain
from simulation.opendrive.lanes import LaneSection, RoadMark, Stroke
from simulation.opendrive.road_map import Road, RoadMap

STROKE_STEP_M = 1.0  # along the road; at R = 125 m a chord of 1 m is 1 mm off its arc
RIBBON_STEP_M = 2.0
MODEL_STEP_RATIO = 0.25  # of both steps on model roads: their bends are sharper
VERGE_M = 0.9
MISSING_BLOCK_M = 6.0  # length of a stretch of missing paint
PAVED_LANES = (
    "driving bidirectional shoulder border stop parking biking entry exit onRamp offRamp connectingRamp bus taxi HOV"
)
WHEEL_TRACK_M, WHEEL_TRACK_WIDTH_M = 0.80, 0.55  # of polished asphalt: offset from the lane centre, width
SEAM_WIDTH_M = 0.05


class Scene(NamedTuple):
    """Ground layers from bottom to top, in the kernel's order; each (N, 4, 3) float32 m from the local origin."""

    origin_m: np.ndarray  # (3,) of the local coordinates, in the map
    verges: np.ndarray  # gravel under and beside the pavement
    pavements: np.ndarray
    wheel_tracks: np.ndarray
    stains: np.ndarray  # tar seams and skid marks
    white: np.ndarray
    yellow: np.ndarray
    terrain: Terrain
    verge_edges: tuple[np.ndarray, ...]  # (2, K, 3) left and right edge of the verges of each road section

    @property
    def layers(self) -> tuple[np.ndarray, ...]:
        return self[1:7]


def build_scene(road_map: RoadMap, condition: Condition, seed: int) -> Scene:
    """Build all layers, a model road enlarged to full size; `seed` gives missing paint, seams and skid marks."""
    length = road_map.scale.length
    random = np.random.default_rng([seed, 10])
    verges: list[np.ndarray] = []
    pavements: list[np.ndarray] = []
    tracks: list[np.ndarray] = []
    stains: list[np.ndarray] = []
    verge_edges: list[np.ndarray] = []
    painted: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for road in road_map.roads.values():
        for section in road.sections:
            if section.end_m - section.s_m < 1e-3:
                continue
            for paved in _pavements(section):
                s_m = _stations(section, length)
                left, right = (_border(road, section, edge, s_m) for edge in _edges(paved))
                *verge, left_edge, right_edge = road.surface.lines(
                    s_m, left + VERGE_M * length, right - VERGE_M * length, left, right
                )
                verge_edges.append(np.stack(verge))
                verges.append(_between(*verge))
                pavements.append(_between(left_edge, right_edge))
                tracks += _wheel_tracks(road, section, paved, s_m, length)
                if condition.stains > 0:
                    stains += _stains(road, section, paved, condition.stains, random, length)
            for lane_id, lane in section.lanes.items():
                ends = [*(mark.s_m for mark in lane.marks[1:]), section.end_m - section.s_m]
                for mark, end_m in zip(lane.marks, ends, strict=False):
                    for stroke in mark.strokes:
                        quads = _stroke_quads(
                            road, section, lane_id, mark, stroke, end_m, STROKE_STEP_M * _step_ratio(length)
                        )
                        painted[mark.is_yellow] += _without_missing(quads, condition.missing, random)
    origin_m = _origin_m(road_map)
    layers = [
        ((np.concatenate([np.zeros((0, 4, 3)), *parts]) - origin_m) / length).astype(np.float32)
        for parts in (verges, pavements, tracks, stains, painted[False], painted[True])
    ]
    verge, pavement, track, stain, white, yellow = layers
    local_edges = tuple(_local(edges, origin_m) / length for edges in verge_edges)
    return Scene(origin_m, verge, pavement, track, stain, white, yellow, Terrain(verge), local_edges)


def _origin_m(road_map: RoadMap) -> np.ndarray:
    first = next(iter(road_map.roads.values())).plan[0]
    return np.array([first.x_m, first.y_m, 0.0])


def _local(points_m: np.ndarray, origin_m: np.ndarray) -> np.ndarray:
    """Local coordinates, rounded to 1 um: far from the map's origin less is noise, which must not move a tree."""
    return np.round(points_m - origin_m, 6) if origin_m.any() else points_m


def _pavements(section: LaneSection) -> list[list[int]]:
    """Groups of adjacent paved lanes, from left to right; a median separates two groups."""
    found: list[list[int]] = [[]]
    for lane_id in sorted((lane_id for lane_id in section.lanes if lane_id), reverse=True):
        if section.lanes[lane_id].type in PAVED_LANES.split():
            found[-1].append(lane_id)
        elif found[-1]:
            found.append([])
    return [paved for paved in found if paved]


def _edges(paved: list[int]) -> tuple[int, int]:
    """Ids of the lanes whose outer borders are the left and right edge of a pavement; 0 is the centre line."""
    left, right = paved[0], paved[-1]
    return left if left > 0 else left + 1, right if right < 0 else right - 1


def _step_ratio(length: float) -> float:
    return length if length == 1.0 else length * MODEL_STEP_RATIO


def _stations(section: LaneSection, length: float) -> np.ndarray:
    steps = math.ceil((section.end_m - section.s_m) / (RIBBON_STEP_M * _step_ratio(length)))
    return np.linspace(section.s_m, section.end_m, steps + 1)


def _border(road: Road, section: LaneSection, lane_id: int, s_m: np.ndarray) -> np.ndarray:
    return section.border_m(lane_id, road.lane_offset, s_m)[0]


def _between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Quadrilaterals between two edges."""
    return np.stack([left[:-1], right[:-1], right[1:], left[1:]], axis=1)


def _strip(road: Road, s_m: np.ndarray, left_t_m: np.ndarray, right_t_m: np.ndarray) -> np.ndarray:
    return _between(*road.surface.lines(s_m, left_t_m, right_t_m))


def _centre(road: Road, section: LaneSection, lane_id: int, s_m: np.ndarray) -> np.ndarray:
    inner = lane_id - 1 if lane_id > 0 else lane_id + 1
    return (_border(road, section, lane_id, s_m) + _border(road, section, inner, s_m)) / 2


def _wheel_tracks(
    road: Road, section: LaneSection, paved: list[int], s_m: np.ndarray, length: float
) -> list[np.ndarray]:
    half_m, track_m = WHEEL_TRACK_WIDTH_M / 2 * length, WHEEL_TRACK_M * length
    middles = [
        _centre(road, section, lane_id, s_m) + side_m
        for lane_id in paved
        if section.lanes[lane_id].type == "driving"
        for side_m in (-track_m, track_m)
    ]
    left = road.surface.lines(s_m, *(middle + half_m for middle in middles))
    right = road.surface.lines(s_m, *(middle - half_m for middle in middles))
    return [_between(*edges) for edges in zip(left, right, strict=True)]


def _stroke_quads(
    road: Road, section: LaneSection, lane_id: int, mark: RoadMark, stroke: Stroke, end_m: float, step_m: float
) -> list[np.ndarray]:
    """Quadrilaterals of the painted pieces of one stroke, from the start of its mark to `end_m` (of the section)."""
    if stroke.dash_m > 0:
        dashes = np.arange(mark.s_m + stroke.phase_m, end_m, stroke.dash_m + stroke.gap_m)
        pieces = [(start, min(start + stroke.dash_m, end_m)) for start in dashes]
    else:
        pieces = [(mark.s_m, end_m)]
    pieces = [(start_m, stop_m) for start_m, stop_m in pieces if stop_m - start_m >= 1e-6]
    if not pieces:
        return []
    stations = [
        section.s_m + np.linspace(start_m, stop_m, max(2, math.ceil((stop_m - start_m) / step_m) + 1))
        for start_m, stop_m in pieces
    ]
    # All pieces in one call: the overhead of a call equals the cost of a thousand dashes.
    s_m = np.concatenate(stations)
    middle = _border(road, section, lane_id, s_m) + stroke.t_m
    quads = _strip(road, s_m, middle + stroke.width_m / 2, middle - stroke.width_m / 2)
    ends = np.cumsum([len(station) for station in stations])
    return [quads[end - len(station) : end - 1] for end, station in zip(ends, stations, strict=True)]


def _without_missing(pieces: list[np.ndarray], missing: float, random: np.random.Generator) -> list[np.ndarray]:
    """Remove a random share of the stretches, each MISSING_BLOCK_M long or a whole dash."""
    if missing <= 0:
        return pieces
    block = round(MISSING_BLOCK_M / STROKE_STEP_M)
    kept = []
    for quads in pieces:
        is_there = np.repeat(random.random(math.ceil(len(quads) / block)) >= missing, block)[: len(quads)]
        kept.append(quads[is_there])
    return kept


def _stains(
    road: Road, section: LaneSection, paved: list[int], amount: float, random: np.random.Generator, length: float
) -> list[np.ndarray]:
    """Tar seams along and across the lanes, and skid marks."""
    found = []
    left, right = _edges(paved)
    for lane_id in paved:
        if random.random() < amount:
            s_m = _stations(section, length)
            wander_m = 0.05 * length * np.sin(s_m / length / random.uniform(3, 9) + random.uniform(0, 6))
            middle = _border(road, section, lane_id, s_m) + length * random.uniform(0.3, 0.6) * (
                -1 if lane_id > 0 else 1
            )
            middle = middle + wander_m
            found.append(_strip(road, s_m, middle + SEAM_WIDTH_M * length / 2, middle - SEAM_WIDTH_M * length / 2))
    start_m, end_m = section.s_m / length, section.end_m / length  # at full size
    for s_m, half_m in transverse_seams(start_m, end_m, amount, random):
        ends = np.array([s_m - half_m, s_m + half_m]) * length
        found.append(_strip(road, ends, _border(road, section, left, ends), _border(road, section, right, ends)))
    for lane_id in paved:
        if section.lanes[lane_id].type != "driving":
            continue
        for s_m, t_m, width_m in skid_marks(start_m, end_m, amount, random):
            middle = _centre(road, section, lane_id, s_m * length) + t_m * length
            half_m = width_m * length / 2
            found.append(_strip(road, s_m * length, middle + half_m, middle - half_m))
    return found
