"""What is driven: one scenario a YAML file, checked against the declarations below.

    road:
      segments:
        - {length_m: 150}
        - {radius_m: 250, angle_deg: 40, clothoid_m: 55}     # a positive angle turns left
    set_speed_mps: 22.2

Either `road` (a generated country road) or `map` (an OpenDRIVE file, or `loop`, the built-in one). The name of a
scenario is that of its file.
"""

import difflib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from msgspec import Struct, structs

from lkas.parameters import ParameterError, Section, declare, declared
from simulation.opendrive.writer import Piece, bend, road_xml, straight

RUN_OUT_M = 150.0  # of straight road behind a generated one: the camera sees a road up to the end of the drive
BUILT_IN_LOOP = "loop"
NESTED = ("road", "start", "disturbances")


class ScenarioError(ValueError):
    """A scenario that can not be driven; the text names the file, the path, the value and what is allowed."""


class Segment(Section, frozen=True, kw_only=True):
    """A straight (`length_m`) or a bend (`radius_m`, `angle_deg`, `clothoid_m`)."""

    length_m: Annotated[float | None, declare("Length of a straight", unit="m", minimum=1, maximum=20000)] = None
    radius_m: Annotated[float | None, declare("Radius of a bend", unit="m", minimum=15, maximum=20000)] = None
    angle_deg: Annotated[
        float | None, declare("What a bend turns by, left positive", unit="deg", minimum=-300, maximum=300)
    ] = None
    clothoid_m: Annotated[
        float, declare("Length of the transition before and after the arc", unit="m", minimum=0, maximum=500)
    ] = 30.0


class StartPose(Section, frozen=True, kw_only=True):
    """Where and how fast the car begins, against its lane; left positive."""

    s_m: Annotated[float, declare("Distance along the route", unit="m", minimum=5, maximum=20000)] = 10.0
    offset_m: Annotated[float, declare("Car against the lane centre", unit="m", minimum=-1.5, maximum=1.5)] = 0.0
    heading_deg: Annotated[float, declare("Car against the lane", unit="deg", minimum=-10, maximum=10)] = 0.0
    speed_mps: Annotated[float | None, declare("Speed; null: the set speed", unit="m/s", minimum=0, maximum=45)] = None


class Disturbances(Section, frozen=True, kw_only=True):
    """What goes wrong on the way from the camera to decision."""

    dropped_frames_ratio: Annotated[
        float, declare("Share of the frames that never arrive, at random", minimum=0, maximum=1)
    ] = 0.0
    blackout_at_s: Annotated[
        float | None, declare("World time from which frames are black; null: never", unit="s", minimum=0, maximum=3600)
    ] = None
    blackout_duration_s: Annotated[float, declare("For how long they are black", unit="s", minimum=0, maximum=3600)] = (
        1.0
    )


class Head(Section, frozen=True, kw_only=True):
    """The keys of a scenario that stand by themselves."""

    description: Annotated[str, declare("What it is for, in a sentence")] = ""
    map: Annotated[str | None, declare("OpenDRIVE file, beside the scenario, or `loop`")] = None
    conditions: Annotated[Literal["clear"], declare("Light and weather")] = "clear"
    set_speed_mps: Annotated[float, declare("Set speed", unit="m/s", minimum=1, maximum=45)] = 13.9
    duration_s: Annotated[float | None, declare("World time to drive", unit="s", minimum=1, maximum=36000)] = None
    distance_m: Annotated[
        float | None, declare("Way to drive; with neither, the whole generated road", unit="m", minimum=10, maximum=1e6)
    ] = None
    latency_s: Annotated[
        float | None, declare("Pose to applied control; null: as --latency says", unit="s", minimum=0, maximum=1)
    ] = None


class GeneratedRoad(Section, frozen=True, kw_only=True):
    """A road made for its scenario."""

    lane_width_m: Annotated[float, declare("Lane width", unit="m", minimum=2.2, maximum=6)] = 3.5


class Scenario(Struct, frozen=True, kw_only=True):
    """One drive, whole and checked."""

    name: str
    head: Head
    map: str | None = None  # an absolute path; None: the road below
    road: GeneratedRoad = GeneratedRoad()
    segments: tuple[Segment, ...] = ()
    start: StartPose = StartPose()
    disturbances: Disturbances = Disturbances()

    @property
    def start_speed_mps(self) -> float:
        return self.head.set_speed_mps if self.start.speed_mps is None else self.start.speed_mps

    @property
    def distance_m(self) -> float | None:
        """The way to drive, or None where time decides."""
        if self.head.distance_m is None and self.head.duration_s is None:
            return road_length_m(self.segments) - self.start.s_m
        return self.head.distance_m

    @property
    def map_name(self) -> str:
        return "generated" if self.map is None else Path(self.map).name

    def undisturbed(self) -> "Scenario":
        """The same drive with nothing going wrong."""
        return structs.replace(self, disturbances=Disturbances())


