"""Writes OpenDRIVE: two-lane country roads made of straights and bends.

Bends start and end with a clothoid, so that curvature is continuous.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lkas.scale import FULL_SIZE, scale_of_lane
from simulation.opendrive.geometry import spiral_nodes

MARK_WIDTH_M = 0.15
DASH_M, GAP_M = 3.0, 9.0
MODEL_DASH_M, MODEL_GAP_M = 1.4, 1.4  # of a model road, at full size: 0.2 m each at 1:7
SHOULDER_WIDTH_M = 0.75


class Paint(NamedTuple):
    """The markings: solid white edge lines and a broken centre line."""

    width_m: float
    dash_m: float
    gap_m: float
    centre_colour: str = "white"

    @staticmethod
    def of_road(lane_width_m: float) -> "Paint":
        """Return the paint of a road with lanes of this width."""
        scale = scale_of_lane(lane_width_m)
        sizes_m = (MARK_WIDTH_M, DASH_M, GAP_M) if scale == FULL_SIZE else (MARK_WIDTH_M, MODEL_DASH_M, MODEL_GAP_M)
        width_m, dash_m, gap_m = (size_m * scale.length for size_m in sizes_m)
        return Paint(width_m, dash_m, gap_m)


class Piece(NamedTuple):
    """A line, an arc or a clothoid: curvature changes linearly from start to end; left positive."""

    length_m: float
    start_radpm: float
    end_radpm: float


def straight(length_m: float) -> Piece:
    return Piece(length_m, 0.0, 0.0)


def bend(radius_m: float, angle_deg: float, clothoid_m: float) -> list[Piece]:
    """Clothoid, arc, clothoid; a positive angle turns left. Raises ValueError when the clothoids exceed the angle."""
    curvature = math.copysign(1 / radius_m, angle_deg)
    arc_m = math.radians(abs(angle_deg)) * radius_m - clothoid_m
    if arc_m < 0:
        raise ValueError(
            f"two clothoids of {clothoid_m:g} m into R = {radius_m:g} m turn by "
            f"{math.degrees(clothoid_m / radius_m):.1f} deg, which is more than {abs(angle_deg):g} deg"
        )
    entry, arc, leave = (0.0, curvature), (curvature, curvature), (curvature, 0.0)
    lengths_m = (clothoid_m, arc_m, clothoid_m)
    return [Piece(length_m, *ends) for length_m, ends in zip(lengths_m, (entry, arc, leave), strict=True) if length_m]


def advance(pieces: Sequence[Piece], x_m: float, y_m: float, heading_rad: float) -> list[tuple[float, float, float]]:
    """(x, y, heading) at the start of each piece, and at the end of the last."""
    poses = [(x_m, y_m, heading_rad)]
    for piece in pieces:
        nodes = spiral_nodes(0.0, *poses[-1], *piece)
        poses.append((float(nodes.x_m[-1]), float(nodes.y_m[-1]), float(nodes.heading_rad[-1])))
    return poses


def road_xml(
    name: str,
    pieces: Sequence[Piece],
    *,
    lane_width_m: float,
    is_closed: bool,
    note: str,
    climb_ratio: float = 0.0,
    bank_deg: float = 0.0,
    paint: Paint | None = None,
) -> str:
    """Complete file with one road; a closed road is linked to its own start. A positive bank raises the left side."""
    paint = paint or Paint.of_road(lane_width_m)
    shoulder_m, mark_m = SHOULDER_WIDTH_M * scale_of_lane(lane_width_m).length, paint.width_m
    white = f'weight="standard" color="white" width="{mark_m:g}"'
    centre = f'weight="standard" color="{paint.centre_colour}" width="{mark_m:g}"'
    solid = f'<roadMark sOffset="0" type="solid" {white}/>'
    dashes = f'<line length="{paint.dash_m:g}" space="{paint.gap_m:g}" tOffset="0" sOffset="0" width="{mark_m:g}"/>'
    pattern = f'<type name="broken" width="{mark_m:g}">{dashes}</type>'
    broken = f'<roadMark sOffset="0" type="broken" {centre}>{pattern}</roadMark>'
    none = '<roadMark sOffset="0" type="none"/>'
    ends = (
        '    <link>\n      <predecessor elementType="road" elementId="1" contactPoint="end"/>\n'
        '      <successor elementType="road" elementId="1" contactPoint="start"/>\n    </link>'
        if is_closed
        else "    <link/>"
    )
    level = f'<elevation s="0" a="0" b="{climb_ratio:g}" c="0" d="0"/>'
    bank = f'<superelevation s="0" a="{math.radians(bank_deg):.9g}" b="0" c="0" d="0"/>'
    lateral = f"<lateralProfile>{bank}</lateralProfile>" if bank_deg else "<lateralProfile/>"
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- {note} -->
<OpenDRIVE>
  <header revMajor="1" revMinor="6" name="{name}" version="1" north="0" south="0" east="0" west="0"/>
  <road name="{name}" length="{sum(piece.length_m for piece in pieces):.9f}" id="1" junction="-1" rule="RHT">
{ends}
    <type s="0" type="rural"/>
    <planView>
{_geometry_xml(pieces)}
    </planView>
    <elevationProfile>{level}</elevationProfile>
    {lateral}
    <lanes>
      <laneSection s="0">
        <left>
{_lane_xml(2, "shoulder", shoulder_m, none, is_closed)}
{_lane_xml(1, "driving", lane_width_m, solid, is_closed)}
        </left>
        <center>
{_lane_xml(0, "none", 0.0, broken, is_closed)}
        </center>
        <right>
{_lane_xml(-1, "driving", lane_width_m, solid, is_closed)}
{_lane_xml(-2, "shoulder", shoulder_m, none, is_closed)}
        </right>
      </laneSection>
    </lanes>
  </road>
</OpenDRIVE>
"""


def _geometry_xml(pieces: Sequence[Piece]) -> str:
    lines, s_m = [], 0.0
    for piece, (x, y, heading) in zip(pieces, advance(pieces, 0.0, 0.0, 0.0)[:-1], strict=True):
        if piece.start_radpm != piece.end_radpm:
            shape = f'<spiral curvStart="{piece.start_radpm:.12g}" curvEnd="{piece.end_radpm:.12g}"/>'
        else:
            shape = f'<arc curvature="{piece.start_radpm:.12g}"/>' if piece.start_radpm else "<line/>"
        pose = f's="{s_m:.9f}" x="{x:.9f}" y="{y:.9f}" hdg="{heading:.12f}" length="{piece.length_m:.9f}"'
        lines.append(f"      <geometry {pose}>{shape}</geometry>")
        s_m += piece.length_m
    return "\n".join(lines)


def _lane_xml(lane_id: int, kind: str, width_m: float, mark: str, is_linked: bool) -> str:
    ends = f'<predecessor id="{lane_id}"/><successor id="{lane_id}"/>' if is_linked else ""
    link = f"<link>{ends}</link>" if lane_id else ""
    width = f'<width sOffset="0" a="{width_m:g}" b="0" c="0" d="0"/>' if lane_id else ""
    return f'          <lane id="{lane_id}" type="{kind}" level="false">{link}{width}{mark}</lane>'
