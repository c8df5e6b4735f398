"""Lanes of a road: sections, widths, marks and links, as in an OpenDRIVE file.

Lane ids: 0 is the centre line, positive ids are to the left of it, negative ids to the right. t is left positive.
"""

from bisect import bisect_right
from operator import attrgetter

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple

DASH_M, GAP_M = 3.0, 9.0  # of a broken line without dimensions in the file
DOT_M, DOT_GAP_M = 0.10, 1.10  # Botts' dots: a row of round markers, drawn as squares
DOUBLE_GAP_M = 0.12  # between the two strokes of a double line


class Cubic(Struct, frozen=True):
    """a + b ds + c ds² + d ds³, valid from `s_m` on."""

    s_m: float
    a: float
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


def cubic_values(cubics: tuple[Cubic, ...], s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope of a piecewise cubic function at each s; 0 before the first piece."""
    if not cubics:
        return np.zeros_like(s_m), np.zeros_like(s_m)
    table = np.array([(cubic.s_m, cubic.a, cubic.b, cubic.c, cubic.d) for cubic in cubics])
    piece = np.searchsorted(table[:, 0] - 1e-9, s_m, side="right") - 1
    start_m, a, b, c, d = table[np.maximum(piece, 0)].T
    ds = s_m - start_m
    value, slope = a + ds * (b + ds * (c + ds * d)), b + ds * (2 * c + ds * 3 * d)
    return np.where(piece < 0, 0.0, value), np.where(piece < 0, 0.0, slope)


def cubic_value(cubics: tuple[Cubic, ...], s_m: float) -> tuple[float, float]:
    """As `cubic_values`, for one s in plain floats, which takes a tenth of the time."""
    piece = bisect_right(cubics, s_m + 1e-9, key=attrgetter("s_m")) - 1
    if piece < 0:
        return 0.0, 0.0
    start_m, a, b, c, d = astuple(cubics[piece])
    ds = s_m - start_m
    return a + ds * (b + ds * (c + ds * d)), b + ds * (2 * c + ds * 3 * d)


def _not_negative(width: np.ndarray, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    is_negative = width < 0.0
    return (
        (np.where(is_negative, 0.0, width), np.where(is_negative, 0.0, change))
        if is_negative.any()
        else (width, change)
    )


class Stroke(Struct, frozen=True):
    """One painted line of a road mark."""

    t_m: float  # of its middle, left of the border
    width_m: float
    dash_m: float = 0.0  # 0: solid
    gap_m: float = 0.0
    phase_m: float = 0.0  # s of the start of the first dash, from the start of the mark


class RoadMark(Struct, frozen=True):
    """The marking on the outer border of a lane, from `s_m` (of the section) on; without strokes: unpainted."""

    s_m: float
    type: str
    is_yellow: bool
    strokes: tuple[Stroke, ...]

    @property
    def reach_left_m(self) -> float:
        """Distance from the border to the left edge of the paint; 0 without paint."""
        return max((stroke.t_m + stroke.width_m / 2 for stroke in self.strokes), default=0.0)

    @property
    def reach_right_m(self) -> float:
        """Distance from the border to the right edge of the paint; 0 without paint."""
        return max((stroke.width_m / 2 - stroke.t_m for stroke in self.strokes), default=0.0)


def strokes_for_type(kind: str, width_m: float) -> tuple[Stroke, ...]:
    """Strokes of a mark type; in a type of two words the first is the left stroke."""
    if kind == "botts dots":
        return (Stroke(0.0, DOT_M, DOT_M, DOT_GAP_M),)
    words = [word for word in kind.split() if word in ("solid", "broken")]
    if not words:
        return ()

    def stroke(word: str, t_m: float) -> Stroke:
        return Stroke(t_m, width_m, DASH_M, GAP_M) if word == "broken" else Stroke(t_m, width_m)

    if len(words) == 1:
        return (stroke(words[0], 0.0),)
    offset_m = (width_m + DOUBLE_GAP_M) / 2
    return stroke(words[0], offset_m), stroke(words[1], -offset_m)


class Lane(Struct, frozen=True):
    """One lane of one section."""

    id: int
    type: str
    widths: tuple[Cubic, ...]  # s from the start of the section
    marks: tuple[RoadMark, ...]
    predecessor: int | None = None
    successor: int | None = None
    borders: tuple[Cubic, ...] = ()  # t of the outer border, for a lane declared without widths

    def mark_at(self, s_m: float) -> RoadMark | None:
        """The mark at s of the section, or None."""
        index = bisect_right([mark.s_m for mark in self.marks], s_m + 1e-9) - 1
        return self.marks[index] if index >= 0 else None


class LaneSection(Struct, frozen=True):
    """The lanes of a road from `s_m` to `end_m`."""

    s_m: float
    end_m: float
    lanes: dict[int, Lane]

    def border_m(self, lane_id: int, offset: tuple[Cubic, ...], s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """t of a lane's outer border and its slope, at each s of the road (lane 0: the centre line)."""
        t_m, slope = cubic_values(offset, s_m)
        side = 1 if lane_id > 0 else -1
        for inner in range(side, lane_id + side, side):
            lane = self.lanes.get(inner)
            if lane is None:
                continue
            if lane.borders:
                t_m, slope = cubic_values(lane.borders, s_m - self.s_m)
            else:
                width, change = _not_negative(*cubic_values(lane.widths, s_m - self.s_m))
                t_m, slope = t_m + side * width, slope + side * change
        return t_m, slope

    def span_m(self, lane_id: int, offset: tuple[Cubic, ...], s_m: float) -> tuple[float, float]:
        """t of a lane's inner and outer border at one s of the road."""
        inner_m = outer_m = cubic_value(offset, s_m)[0]
        side = 1 if lane_id > 0 else -1
        for index in range(side, lane_id + side, side):
            inner_m, lane = outer_m, self.lanes.get(index)
            if lane is None:
                continue
            if lane.borders:
                outer_m = cubic_value(lane.borders, s_m - self.s_m)[0]
            else:
                outer_m += side * max(0.0, cubic_value(lane.widths, s_m - self.s_m)[0])
        return inner_m, outer_m

    def width_m(self, lane_id: int, offset: tuple[Cubic, ...], s_m: np.ndarray) -> np.ndarray:
        """Width of a lane at each s of the road."""
        inner = lane_id - 1 if lane_id > 0 else lane_id + 1
        return np.abs(self.border_m(lane_id, offset, s_m)[0] - self.border_m(inner, offset, s_m)[0])