def load_scenario(path: str | Path) -> Scenario:
    """Raises ScenarioError."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: can not read this scenario: {error}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return scenario_of(raw, path)


def scenario_of(raw: Any, path: Path) -> Scenario:
    """A scenario from what its file says; `path` names it and is where its map is looked for."""
    if not isinstance(raw, dict):
        raise ScenarioError(f"{path}: expected keys and values, such as `set_speed_mps: 13.9`, found {raw!r}")
    head_keys = declared("", Head)
    _refuse_unknown(path, "", raw, [*head_keys, *NESTED])
    head = _section(path, "", Head, {key: value for key, value in raw.items() if key in head_keys})
    road = _mapping(path, "road", raw.get("road"))
    if (head.map is None) == (not road):
        raise ScenarioError(f"{path}: exactly one of map and road is needed, found {'both' if road else 'neither'}")
    scenario = Scenario(
        name=path.stem,
        head=head,
        map=None if head.map is None else _map_file(path, head.map),
        road=_section(path, "road", GeneratedRoad, {key: road[key] for key in road if key != "segments"}, "segments"),
        segments=_segments(path, road.get("segments")) if road else (),
        start=_section(path, "start", StartPose, _mapping(path, "start", raw.get("start"))),
        disturbances=_section(
            path, "disturbances", Disturbances, _mapping(path, "disturbances", raw.get("disturbances"))
        ),
    )
    _check_ends(path, scenario)
    return scenario


def road_pieces(segments: tuple[Segment, ...]) -> list[Piece]:
    """Raises ValueError for a bend that is shorter than its clothoids."""
    pieces: list[Piece] = []
    for segment in segments:
        if segment.length_m is not None:
            pieces.append(straight(segment.length_m))
        elif segment.radius_m is not None and segment.angle_deg is not None:
            pieces += bend(segment.radius_m, segment.angle_deg, segment.clothoid_m)
    return pieces


def road_length_m(segments: tuple[Segment, ...]) -> float:
    return sum(piece.length_m for piece in road_pieces(segments))


def road_text(scenario: Scenario) -> str:
    """The OpenDRIVE file of a scenario with a generated road."""
    pieces = [*road_pieces(scenario.segments), straight(RUN_OUT_M)]
    note = f"Generated for the scenario {scenario.name}."
    return road_xml(scenario.name, pieces, lane_width_m=scenario.road.lane_width_m, is_closed=False, note=note)


def gallery() -> dict[str, Path]:
    """Name -> file of the scenarios that come with this project."""
    return {path.stem: path for path in sorted(_configs("scenarios").glob("*.yaml"))}


def _configs(folder: str) -> Path:
    """A folder of configs/: from the installed package, or from the checkout beside it."""
    try:
        installed = Path(str(resources.files("lkas.configs"))) / folder
    except ModuleNotFoundError:
        installed = None
    if installed is not None and installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[2] / "configs" / folder


def _map_file(path: Path, name: str) -> str:
    file = _configs("maps") / "loop.xodr" if name == BUILT_IN_LOOP else path.parent / name
    if not file.is_file():
        raise ScenarioError(f"{path}: map = {name!r}: there is no file {file}; expected an OpenDRIVE file or `loop`")
    return str(file.resolve())


def _segments(path: Path, raw: Any) -> tuple[Segment, ...]:
    if not isinstance(raw, list) or not raw:
        raise ScenarioError(f"{path}: road.segments: expected a list of straights and bends, found {raw!r}")
    segments = []
    for index, entry in enumerate(raw):
        where = f"road.segments[{index}]"
        segment = _section(path, where, Segment, _mapping(path, where, entry))
        is_straight = segment.length_m is not None
        is_bend = segment.radius_m is not None and segment.angle_deg is not None
        if is_straight == is_bend or (is_straight and (segment.radius_m or segment.angle_deg)):
            raise ScenarioError(f"{path}: {where}: expected length_m, or radius_m and angle_deg, found {entry!r}")
        try:
            road_pieces((segment,))
        except ValueError as error:
            raise ScenarioError(f"{path}: {where}: {error}") from error
        segments.append(segment)
    return tuple(segments)


def _check_ends(path: Path, scenario: Scenario) -> None:
    head = scenario.head
    if head.duration_s is not None and head.distance_m is not None:
        raise ScenarioError(f"{path}: one of duration_s and distance_m is enough, found both")
    if scenario.map is not None:
        if head.duration_s is None and head.distance_m is None:
            raise ScenarioError(f"{path}: a scenario on a map needs duration_s or distance_m")
        return
    length_m = road_length_m(scenario.segments)
    wanted_m = max(0.0, scenario.distance_m or 0.0)
    if scenario.start.s_m + max(1.0, wanted_m) > length_m + 1e-6:
        raise ScenarioError(
            f"{path}: road.segments are {length_m:.0f} m long; too short for start.s_m = {scenario.start.s_m:g} "
            f"and distance_m = {wanted_m:.0f}"
        )


def _mapping(path: Path, where: str, raw: Any) -> Mapping[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ScenarioError(f"{path}: {where}: expected keys and values, found {raw!r}")
    return raw


def _section(path: Path, where: str, kind: type[Section], raw: Mapping[str, Any], *more: str) -> Any:
    """One section from its keys; `more` are keys that are read elsewhere, for the list of known ones."""
    table = declared(where, kind)
    _refuse_unknown(path, where, raw, [*table, *more])
    try:
        return kind(**{key: table[key].check(value) for key, value in raw.items()})
    except ParameterError as error:
        raise ScenarioError(f"{path}: {str(error).removeprefix('.')}") from error


def _refuse_unknown(path: Path, where: str, raw: Mapping[str, Any], known: list[str]) -> None:
    for key in raw:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise ScenarioError(f"{path}: {where}{'.' if where else ''}{key}: no such key; {hint}")
