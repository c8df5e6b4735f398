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
    found = [f"{count} {what}" for path, what in UNSUPPORTED_ELEMENTS if (count := len(root.findall(path)))]
    elements = root.findall("road/lanes/laneSection/*/lane/roadMark")
    marks = [mark.get("type") for mark in elements]
    found += [f"{count} road marks of type {kind}" for kind in UNDRAWN_MARKS if (count := marks.count(kind))]
    without_lines = sum(mark.get("type") == "custom" and mark.find("*/line") is None for mark in elements)
    found += [f"{without_lines} road marks of type custom without lines"] if without_lines else []
    level = root.findall("road/lanes/laneSection/*/lane[@level='true']")
    if level and root.find("road/lateralProfile/superelevation") is not None:
        found.append(f"{len(level)} level lanes on banked roads (banked like the others)")
    reversed_lanes = root.findall("road/lanes/laneSection/*/lane[@direction='reversed']")
    if reversed_lanes:
        found.append(f"{len(reversed_lanes)} lanes with reversed direction (driven in the direction of their side)")
    limits = len(root.findall("road/type/speed")) + len(root.findall("road/lanes/laneSection/*/lane/speed"))
    if limits:
        found.append(f"{limits} speed limits (the configuration gives the speed)")
    return tuple(found)
