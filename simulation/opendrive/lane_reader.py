"""Reads the lane sections of a road and their lanes."""

import itertools
import math
from collections.abc import Set
from xml.etree.ElementTree import Element

import msgspec

from simulation.opendrive.attributes import cubics, described, from_the_start, integer, number, plausible
from simulation.opendrive.lanes import Cubic, Lane, LaneSection, cubic_value
from simulation.opendrive.mark_reader import read_marks
from simulation.opendrive.notices import Place
from simulation.opendrive.plan_view import PlanView

MIN_SECTION_M = 1e-6
MAX_LATE_M = 0.5  # of the first section: not worth a notice
MAX_LANE_ID = 64
MAX_WIDTH_M = 1000.0
NEGATIVE_M = -0.01  # widths below are worth a notice
LANE_TYPES = (
    "none", "driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp", "slipLane", "bus",
    "taxi", "HOV", "shoulder", "border", "stop", "parking", "biking", "sidewalk", "walking", "curb", "median",
    "restricted", "rail", "tram", "roadWorks", "shared", "special1", "special2", "special3",
)  # fmt: skip
OTHER_TYPES = {"mwyentry": "entry", "mwyexit": "exit"} | {kind.lower(): kind for kind in LANE_TYPES}


def read_sections(lanes: Element, plan: PlanView, end_m: float, place: Place) -> tuple[LaneSection, ...]:
    """The sections in ascending order, from 0 to `end_m`; empty when there is none that can be used."""
    found: list[tuple[float, Element, int]] = []
    for index, element in enumerate(lanes.iterfind("laneSection")):
        s_m = number(element, "s", place.at(f"laneSection {index}"))
        if s_m is None:
            place.at(f"laneSection {index}").skipped(f"{described(element, 's')}: expected a finite number")
            continue
        found.append((plan.moved_m(s_m), element, index))
    if found != sorted(found, key=lambda item: item[0]):
        place.at("lanes").repaired("its lane sections are out of order; sorted by s")
        found.sort(key=lambda item: item[0])
    inside = [item for item in found if item[0] < end_m - MIN_SECTION_M]
    for s_m, _, index in found[len(inside) :]:
        place.at(f"laneSection {index}").skipped(f"s={s_m:g}: it starts at or after the end of the road, {end_m:g} m")
    if inside and inside[0][0] > MAX_LATE_M:
        place.at(f"laneSection {inside[0][2]}").repaired(f"s={inside[0][0]:g}: the first section is used from 0 m on")
    sections: list[LaneSection] = []
    for number_in_order, (s_m, element, index) in enumerate(inside):
        start_m = 0.0 if number_in_order == 0 and (s_m > MAX_LATE_M or s_m < 0.0) else s_m
        is_last = number_in_order + 1 == len(inside)
        stop_m = end_m if is_last else max(start_m, inside[number_in_order + 1][0])
        sections.append(_section(element, start_m, stop_m, place.at(f"laneSection {index}")))
        if element.get("singleSide", "").strip().lower() in ("true", "1") and len(sections) > 1:
            sections[-1] = _with_other_side(*sections[-2:])
    return _linked(_without_empty(sections, place), place)


def _section(element: Element, start_m: float, stop_m: float, place: Place) -> LaneSection:
    lanes: dict[int, Lane] = {}
    for side in element:
        for child in side.iterfind("lane"):
            lane_id = integer(child, "id")
            if lane_id is None or abs(lane_id) > MAX_LANE_ID:
                expected = f"expected an integer from {-MAX_LANE_ID} to {MAX_LANE_ID}"
                place.at("lane").skipped(f"{described(child, 'id')}: {expected}")
                continue
            at = place.at(f"lane {lane_id}")
            if lane_id in lanes:
                at.skipped("this id is used twice in the section; the first one is used")
                continue
            if side.tag != ("center" if lane_id == 0 else "left" if lane_id > 0 else "right"):
                at.repaired(f"it is listed under {side.tag}; placed by the sign of its id")
            lanes[lane_id] = _lane(child, lane_id, stop_m - start_m, at)
    if 0 not in lanes:
        place.repaired("it has no centre lane; its centre line has no mark")
        lanes[0] = Lane(0, "none", widths=(), marks=(), predecessor=None, successor=None)
    for lane_id in (*range(1, max(lanes)), *range(-1, min(lanes), -1)):
        if lane_id not in lanes:
            place.repaired(f"lane {lane_id} is missing; the lanes beside it are joined")
    return LaneSection(start_m, stop_m, lanes)


def _lane(element: Element, lane_id: int, length_m: float, place: Place) -> Lane:
    widths = borders = ()
    if lane_id != 0:
        at = place.at("width")
        widths = plausible(cubics(element.findall("width"), "sOffset", at), length_m, MAX_WIDTH_M, at)
        # The width takes precedence over the border (OpenDRIVE 1.8, 11.6).
        at = place.at("border")
        borders = () if widths else cubics(element.findall("border"), "sOffset", at)
        borders = plausible(borders, length_m, MAX_WIDTH_M, at)
        if not widths and not borders:
            place.repaired("it has no width and no border; it is 0 m wide")
        widths = from_the_start(widths, place.at("width"))
        _note_negative(widths, length_m, place)
    kind = element.get("type", "none")
    if kind not in LANE_TYPES:
        kind = OTHER_TYPES.get(kind.strip().lower(), kind)
        known = kind in LANE_TYPES
        if known:
            place.repaired(f"{described(element, 'type')}: read as {kind}")
        else:
            place.skipped(f"{described(element, 'type')} is unknown; the lane is not driven")
    return Lane(
        id=lane_id,
        type=kind,
        widths=widths,
        borders=borders,
        marks=read_marks(element.findall("roadMark"), place),
        predecessor=_link(element, "predecessor", place),
        successor=_link(element, "successor", place),
    )


