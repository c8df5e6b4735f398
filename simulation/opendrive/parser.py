"""Reads OpenDRIVE files (1.1 to 1.8): road surfaces, lanes, marks and links.

Supported: plan view (line, spiral, arc, poly3, paramPoly3), elevation, superelevation, lateral shape, lane offset, lane
sections, widths and borders, road marks, links of roads and lanes, junction connections. Other elements are ignored;
`RoadMap.unsupported` lists them. A piece with an error is skipped or repaired; `RoadMap.notices` lists these.
"""

import gc
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import msgspec

from simulation.opendrive.attributes import cubics, described, from_the_start, number, plausible
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.lane_reader import MAX_WIDTH_M, bank_in_radians, read_sections
from simulation.opendrive.lanes import Cubic
from simulation.opendrive.link_reader import note_dangling_lanes, read_connections, read_link
from simulation.opendrive.notices import Notices, Place
from simulation.opendrive.plan_view import PlanView, read_plan_view
from simulation.opendrive.road_map import Road, RoadMap
from simulation.opendrive.surface import CrossSection, Profiles
from simulation.opendrive.unsupported import unsupported
from simulation.opendrive.xml_reader import read_xml

ROOT = "OpenDRIVE"
MAX_STEP_M = 0.5  # between the length of a road and its plan view: not worth a notice
MAX_MAP_M = 5e6  # length of all roads
MAX_HEIGHT_M = 20e3
MAX_BANK = 90.0  # degrees, in which some files give it
LEFT_HAND, RIGHT_HAND = "lht", "rht"


def read_map(path: Path, content: bytes | None = None) -> RoadMap:
    """Read a map from a file, or from `content`; `path` is then only its name.

    Raises OpenDriveError with the reason when nothing in it can be driven.
    """
    is_collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of objects that all stay: collecting takes a third of the time
    try:
        return _read_map(path, content)
    finally:
        if is_collecting:
            gc.enable()


def _read_map(path: Path, content: bytes | None) -> RoadMap:
    notices = Notices()
    root = read_xml(path, content, Place(notices, "file"))
    if root.tag.lower() != ROOT.lower() and root.find("road") is None:
        raise OpenDriveError(f"{path}: <{root.tag}>: expected the root element {ROOT}")
    if root.tag != ROOT:
        Place(notices, root.tag).repaired(f"read as {ROOT}")
    for element in root.iterfind("include"):
        Place(notices, "include").skipped(f"{described(element, 'file')}: other files are not read")
    elements = _roads_by_id(root, notices)
    roads = _read_roads(elements, notices)
    if not roads:
        first = next((notice for notice in notices if notice.action == "skipped"), None)
        reason = "it contains no road" if first is None else f"it contains no road that can be used: {first}"
        raise OpenDriveError(f"{path}: {ROOT}: {reason}")
    junctions = _junctions_by_id(root, notices)
    junction_ids = set(junctions)
    for road_id in roads:
        place = Place(notices, "road", road_id)
        predecessor, successor = (
            read_link(elements[road_id], name, roads, junction_ids, place) for name in ("predecessor", "successor")
        )
        if predecessor is not None or successor is not None:
            roads[road_id] = msgspec.structs.replace(roads[road_id], predecessor=predecessor, successor=successor)
    connections = {
        junction_id: read_connections(element, roads, Place(notices, "junction", junction_id))
        for junction_id, element in junctions.items()
    }
    note_dangling_lanes(roads, notices)
    return RoadMap(path, roads, connections, unsupported(root), tuple(notices))


def _roads_by_id(root: Element, notices: Notices) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for index, element in enumerate(root.iterfind("road")):
        road_id = element.get("id", "").strip()
        if not road_id:
            road_id = f"unnamed-{index}"
            Place(notices, "road", road_id).repaired(f"{described(element, 'id')}; it is named so")
        if road_id in found:
            Place(notices, "road", road_id).skipped("this id is used twice; the first road is used")
            continue
        found[road_id] = element
    return found


def _junctions_by_id(root: Element, notices: Notices) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for element in root.iterfind("junction"):
        junction_id = element.get("id", "").strip()
        if not junction_id or junction_id in found:
            reason = "this id is used twice; the first junction is used" if junction_id else described(element, "id")
            Place(notices, "junction", junction_id).skipped(reason)
            continue
        found[junction_id] = element
    return found


