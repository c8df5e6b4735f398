"""What the reader does with each kind of error in a road file: one row per kind, run by `test_repairs`.

`python -m tests.simulation.opendrive.repairs` writes the table in docs/opendrive.md.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from tests.simulation.opendrive import roads

DOCUMENT = Path(__file__).parents[3] / "docs" / "opendrive.md"
FIRST_LINE = "| In the file | The reader | What |"

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
LINE = '<geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry>'
RIGHT = roads.lane(-1)


class Repair(NamedTuple):
    """One kind of error."""

    kind: str  # as the table names it
    content: Callable[[], bytes]
    action: Literal["reads", "repairs", "skips"]
    does: str  # as the table says it
    notice: str  # a part of the notice; "" without one
    length_m: float = 100.0  # of the longest route


def plan(text: str) -> Callable[[], bytes]:
    return file(roads.road(geometry=text))


def geometry(s_m: float, length: str, x_m: float | None = None, shape: str = "<line/>") -> str:
    x_m = s_m if x_m is None else x_m
    return f'<geometry s="{s_m}" x="{x_m}" y="0" hdg="0" length="{length}">{shape}</geometry>'


def file(*elements: str, root: str = "OpenDRIVE", attributes: str = "", head: str = HEAD, encoding: str = "utf-8"):
    def content() -> bytes:
        return f"{head}<{root} {attributes}><header/>{''.join(elements)}</{root}>".encode(encoding)

    return content


def sections(*found: str) -> Callable[[], bytes]:
    return file(roads.road(lanes_xml=f"<lanes>{''.join(found)}</lanes>"))


def section(s_m: float, right: str = RIGHT, left: str = "", attributes: str = "") -> str:
    sides = f"<left>{left}</left><center><lane id='0' type='none'/></center>" + (right and f"<right>{right}</right>")
    return f'<laneSection s="{s_m}" {attributes}>{sides}</laneSection>'


def lane(text: str) -> Callable[[], bytes]:
    return file(roads.road(lanes_xml=roads.lanes(right=text)))


def mark(attributes: str) -> Callable[[], bytes]:
    return lane(roads.lane(-1, mark=f"<roadMark {attributes}/>"))


def linked(element: str) -> Callable[[], bytes]:
    right = roads.lanes(right=roads.lane(-1, link=-1))
    second = roads.road("2", geometry(0, "100", x_m=100), lanes_xml=right)
    return file(roads.road(links=element, lanes_xml=right), second)


def junction(connection: str, attributes: str = "", *more: str) -> Callable[[], bytes]:
    right = roads.lanes(right=roads.lane(-1, link=-1))
    first = roads.road(links='<successor elementType="junction" elementId="5"/>', lanes_xml=right)
    links = '<predecessor elementType="junction" elementId="5"/>'
    second = roads.road("2", geometry(0, "100", x_m=100), links=links, lanes_xml=right)
    return file(first, second, *more, f'<junction id="5" {attributes}>{connection}</junction>')


def profile(element: str) -> Callable[[], bytes]:
    text = f"<elevationProfile>{element}</elevationProfile><lanes>"
    return file(roads.road().replace("<lanes>", text, 1))


def elevation(s_m: float, a: str = "1", rest: str = 'b="0" c="0" d="0"') -> str:
    return f'<elevation s="{s_m}" a="{a}" {rest}/>'


def superelevation(a: str) -> Callable[[], bytes]:
    text = f'<lateralProfile><superelevation s="0" a="{a}" b="0" c="0" d="0"/></lateralProfile><lanes>'
    return file(roads.road().replace("<lanes>", text, 1))


LINKS = '<laneLink from="-1" to="-1"/>'
SUCCESSOR = '<successor elementType="road" elementId="{}" contactPoint="start"/>'
TWICE = file(roads.road(), roads.road(geometry=LINE.replace('y="0"', 'y="9"')))
POLY = '<paramPoly3 {} aU="0" bU="{}" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>'
WIDE = 'a="3.5" b="0" c="0" d="0"'

REPAIRS = [
    Repair("default namespace", file(roads.road(), attributes='xmlns="http://a.b"'), "reads", "ignores it", ""),
    Repair(
        "prefixed names, also without a declaration of the prefix",
        lambda: file(roads.road())().replace(b"</", b"</od:").replace(b"<", b"<od:").replace(b"<od:/od:", b"</od:")
        .replace(b"<od:?xml", b"<?xml"),
        "reads", "ignores the prefix", "",
    ),
    Repair("root element in another case", file(roads.road(), root="opendrive"), "repairs", "accepts it", "read as"),
    Repair("comment or blank before the XML declaration", file(roads.road(), head=f"\n<!-- a -->{HEAD}"),
           "repairs", "accepts it", "XML declaration"),
    Repair("XML 1.1", file(roads.road(), head=HEAD.replace("1.0", "1.1")), "reads", "reads it as 1.0", ""),
    Repair("other encodings (UTF-16, GB 2312, Shift JIS, ...)",
           file(roads.road("道"), head=HEAD.replace("UTF-8", "gb2312"), encoding="gb2312"), "reads", "decodes it", ""),
    Repair("bytes that are invalid in the encoding", file(roads.road("ü"), encoding="latin-1"),
           "repairs", "replaces them", "encoding"),
    Repair("file cut off after a complete road", lambda: file(roads.road(), roads.road("2"))()[:-60],
           "skips", "the unfinished road", "XML"),
    Repair("<include>", file('<include file="other.xodr"/>', roads.road()), "skips", "the include", "other.xodr"),
    Repair("geometry of zero, tiny or negative length", plan(geometry(0, "0") + LINE + geometry(100, "2.8e-14")),
           "skips", "the geometry", "length=2.8e-14"),
    Repair("geometries out of order", plan(geometry(60, "40") + geometry(0, "60")), "repairs", "sorts them", "order"),
    Repair("gap of up to 5 m along the road", plan(geometry(0, "60") + geometry(60, "40", x_m=62)),
           "repairs", "bridges it by a straight line", "2.00 m", 102.0),
    Repair("larger gap, or one sideways", plan(geometry(0, "60") + geometry(60, "40", x_m=80)),
           "skips", "the rest of the road", "20.00 m", 60.0),
    Repair("station s of a geometry that does not follow from the lengths",
           plan(geometry(0, "60") + geometry(70, "40", x_m=60)), "repairs", "uses the lengths", "ends at s = 60"),
    Repair("geometry without a number that it needs", plan(geometry(0, "") + LINE), "skips", "the geometry",
           "length=''"),
    Repair("geometry without a shape or with an unknown one", plan(geometry(0, "100", shape="<helix/>")),
           "repairs", "reads a line", "unknown"),
    Repair("arc or spiral without curvature, or beyond 2/m", plan(geometry(0, "100", shape='<arc curvature="90"/>')),
           "repairs", "reads a line", "curvature='90'"),
    Repair("paramPoly3: pRange in the wrong case", plan(geometry(0, "100", shape=POLY.format('pRange="ARCLENGTH"', 1))),
           "repairs", "accepts it", "ARCLENGTH"),
    Repair("paramPoly3: pRange missing", plan(geometry(0, "100", shape=POLY.format("", 100))),
           "reads", "normalized, or arcLength where only that fits the length", ""),
    Repair("paramPoly3: pRange that does not fit the length",
           plan(geometry(0, "100", shape=POLY.format('pRange="arcLength"', 100))), "repairs", "uses the other", "fit"),
    Repair("road length that differs from the plan view", file(roads.road(length=2000)),
           "repairs", "uses the plan view", "length=2000"),
    Repair("road without planView, geometry, lanes or laneSection",
           file(roads.road("2", geometry=""), roads.road()), "skips", "the road", "road 2: it has no planView"),
    Repair("road without id", file(roads.road("")), "repairs", "names it", "unnamed-0"),
    Repair("id used twice", TWICE, "skips", "the second", "used twice"),
    Repair("rule in the wrong case, empty or unknown", file(roads.road().replace("<road ", '<road rule="lht" ', 1)),
           "repairs", "accepts the case; otherwise right-hand traffic", "LHT"),
    Repair("sections out of order", sections(section(60, roads.lane(-1, link=-1)), section(0, roads.lane(-1, link=-1))),
           "repairs", "sorts them", "out of order"),
    Repair("sections of zero length", sections(*(section(s, roads.lane(-1, link=-1)) for s in (0, 50, 50))),
           "skips", "the section, its links are continued", "no length"),
    Repair("section behind the end of the road", sections(section(0), section(450)), "skips", "it", "s=450"),
    Repair("first section that begins late", sections(section(5)), "repairs", "uses it from 0 m on", "s=5"),
    Repair("no lane linked from one section to the next", sections(section(0), section(50)),
           "repairs", "links lanes with the same id", "same id"),
    Repair("section with singleSide", sections(section(0), section(50, "", roads.lane(1), 'singleSide="true"')),
           "reads", "continues the lanes of the other side", ""),
    Repair("lane without width and border", lane(RIGHT + '<lane id="-2" type="sidewalk"/>'),
           "repairs", "0 m wide", "0 m wide"),
    Repair("width or elevation that begins late", lane(RIGHT.replace('sOffset="0" a', 'sOffset="20" a')),
           "repairs", "uses its first value from 0 m on", "begins at 20 m"),
    Repair("negative width", lane(RIGHT + roads.lane(-2, 'a="3.5" b="-0.04" c="0" d="0"')), "repairs", "0 m",
           "negative"),
    Repair("several records at one station", lane(RIGHT.replace("<width", f'<width sOffset="0" {WIDE}/><width', 1)),
           "repairs", "uses the last", "share the sOffset"),
    Repair("records out of order", profile(elevation(50) + elevation(0)), "repairs", "sorts them", "out of order"),
    Repair("record without a coefficient", profile(elevation(0, rest="")), "repairs", "0", "attribute b is missing"),
    Repair("value beyond 1000 m sideways or 20 km in height", profile(elevation(0, a="9e8")), "skips", "the record",
           "beyond 20000"),
    Repair("record with nan, inf or a text", profile(elevation(0, a="-1.#IND")), "skips", "the record", "-1.#IND"),
    Repair("decimal comma", lane(RIGHT.replace('"3.5"', '"3,5"')), "repairs", "accepts it", "decimal comma"),
    Repair("superelevation in degrees", superelevation("5"), "repairs", "converts it where 5 rad would be", "degrees"),
    Repair("no centre lane",
           sections(section(0).replace("<center><lane id='0' type='none'/></center>", "")), "repairs",
           "adds it", "centre"),
    Repair("lane id used twice, or not an integer", lane(RIGHT + RIGHT), "skips", "the lane", "used twice"),
    Repair("lane id that is left out", lane(RIGHT + roads.lane(-3)), "repairs", "joins its neighbours", "lane -2"),
    Repair("lane listed on the wrong side", sections(section(0, left=roads.lane(-2))), "repairs",
           "uses the id", "sign"),
    Repair("lane type in the wrong case or of an old version", lane(RIGHT.replace("driving", "mwyEntry")),
           "repairs", "accepts it", "mwyEntry"),
    Repair("unknown lane type", lane(RIGHT + roads.lane(-2).replace("driving", "moving")), "skips", "the lane",
           "moving"),
    Repair("marks out of order", lane(roads.lane(-1, mark=roads.SOLID.replace('"0"', '"50"', 1) + roads.BROKEN)),
           "repairs", "sorts them", "out of order"),
    Repair("mark type in another case or spelling", mark('type="Solid_Solid"'), "repairs", "accepts it", "Solid_Solid"),
    Repair("mark type that is unknown or empty", mark('type="zebra"'), "skips", "the mark", "zebra"),
    Repair("mark width of 0, negative or no number", mark('type="solid" width="-1"'), "repairs", "0.12 m", "width=-1"),
    Repair("mark colour other than white and yellow", mark('type="solid" color="pink"'), "repairs", "white", "pink"),
    Repair("mark with <explicit> lines", lane(roads.lane(-1, mark=(
        '<roadMark type="custom"><explicit><line length="3" sOffset="9" tOffset="0"/></explicit></roadMark>'))),
        "reads", "paints each once", ""),
    Repair("empty link, or to \"-1\"", linked('<predecessor/><successor elementId="-1"/>'), "skips", "it", "nothing"),
    Repair("link to a road or junction that is not in the file", linked(SUCCESSOR.format("77")),
           "skips", "the link; routes end there", "road 77 is not in the file"),
    Repair("link without contactPoint", linked('<successor elementType="road" elementId="2"/>'),
           "repairs", "uses the nearer end", "contactPoint", 200.0),
    Repair("link without elementType", linked('<successor elementId="2" contactPoint="start"/>'),
           "repairs", "looks the id up", "elementType", 200.0),
    Repair("link to the middle of a road (elementS)",
           linked('<successor elementType="road" elementId="2" elementS="30" elementDir="+"/>'),
           "skips", "the link; routes end there", "elementS"),
    Repair("lane link to a lane that does not exist",
           file(roads.road(links=SUCCESSOR.format("2"), lanes_xml=roads.lanes(right=roads.lane(-1, link=-4))),
                roads.road("2", geometry(0, "100", x_m=100))), "skips", "the link; routes end there", "lane -4"),
    Repair("lane link without id", lane(RIGHT.replace("<link>", "<link><successor/>")), "skips", "the link",
           "successor"),
    Repair("direct junction",
           junction(f'<connection id="0" incomingRoad="1" linkedRoad="2" contactPoint="start">{LINKS}</connection>',
                    'type="direct"'), "reads", "drives its connections both ways: exits and entries", "", 200.0),
    Repair("virtual or crossing junction", junction("", 'type="virtual"'), "skips",
           "its connections; the main road is driven", "virtual"),
    Repair("connection without contactPoint",
           junction(f'<connection id="0" incomingRoad="1" connectingRoad="2">{LINKS}</connection>'),
           "repairs", "finds it from the links, or from the positions", "contactPoint", 200.0),
    Repair("connection without laneLink",
           junction('<connection id="0" incomingRoad="1" connectingRoad="2" contactPoint="start"/>'),
           "repairs", "finds it from the lanes' links, or from their ids", "laneLink", 200.0),
    Repair("connection without connectingRoad or incomingRoad, or to one that is not in the file",
           junction(f'<connection id="0" incomingRoad="1" contactPoint="start">{LINKS}</connection>'),
           "skips", "the connection", "connectingRoad"),
    Repair("crossfall, lane heights, objects, signals, speed limits in any unit",
           file(roads.road().replace("<lanes>", '<type s="0" type="town"><speed max="50" unit="km/h"/></type><lanes>')),
           "skips", "them, and counts them", "1 speed limits"),
]  # fmt: skip


def table() -> str:
    """The table of docs/opendrive.md."""
    rows = [f"| {row.kind} | {row.action} | {row.does} |" for row in REPAIRS]
    return "\n".join([FIRST_LINE, "|---|---|---|", *rows]).replace("<", "&lt;")


def documented() -> str:
    """The table that docs/opendrive.md contains."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index(FIRST_LINE)
    return "\n".join(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))


if __name__ == "__main__":
    DOCUMENT.write_text(DOCUMENT.read_text(encoding="utf-8").replace(documented(), table()), encoding="utf-8")
