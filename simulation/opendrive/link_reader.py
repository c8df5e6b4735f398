"""Reads the links of roads and the connections of junctions, once all roads are read.

A link to something that is not in the file is skipped; a missing contact point or lane link is found from the roads.
"""

import math
from collections.abc import Iterator
from typing import Literal
from xml.etree.ElementTree import Element

from simulation.opendrive.attributes import described, integer
from simulation.opendrive.lanes import LaneSection
from simulation.opendrive.notices import Notices, Place
from simulation.opendrive.road_map import Connection, Link, Road

End = Literal["start", "end"]
ENDS: tuple[End, End] = ("start", "end")
NONE = ("", "-1")  # ids that name nothing
DEFAULT, DIRECT, VIRTUAL, CROSSING = "default", "direct", "virtual", "crossing"


def read_link(element: Element, name: str, roads: dict[str, Road], junctions: set[str], place: Place) -> Link | None:
    """The link at the end of a road (`name`: predecessor or successor), with the contact point as written."""
    link = element.find(f"link/{name}")
    if link is None:
        return None
    place = place.at(name)
    target = link.get("elementId", "").strip()
    if target in NONE:
        place.skipped(f"{described(link, 'elementId')}: it names nothing")
        return None
    kind = link.get("elementType", "").strip().lower()
    if kind not in ("road", "junction"):
        kind = "road" if target in roads else "junction"
        place.repaired(f"{described(link, 'elementType')}: expected road or junction; read as {kind}")
    if target not in (roads if kind == "road" else junctions):
        place.skipped(f"{kind} {target} is not in the file")
        return None
    if kind == "junction":
        return Link("junction", target, None)
    if link.get("elementS") is not None:
        place.skipped(f"it joins road {target} at elementS={link.get('elementS')!r}; routes end there")
        return None
    contact = _end(link.get("contactPoint"))
    if contact is None:
        source = roads[place.id]
        contact = _nearest_end(source, "end" if name == "successor" else "start", roads[target])
        place.repaired(f"{described(link, 'contactPoint')}: the nearer end of road {target} is used, its {contact}")
    return Link("road", target, contact)


def read_connections(junction: Element, roads: dict[str, Road], place: Place) -> tuple[Connection, ...]:
    """The connections of a junction that can be driven."""
    kind = junction.get("type", DEFAULT).strip().lower() or DEFAULT
    elements = junction.findall("connection")
    if kind == VIRTUAL:
        place.skipped("a virtual junction; its connections are not driven, its main road is")
        return ()
    if kind == CROSSING:
        place.skipped("a crossing junction; the roads that cross there are driven straight over it")
        return ()
    if kind not in (DEFAULT, DIRECT):
        place.repaired(f"{described(junction, 'type')}: read as {DEFAULT}")
    found: list[Connection] = []
    for index, element in enumerate(elements):
        at = place.at(f"connection {element.get('id', f'number {index}')}")
        connection = _connection(element, roads, at)
        if connection is not None:
            found.append(connection)
            if kind == DIRECT:
                found += _reversed(connection, place.id, roads)
    return tuple(found)


def _connection(element: Element, roads: dict[str, Road], place: Place) -> Connection | None:
    target_name = "linkedRoad" if element.get("connectingRoad") is None and element.get("linkedRoad") else None
    target_name = target_name or "connectingRoad"
    incoming, target = (element.get(name, "").strip() for name in ("incomingRoad", target_name))
    for name, road_id in (("incomingRoad", incoming), (target_name, target)):
        if road_id in NONE:
            place.skipped(f"{described(element, name)}: it names no road")
            return None
        if road_id not in roads:
            place.skipped(f"{name}: road {road_id} is not in the file")
            return None
    contact = _end(element.get("contactPoint"))
    if contact is None:
        contact = _linked_end(roads[target], incoming) or _nearest_of_both(roads[incoming], roads[target])
        place.repaired(f"{described(element, 'contactPoint')}: road {target} is entered at its {contact}")
    lanes: dict[int, int] = {}
    for link in element.iterfind("laneLink"):
        first, second = integer(link, "from"), integer(link, "to")
        if first is None or second is None:
            broken = "from" if first is None else "to"
            place.at("laneLink").skipped(f"{described(link, broken)}: expected the integer id of a lane")
        else:
            lanes[first] = second
    if element.find("laneLink") is None:
        lanes = _same_lanes(roads[incoming], roads[target], contact)
        given = ", ".join(f"{first} to {second}" for first, second in lanes.items()) or "none"
        place.repaired(f"it has no laneLink; the lanes of the two roads are joined: {given}")
    return Connection(incoming, target, contact, lanes)