def _note_negative(widths: tuple[Cubic, ...], length_m: float, place: Place) -> None:
    for record, end_m in zip(widths, [*(record.s_m for record in widths[1:]), length_m], strict=False):
        if record.a < NEGATIVE_M or cubic_value((record,), max(record.s_m, end_m))[0] < NEGATIVE_M:
            place.at("width").repaired("it is negative in places; 0 m is used there")
            return


def _link(element: Element, name: str, place: Place) -> int | None:
    link = element.find(f"link/{name}")
    if link is None:
        return None
    lane_id = integer(link, "id")
    if lane_id is None:
        place.at(name).skipped(f"{described(link, 'id')}: expected the integer id of a lane")
    return lane_id


def _with_other_side(before: LaneSection, section: LaneSection) -> LaneSection:
    """A section that gives only one side, with the lanes of the other side continued from the section before."""
    has_left, has_right = max(section.lanes) > 0, min(section.lanes) < 0
    if has_left == has_right:
        return section
    lanes = dict(section.lanes)
    for lane_id, lane in before.lanes.items():
        if lane_id and (lane_id > 0) != has_left:
            lanes[lane_id] = _continued(lane, section.s_m - before.s_m)
            before.lanes[lane_id] = msgspec.structs.replace(lane, successor=lane_id)
    return LaneSection(section.s_m, section.end_m, lanes)


def _continued(lane: Lane, after_m: float) -> Lane:
    """The lane as a section sees it that starts `after_m` later."""

    def moved(records: tuple[Cubic, ...]) -> tuple[Cubic, ...]:
        return tuple(msgspec.structs.replace(record, s_m=record.s_m - after_m) for record in records)

    marks = [msgspec.structs.replace(mark, s_m=mark.s_m - after_m) for mark in lane.marks]
    started = [mark for mark in marks if mark.s_m <= 0.0]
    first = [msgspec.structs.replace(mark, s_m=0.0) for mark in started[-1:]]
    return msgspec.structs.replace(
        lane,
        widths=moved(lane.widths),
        borders=moved(lane.borders),
        marks=(*first, *marks[len(started) :]),
        predecessor=lane.id,
    )


def _without_empty(sections: list[LaneSection], place: Place) -> tuple[LaneSection, ...]:
    """The sections that have a length; links over a section without length lead to the one behind it."""
    kept: list[LaneSection] = []
    skipped: list[LaneSection] = []
    for section in sections:
        if section.end_m - section.s_m < MIN_SECTION_M:
            place.at(f"laneSection at s = {section.s_m:g} m").skipped("it has no length; its links are continued")
            skipped.append(section)
            continue
        if skipped and kept:
            kept[-1] = _relinked(kept[-1], skipped, "successor")
        if skipped:
            section = _relinked(section, skipped[::-1], "predecessor")
        kept.append(section)
        skipped = []
    return tuple(kept)


def _linked(sections: tuple[LaneSection, ...], place: Place) -> tuple[LaneSection, ...]:
    """The sections; where no lane has a link over the border of two of them, lanes with the same id are linked."""
    found = list(sections)
    for index, (before, after) in enumerate(itertools.pairwise(sections)):
        links = [lane.successor for lane in found[index].lanes.values() if lane.id]
        links += [lane.predecessor for lane in after.lanes.values() if lane.id]
        if any(link is not None for link in links):
            continue
        both = before.lanes.keys() & after.lanes.keys() - {0}
        found[index] = _with_links(found[index], both, "successor")
        found[index + 1] = _with_links(after, both, "predecessor")
        place.at("lanes").repaired(f"no lane is linked over s = {after.s_m:g} m; lanes with the same id are linked")
    return tuple(found)


def _with_links(section: LaneSection, lane_ids: Set[int], name: str) -> LaneSection:
    lanes = {
        lane_id: msgspec.structs.replace(lane, **{name: lane_id}) if lane_id in lane_ids else lane
        for lane_id, lane in section.lanes.items()
    }
    return LaneSection(section.s_m, section.end_m, lanes)


def _relinked(section: LaneSection, over: list[LaneSection], name: str) -> LaneSection:
    lanes = {}
    for lane_id, lane in section.lanes.items():
        target = getattr(lane, name)
        for passed in over:
            between = passed.lanes.get(target) if target is not None else None
            target = getattr(between, name) if between is not None else None
        lanes[lane_id] = msgspec.structs.replace(lane, **{name: target})
    return LaneSection(section.s_m, section.end_m, lanes)


def bank_in_radians(records: tuple[Cubic, ...], place: Place) -> tuple[Cubic, ...]:
    """Superelevation; values no road can have are taken as degrees."""
    if all(abs(record.a) <= math.pi / 2 for record in records):
        return records
    place.repaired("it would be beyond 90 degrees if in radians; read as degrees")
    return tuple(
        Cubic(record.s_m, *(math.radians(value) for value in (record.a, record.b, record.c, record.d)))
        for record in records
    )
