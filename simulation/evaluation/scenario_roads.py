"""Roads generated for a scenario from straights and bends, written as OpenDRIVE."""

from pathlib import Path
from typing import Annotated, Any

from lkas.parameters import Section, declare
from lkas.scale import scale_of_lane
from lkas.yaml_text import shortened
from simulation.evaluation.scenario_schema import ScenarioError, mapping, section
from simulation.opendrive.writer import Piece, bend, road_xml, straight

RUN_OUT_M = 150.0  # straight road after the last segment, so that the camera sees a road until the end of the drive


class Segment(Section, frozen=True, kw_only=True):
    """A straight (`length_m`) or a bend (`radius_m`, `angle_deg`, `clothoid_m`)."""

    length_m: Annotated[float | None, declare("Length of a straight", unit="m", minimum=0.1, maximum=20000)] = None
    radius_m: Annotated[float | None, declare("Radius of a bend", unit="m", minimum=0.2, maximum=20000)] = None
    angle_deg: Annotated[
        float | None, declare("Turning angle of a bend, left positive", unit="deg", minimum=-300, maximum=300)
    ] = None
    clothoid_m: Annotated[
        float, declare("Length of the transition before and after the arc", unit="m", minimum=0, maximum=500)
    ] = 30.0


class GeneratedRoad(Section, frozen=True, kw_only=True):
    """A road generated for its scenario."""

    lane_width_m: Annotated[float, declare("Lane width", unit="m", minimum=0.2, maximum=6)] = 3.5
    climb_ratio: Annotated[float, declare("Slope, positive climbs", minimum=-0.15, maximum=0.15)] = 0.0
    bank_deg: Annotated[float, declare("Bank, positive has the left side up", unit="deg", minimum=-8, maximum=8)] = 0.0


def road_pieces(segments: tuple[Segment, ...]) -> list[Piece]:
    """Return the pieces of a road. Raises ValueError for a bend that is shorter than its clothoids."""
    pieces: list[Piece] = []
    for segment in segments:
        if segment.length_m is not None:
            pieces.append(straight(segment.length_m))
        elif segment.radius_m is not None and segment.angle_deg is not None:
            pieces += bend(segment.radius_m, segment.angle_deg, segment.clothoid_m)
    return pieces


def road_length_m(segments: tuple[Segment, ...]) -> float:
    return sum(piece.length_m for piece in road_pieces(segments))


def generated_xml(name: str, road: GeneratedRoad, segments: tuple[Segment, ...]) -> str:
    """Return the OpenDRIVE text of a generated road."""
    return road_xml(
        name,
        [*road_pieces(segments), straight(RUN_OUT_M * scale_of_lane(road.lane_width_m).length)],
        lane_width_m=road.lane_width_m,
        is_closed=False,
        note=f"Generated for the scenario {name}.",
        climb_ratio=road.climb_ratio,
        bank_deg=road.bank_deg,
    )


def read_segments(path: Path, raw: Any) -> tuple[Segment, ...]:
    """Read the list `road.segments`. Raises ScenarioError."""
    if not isinstance(raw, list) or not raw:
        raise ScenarioError(f"{path}: road.segments: expected a list of straights and bends, found {shortened(raw)}")
    segments = []
    for index, entry in enumerate(raw):
        where = f"road.segments[{index}]"
        segment = section(path, where, Segment, mapping(path, where, entry))
        has_length = segment.length_m is not None
        is_bend = segment.radius_m is not None and segment.angle_deg is not None
        if has_length == is_bend or (has_length and (segment.radius_m or segment.angle_deg)):
            raise ScenarioError(
                f"{path}: {where}: expected length_m, or radius_m and angle_deg, found {shortened(entry)}"
            )
        try:
            road_pieces((segment,))
        except ValueError as error:
            raise ScenarioError(f"{path}: {where}: {error}") from error
        segments.append(segment)
    return tuple(segments)
