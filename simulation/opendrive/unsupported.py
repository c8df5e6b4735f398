"""Lists the elements of a road file that are not supported, with counts."""

from xml.etree.ElementTree import Element

UNSUPPORTED_ELEMENTS = (  # path below the root, description
    ("road/lateralProfile/crossfall", "crossfall (banking is read from superelevation and shape)"),
    ("road/lanes/laneSection/*/lane/height", "lane heights (kerbs, raised pavements)"),
    ("road/lanes/laneSection/*/lane/roadMark/sway", "road marks that sway (drawn straight)"),
    ("road/objects/object", "objects (posts, rails, buildings)"),
    ("road/objects/bridge", "bridges"),
    ("road/objects/tunnel", "tunnels"),
    ("road/signals/signal", "signals (signs, lights)"),
    ("road/railroad/switch", "railway switches"),
    ("junction/crossPath", "crossing paths"),
    ("junctionGroup", "junction groups"),
)
UNDRAWN_MARKS = ("edge", "grass")


def unsupported(root: Element) -> tuple[str, ...]:
    """One line for each kind of unsupported element."""
    present = {element.tag for element in root.iter()}
    found = [
        f"{count} {what}"
        for path, what in UNSUPPORTED_ELEMENTS
        if path.rpartition("/")[2] in present and (count := len(root.findall(path)))
    ]
    elements = list(root.iter("roadMark"))
    marks = [mark.get("type") for mark in elements]
    found += [f"{count} road marks of type {kind}" for kind in UNDRAWN_MARKS if (count := marks.count(kind))]
    without_lines = sum(mark.get("type") == "custom" and mark.find("*/line") is None for mark in elements)
    found += [f"{without_lines} road marks of type custom without lines"] if without_lines else []
    level = [lane for lane in root.iter("lane") if lane.get("level") == "true"]
    if level and root.find("road/lateralProfile/superelevation") is not None:
        found.append(f"{len(level)} level lanes on banked roads (banked like the others)")
    reversed_lanes = [lane for lane in root.iter("lane") if lane.get("direction") == "reversed"]
    if reversed_lanes:
        found.append(f"{len(reversed_lanes)} lanes with reversed direction (driven in the direction of their side)")
    limits = sum(1 for _ in root.iter("speed"))
    if limits:
        found.append(f"{limits} speed limits (the configuration gives the speed)")
    return tuple(found)
