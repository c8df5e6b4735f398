"""What a road file holds that is not read here, in words and with counts, so that nobody takes a map for more."""

from xml.etree.ElementTree import Element

NOT_READ = (  # path below the root, what it is
    ("road/lateralProfile/crossfall", "crossfall (banking is read from superelevation and shape)"),
    ("road/lanes/laneSection/*/lane/height", "lane heights (kerbs, raised pavements)"),
    ("road/objects/object", "objects (posts, rails, buildings)"),
    ("road/objects/bridge", "bridges"),
    ("road/objects/tunnel", "tunnels"),
    ("road/signals/signal", "signals (signs, lights)"),
    ("road/railroad/switch", "railway switches"),
    ("junction/crossPath", "crossing paths"),
    ("junctionGroup", "junction groups"),
)
UNDRAWN_MARKS = ("edge", "grass")


def not_read(root: Element) -> tuple[str, ...]:
    """One line for each kind of thing left out."""
    found = [f"{count} {what}" for path, what in NOT_READ if (count := len(root.findall(path)))]
    elements = root.findall("road/lanes/laneSection/*/lane/roadMark")
    marks = [mark.get("type") for mark in elements]
    found += [f"{count} road marks of type {kind}" for kind in UNDRAWN_MARKS if (count := marks.count(kind))]
    bare = sum(mark.get("type") == "custom" and mark.find("type/line") is None for mark in elements)
    found += [f"{bare} road marks of type custom without lines"] if bare else []
    level = root.findall("road/lanes/laneSection/*/lane[@level='true']")
    if level and root.find("road/lateralProfile/superelevation") is not None:
        found.append(f"{len(level)} lanes held level on banked roads (they are banked like the others)")
    reversed_ways = root.findall("road/lanes/laneSection/*/lane[@direction='reversed']")
    if reversed_ways:
        found.append(f"{len(reversed_ways)} lanes with reversed direction (driven as their side of the road is)")
    virtual = [junction for junction in root.iterfind("junction") if junction.get("type") in ("virtual", "direct")]
    if virtual:
        found.append(f"{len(virtual)} virtual or direct junctions (a way ends there)")
    return tuple(found)
