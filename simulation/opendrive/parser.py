"""Reads OpenDRIVE files (1.4 to 1.8): road surfaces, lanes, marks and links.

Supported: plan view (line, spiral, arc, poly3, paramPoly3), elevation, superelevation, lateral shape, lane offset, lane
sections, widths and borders, road marks, links of roads and lanes, junction connections. Other elements are ignored;
`RoadMap.unsupported` lists them.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

from simulation.opendrive.geometry import Nodes, cubic_nodes, spiral_nodes
from simulation.opendrive.lanes import Cubic, Lane, LaneSection, RoadMark, Stroke, strokes_for_type
from simulation.opendrive.road_map import Connection, Link, Road, RoadMap
from simulation.opendrive.surface import CrossSection, Profiles
from simulation.opendrive.unsupported import unsupported
from simulation.opendrive.xml_reader import XmlReader

MAX_GAP_M = 0.5  # between the end of a geometry and the start of the next
MAX_CURVATURE_RADPM = 2.0
MAX_GEOMETRY_M = 100e3
DEFAULT_MARK_WIDTH_M = {"standard": 0.12, "bold": 0.25}
PAINTED = ("solid", "broken", "solid solid", "solid broken", "broken solid", "broken broken", "botts dots")
BY_LINES = "custom"  # painted only where the file gives its lines
NOT_PAINTED = ("none", "curb", "grass", "edge", BY_LINES)


def read_map(path: Path, content: bytes | None = None) -> RoadMap:
    """Read a map from a file, or from `content`; `path` is then only its name.

    Raises OpenDriveError with file, element and reason.
    """
    reader = XmlReader(path, content)
    if reader.root.tag != "OpenDRIVE":
        reader.fail(f"<{reader.root.tag}>", "expected the root element OpenDRIVE")
    roads: dict[str, Road] = {}
    for element in reader.root.iterfind("road"):
        road = _RoadReader(reader, element).road()
        if road.id in roads:
            reader.fail(f"road {road.id}", "this id is used twice")
        roads[road.id] = road
    if not roads:
        reader.fail("OpenDRIVE", "it contains no road")
    junctions = {j.get("id", ""): _connections(reader, j) for j in reader.root.iterfind("junction")}
    return RoadMap(path, roads, junctions, unsupported(reader.root))


class _RoadReader:
    """Reads one <road> element."""

    def __init__(self, reader: XmlReader, element: Element) -> None:
        self._reader, self._element = reader, element
        self._where = f"road {element.get('id', 'without id')}"

    def road(self) -> Road:
        reader, element = self._reader, self._element
        if element.get("id") is None:
            reader.fail(self._where, "attribute id is missing")
        length_m = reader.number(element, "length", self._where)
        geometry = self._geometry()
        end_m = float(geometry[-1].s_m[-1])
        if abs(end_m - length_m) > MAX_GAP_M:
            reader.fail(self._where, f"length is {length_m:g} m, but its plan view ends at {end_m:g} m")
        lanes = reader.required_child(element, "lanes", self._where)
        junction = element.get("junction", "-1")
        return Road(
            id=element.get("id", ""),
            length_m=end_m,
            junction=None if junction == "-1" else junction,
            geometry=geometry,
            lane_offset=self._cubics(lanes, "laneOffset", "s", self._where),
            sections=self._sections(lanes, end_m),
            predecessor=self._link("predecessor"),
            successor=self._link("successor"),
            profiles=Profiles(
                elevation=self._cubics(element, "elevationProfile/elevation", "s", self._where),
                superelevation=self._cubics(element, "lateralProfile/superelevation", "s", self._where),
                shape=self._shape(),
            ),
            is_right_hand=element.get("rule", "RHT") != "LHT",
        )

    def _shape(self) -> tuple[CrossSection, ...]:
        where = f"{self._where} shape"
        sections: dict[float, list[Cubic]] = {}
        for element in self._element.iterfind("lateralProfile/shape"):
            s_m, *values = (self._reader.number(element, name, where) for name in "stabcd")
            sections.setdefault(s_m, []).append(Cubic(*values))
        return tuple(
            CrossSection(s_m, tuple(sorted(pieces, key=lambda piece: piece.s_m)))
            for s_m, pieces in sorted(sections.items())
        )

    def _link(self, name: str) -> Link | None:
        element = self._element.find(f"link/{name}")
        if element is None:
            return None
        kind, contact = element.get("elementType"), element.get("contactPoint")
        if kind not in ("road", "junction") or contact not in ("start", "end", None):
            self._reader.fail(
                f"{self._where} {name}", f"elementType={kind!r} contactPoint={contact!r} is not a valid link"
            )
        if kind == "road" and contact is None:
            self._reader.fail(f"{self._where} {name}", "attribute contactPoint is missing")
        return Link(kind, element.get("elementId", ""), contact)

    def _geometry(self) -> tuple[Nodes, ...]:
        pieces: list[Nodes] = []
        plan = self._reader.required_child(self._element, "planView", self._where)
        for index, element in enumerate(plan.iterfind("geometry")):
            where = f"{self._where} geometry {index}"
            piece = self._piece(element, where)
            if pieces:
                before = pieces[-1]
                gap_m = max(abs(piece.x_m[0] - before.x_m[-1]), abs(piece.y_m[0] - before.y_m[-1]))
                gap_m = max(gap_m, abs(piece.s_m[0] - before.s_m[-1]))
                if gap_m > MAX_GAP_M:
                    self._reader.fail(where, f"starts {gap_m:.2f} m away from the end of the one before")
                before.s_m[-1] = piece.s_m[0]
            pieces.append(piece)
        if not pieces:
            self._reader.fail(f"{self._where} planView", "it contains no geometry")
        return tuple(pieces)

    def _piece(self, element: Element, where: str) -> Nodes:
        def number(name: str) -> float:
            return self._reader.number(element, name, where)

        start = number("s"), number("x"), number("y"), number("hdg")
        length_m = number("length")
        if not 1e-6 < length_m <= MAX_GEOMETRY_M:
            self._reader.fail(where, f"length={length_m:g}: expected more than 0 and at most {MAX_GEOMETRY_M:g} m")
        shape = next((child for child in element if child.tag != "userData"), None)
        if shape is None:
            self._reader.fail(where, "it contains no shape (line, spiral, arc, poly3 or paramPoly3)")
        where = f"{where} {shape.tag}"

        def of_shape(name: str) -> float:
            return self._reader.number(shape, name, where)

        match shape.tag:
            case "line":
                return spiral_nodes(*start, length_m, 0.0, 0.0)
            case "arc" | "spiral":
                names = ("curvature", "curvature") if shape.tag == "arc" else ("curvStart", "curvEnd")
                first, last = of_shape(names[0]), of_shape(names[1])
                if max(abs(first), abs(last)) > MAX_CURVATURE_RADPM:
                    self._reader.fail(where, f"curvature beyond {MAX_CURVATURE_RADPM:g} 1/m")
                return spiral_nodes(*start, length_m, first, last)
            case "poly3":
                return cubic_nodes(*start, length_m, (0.0, 1.0), [of_shape(name) for name in "abcd"], None)
            case "paramPoly3":
                u = [of_shape(f"{name}U") for name in "abcd"]
                v = [of_shape(f"{name}V") for name in "abcd"]
                if u[1] == 0.0 and v[1] == 0.0:
                    self._reader.fail(where, "bU and bV are both 0, so its direction at the start is undefined")
                p_end = length_m if shape.get("pRange") == "arcLength" else 1.0
                return cubic_nodes(*start, length_m, u, v, p_end)
        self._reader.fail(where, "unknown shape, expected line, spiral, arc, poly3 or paramPoly3")

    def _sections(self, lanes: Element, end_m: float) -> tuple[LaneSection, ...]:
        elements = lanes.findall("laneSection")
        if not elements:
            self._reader.fail(f"{self._where} lanes", "it contains no laneSection")
        starts = [self._reader.number(e, "s", f"{self._where} laneSection {i}") for i, e in enumerate(elements)]
        if starts != sorted(starts) or starts[0] > MAX_GAP_M:
            self._reader.fail(f"{self._where} lanes", "lane sections do not start at 0 in ascending order")
        sections = []
        for index, (element, start_m, stop_m) in enumerate(zip(elements, starts, [*starts[1:], end_m], strict=True)):
            found = (self._lane(lane, f"{self._where} laneSection {index}") for lane in element.iterfind("*/lane"))
            sections.append(LaneSection(start_m, stop_m, {lane.id: lane for lane in found}))
        return tuple(sections)

    def _lane(self, element: Element, section: str) -> Lane:
        lane_id = self._reader.integer(element, "id", f"{section} lane")
        where = f"{section} lane {lane_id}"
        links = {}
        for name in ("predecessor", "successor"):
            link = element.find(f"link/{name}")
            links[name] = None if link is None else self._reader.integer(link, "id", f"{where} {name}")
        widths = self._cubics(element, "width", "sOffset", where)
        # The width takes precedence over the border (OpenDRIVE 1.8, 11.6).
        borders = () if widths else self._cubics(element, "border", "sOffset", where)
        if lane_id != 0 and not widths and not borders:
            self._reader.fail(where, "it has no width and no border")
        return Lane(
            id=lane_id,
            type=element.get("type", "none"),
            widths=widths,
            borders=borders,
            marks=tuple(self._mark(mark, f"{where} roadMark") for mark in element.iterfind("roadMark")),
            predecessor=links["predecessor"],
            successor=links["successor"],
        )

    def _mark(self, element: Element, where: str) -> RoadMark:
        kind = element.get("type", "none")
        if kind not in PAINTED + NOT_PAINTED:
            self._reader.fail(where, f"type={kind!r}: expected one of {', '.join(PAINTED + NOT_PAINTED)}")
        width_m = self._reader.number(
            element,
            "width",
            where,
            DEFAULT_MARK_WIDTH_M.get(element.get("weight", ""), DEFAULT_MARK_WIDTH_M["standard"]),
        )
        lines = element.findall("type/line") if kind in (*PAINTED, BY_LINES) else []
        strokes = tuple(self._stroke(line, width_m, where) for line in lines) or strokes_for_type(kind, width_m)
        return RoadMark(
            s_m=self._reader.number(element, "sOffset", where, 0.0),
            type=kind,
            is_yellow=element.get("color") == "yellow",
            strokes=strokes,
        )

    def _stroke(self, element: Element, width_m: float, where: str) -> Stroke:
        def number(name: str, default: float) -> float:
            return self._reader.number(element, name, f"{where} line", default)

        gap_m = number("space", 0.0)
        dash_m = number("length", 0.0) if gap_m > 0 else 0.0
        return Stroke(
            number("tOffset", 0.0),
            number("width", width_m),
            dash_m,
            gap_m if dash_m > 0 else 0.0,
            number("sOffset", 0.0),
        )

    def _cubics(self, parent: Element, tag: str, start: str, where: str) -> tuple[Cubic, ...]:
        def cubic(element: Element) -> Cubic:
            values = (self._reader.number(element, name, f"{where} {tag}") for name in (start, *"abcd"))
            return Cubic(*values)

        return tuple(sorted((cubic(element) for element in parent.iterfind(tag)), key=lambda piece: piece.s_m))


def _connections(reader: XmlReader, junction: Element) -> tuple[Connection, ...]:
    found = []
    for element in junction.iterfind("connection"):
        where = f"junction {junction.get('id')} connection {element.get('id')}"
        incoming, connecting = element.get("incomingRoad"), element.get("connectingRoad")
        contact = element.get("contactPoint")
        if incoming is None or connecting is None or contact not in ("start", "end"):
            reader.fail(where, "incomingRoad, connectingRoad or contactPoint (start, end) is missing")
        links = element.findall("laneLink")
        lanes = {reader.integer(link, "from", where): reader.integer(link, "to", where) for link in links}
        found.append(Connection(incoming, connecting, contact, lanes))
    return tuple(found)