def _same_lanes(incoming: Road, target: Road, contact: End) -> dict[int, int]:
    """Lane links of two roads that the file does not give: by the lanes' own links, otherwise by equal ids."""
    leaving = _linked_end(incoming, target.id) or ("start" if _end_at(incoming, target, contact) == "start" else "end")
    section = incoming.sections[0 if leaving == "start" else -1]
    entered = target.sections[0 if contact == "start" else -1]
    linked = {
        before: lane_id
        for lane_id, lane in entered.lanes.items()
        if lane_id and (before := lane.predecessor if contact == "start" else lane.successor) in section.lanes
    }
    if linked:
        return linked
    side = -1 if leaving == contact else 1
    return {lane_id: side * lane_id for lane_id in section.lanes if lane_id and side * lane_id in entered.lanes}


def _reversed(connection: Connection, junction: str, roads: dict[str, Road]) -> Iterator[Connection]:
    """A direct connection from its linked road into its incoming road: an entry is drawn as an exit backwards."""
    incoming = roads[connection.incoming_road]
    for link, contact in zip((incoming.predecessor, incoming.successor), ENDS, strict=True):
        if link is not None and link.kind == "junction" and link.id == junction:
            lanes = {second: first for first, second in connection.lanes.items()}
            yield Connection(connection.connecting_road, connection.incoming_road, contact, lanes)


def _end(written: str | None) -> End | None:
    match (written or "").strip().lower():
        case "start":
            return "start"
        case "end":
            return "end"
    return None


def _linked_end(road: Road, other: str) -> End | None:
    """The end of a road that is linked to another road."""
    for link, end in zip((road.predecessor, road.successor), ENDS, strict=True):
        if link is not None and link.kind == "road" and link.id == other:
            return end
    return None


def _point(road: Road, end: End) -> tuple[float, float]:
    x, y, _, _ = road.curve.pose(0.0 if end == "start" else road.length_m)
    return x, y


def _nearest_end(source: Road, source_end: End, target: Road) -> End:
    from_start_m, from_end_m = (math.dist(_point(source, source_end), _point(target, end)) for end in ENDS)
    return "start" if from_start_m <= from_end_m else "end"


def _end_at(road: Road, target: Road, contact: End) -> End:
    """The end of a road that is nearer to one end of another road."""
    return _nearest_end(target, contact, road)


def _nearest_of_both(incoming: Road, target: Road) -> End:
    """The end of the target that is nearest to either end of the incoming road."""
    distances = {
        end: min(math.dist(_point(incoming, other), _point(target, end)) for other in ("start", "end"))
        for end in ("start", "end")
    }
    return "start" if distances["start"] <= distances["end"] else "end"


def note_dangling_lanes(roads: dict[str, Road], notices: Notices) -> None:
    """Note links of lanes to lanes that do not exist; routes end there."""
    for road in roads.values():
        for index, section in enumerate(road.sections):
            for name, step, link in (("predecessor", -1, road.predecessor), ("successor", 1, road.successor)):
                target = _linked_section(road, index + step, link, roads)
                if target is None:
                    continue
                for lane_id, lane in section.lanes.items():
                    wanted = lane.predecessor if step < 0 else lane.successor
                    if lane_id and wanted is not None and wanted not in target.lanes:
                        place = Place(notices, "road", road.id, f"laneSection {index} lane {lane_id} {name}")
                        place.skipped(f"lane {wanted} does not exist there; routes end here")


def _linked_section(road: Road, index: int, link: Link | None, roads: dict[str, Road]) -> LaneSection | None:
    if 0 <= index < len(road.sections):
        return road.sections[index]
    if link is None or link.kind != "road":
        return None
    return roads[link.id].sections[0 if link.contact == "start" else -1]