def _read_roads(elements: dict[str, Element], notices: Notices) -> dict[str, Road]:
    roads: dict[str, Road] = {}
    length_m = 0.0
    for road_id, element in elements.items():
        place = Place(notices, "road", road_id)
        road = _read_road(element, road_id, place)
        if road is None:
            continue
        if length_m + road.length_m > MAX_MAP_M:
            place.skipped(f"the roads of a map may be {MAX_MAP_M:g} m long together")
            continue
        length_m += road.length_m
        roads[road_id] = road
    return roads


def _read_road(element: Element, road_id: str, place: Place) -> Road | None:
    plan = read_plan_view(element.find("planView"), place)
    if not plan.pieces:
        place.skipped("it has no planView with a geometry that can be used")
        return None
    end_m = plan.pieces[-1].end_m
    if plan.pieces[0].s_m < 0.0 or end_m <= 0.0:
        place.skipped(f"its plan view starts at s = {plan.pieces[0].s_m:g} m; expected 0")
        return None
    length_m = number(element, "length", place)
    moved_m = sum(bridge.length_m for bridge in plan.bridges)
    if length_m is None or abs(length_m + moved_m - end_m) > MAX_STEP_M:
        written = described(element, "length") if length_m is None else f"length={length_m:g}"
        place.repaired(f"{written}, but its plan view ends at {end_m:g} m, which is used")
    lanes = element.find("lanes")
    sections = () if lanes is None else read_sections(lanes, plan, end_m, place)
    if lanes is None or not sections:
        place.skipped("it has no lanes with a laneSection that can be used")
        return None
    junction = element.get("junction", "-1").strip()
    return Road(
        id=road_id,
        length_m=end_m,
        junction=None if junction in ("-1", "") else junction,
        plan=plan.pieces,
        lane_offset=_profile(lanes.findall("laneOffset"), plan, MAX_WIDTH_M, place.at("laneOffset")),
        sections=sections,
        predecessor=None,
        successor=None,
        profiles=_profiles(element, plan, place),
        is_right_hand=_is_right_hand(element, place),
    )


def _is_right_hand(element: Element, place: Place) -> bool:
    rule = element.get("rule", "RHT")
    if rule not in ("RHT", "LHT"):
        known = rule.strip().lower() in (LEFT_HAND, RIGHT_HAND)
        read = rule.strip().upper() if known else "RHT"
        place.repaired(f"{described(element, 'rule')}: read as {read}")
    return rule.strip().lower() != LEFT_HAND


def _profiles(element: Element, plan: PlanView, place: Place) -> Profiles:
    at_elevation, at_bank = place.at("elevation"), place.at("superelevation")
    elevation = _profile(element.findall("elevationProfile/elevation"), plan, MAX_HEIGHT_M, at_elevation)
    bank = _profile(element.findall("lateralProfile/superelevation"), plan, MAX_BANK, at_bank)
    return Profiles(
        elevation=from_the_start(elevation, at_elevation),
        superelevation=bank_in_radians(bank, at_bank),
        shape=_shape(element.findall("lateralProfile/shape"), plan, place.at("shape")),
    )


def _profile(elements: Sequence[Element], plan: PlanView, limit: float, place: Place) -> tuple[Cubic, ...]:
    """Cubic records over s of the road."""
    if not elements:
        return ()
    records = cubics(elements, "s", place)
    if plan.bridges:
        records = tuple(msgspec.structs.replace(record, s_m=plan.moved_m(record.s_m)) for record in records)
    return plausible(records, plan.pieces[-1].end_m, limit, place)


def _shape(elements: Sequence[Element], plan: PlanView, place: Place) -> tuple[CrossSection, ...]:
    by_station: dict[float, list[Element]] = {}
    for element in elements:
        s_m = number(element, "s", place)
        if s_m is None:
            place.skipped(f"{described(element, 's')}: expected a finite number")
            continue
        by_station.setdefault(plan.moved_m(s_m), []).append(element)
    found = []
    for s_m, group in sorted(by_station.items()):
        pieces = plausible(cubics(group, "t", place), 0.0, MAX_HEIGHT_M, place)
        if pieces:
            found.append(CrossSection(s_m, pieces))
    return tuple(found)
