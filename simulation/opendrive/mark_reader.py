"""Reads road marks: their type, colour and painted lines."""

import math
from collections.abc import Iterable
from functools import lru_cache
from xml.etree.ElementTree import Element

from simulation.opendrive.attributes import described, number
from simulation.opendrive.lanes import RoadMark, Stroke, strokes_for_type
from simulation.opendrive.notices import Place

DEFAULT_WIDTH_M = {"standard": 0.12, "bold": 0.25}
MAX_WIDTH_M = 2.0
PAINTED = ("solid", "broken", "solid solid", "solid broken", "broken solid", "broken broken", "botts dots")
BY_LINES = "custom"  # painted only where the file gives its lines
NOT_PAINTED = ("none", "curb", "grass", "edge", BY_LINES)
OTHER_NAMES = {"dashed": "broken", "dotted": "broken", "road edge": "edge", "double solid": "solid solid"}
COLOURS = ("standard", "white", "yellow")
ONCE_M = 1e6  # the gap behind a line that is painted once
MIN_PERIOD_M = 0.05  # of a broken line


def read_marks(elements: Iterable[Element], place: Place) -> tuple[RoadMark, ...]:
    """The marks of one lane in ascending order of their start."""
    found = [_mark(element, place.at("roadMark")) for element in elements]
    ordered = sorted(found, key=lambda mark: mark.s_m)
    if [mark.s_m for mark in ordered] != [mark.s_m for mark in found]:
        place.at("roadMark").repaired("they are out of order; sorted by sOffset")
    return tuple(ordered)


@lru_cache(maxsize=1024)
def _plain_mark(kind: str, width: str, colour: str, start: str) -> RoadMark | None:
    """A mark without lines and errors, of which files have thousands."""
    try:
        width_m, start_m = float(width), float(start)
    except ValueError:
        return None
    if kind not in PAINTED or colour not in COLOURS or not 0.0 < width_m <= MAX_WIDTH_M or not 0.0 <= start_m < 1e6:
        return None
    return RoadMark(start_m, kind, colour == "yellow", strokes_for_type(kind, width_m))


def _mark(element: Element, place: Place) -> RoadMark:
    if len(element) == 0:
        plain = _plain_mark(*(element.get(name, "") for name in ("type", "width", "color", "sOffset")))
        if plain is not None:
            return plain
    kind = _kind(element, place)
    width_m = _width_m(element, kind, place)
    strokes: tuple[Stroke, ...] = ()
    if kind in (*PAINTED, BY_LINES):
        lines = [_stroke(line, width_m, place.at("line")) for line in element.iterfind("type/line")]
        lines += [_stroke(line, width_m, place.at("line"), once=True) for line in element.iterfind("explicit/line")]
        strokes = tuple(lines) or strokes_for_type(kind, width_m)
    start_m = number(element, "sOffset", place, 0.0) or 0.0
    if start_m < 0.0:
        place.repaired(f"sOffset={start_m:g}: it starts at 0 m")
    return RoadMark(
        s_m=max(0.0, start_m),
        type=kind,
        is_yellow=_colour(element, place) == "yellow",
        strokes=strokes,
    )


def _kind(element: Element, place: Place) -> str:
    written = element.get("type", "none")
    if written in PAINTED or written in NOT_PAINTED:
        return written
    kind = " ".join(written.lower().replace("_", " ").split())
    kind = OTHER_NAMES.get(kind, kind)
    if kind in PAINTED or kind in NOT_PAINTED:
        place.repaired(f"{described(element, 'type')}: read as {kind}")
        return kind
    place.skipped(f"{described(element, 'type')} is unknown; not drawn")
    return "none"


def _colour(element: Element, place: Place) -> str:
    written = element.get("color", "standard")
    if written in COLOURS:
        return written
    colour = written.strip().lower()
    if colour in COLOURS:
        place.repaired(f"{described(element, 'color')}: read as {colour}")
        return colour
    if element.get("type", "none") != "none":
        place.repaired(f"{described(element, 'color')}: drawn in white")
    return "white"


def _width_m(element: Element, kind: str, place: Place) -> float:
    default_m = DEFAULT_WIDTH_M.get(element.get("weight", "").strip().lower(), DEFAULT_WIDTH_M["standard"])
    if kind not in PAINTED:
        place = Place(type(place.notices)(), place.element)  # of no consequence
    width_m = number(element, "width", place, default_m) or 0.0
    if 0.0 < width_m <= MAX_WIDTH_M:
        return width_m
    place.repaired(f"width={width_m:g}: expected more than 0 and at most {MAX_WIDTH_M:g} m; {default_m:g} m is used")
    return default_m


def _stroke(element: Element, width_m: float, place: Place, once: bool = False) -> Stroke:
    """One line; `once`: an explicit one, which is not repeated."""

    def value(name: str, default: float) -> float:
        return number(element, name, place, default) or 0.0

    line_width_m = value("width", width_m)
    if not 0.0 < line_width_m <= MAX_WIDTH_M:
        place.repaired(f"width={line_width_m:g}: {width_m:g} m is used")
        line_width_m = width_m
    gap_m = ONCE_M if once else value("space", 0.0)
    dash_m = value("length", 0.0) if gap_m > 0 else 0.0
    if dash_m > 0 and dash_m + gap_m < MIN_PERIOD_M:
        place.repaired(f"its dashes follow each other every {dash_m + gap_m:g} m; read as a solid line")
        dash_m = 0.0
    phase_m = value("sOffset", 0.0)
    if phase_m < 0.0:
        phase_m %= dash_m + gap_m if dash_m > 0 and not once else math.inf
    return Stroke(value("tOffset", 0.0), line_width_m, max(dash_m, 0.0), gap_m if dash_m > 0 else 0.0, phase_m)
