"""What is driven: one scenario a YAML file, checked against the declarations below.

    road:
      segments:
        - {length_m: 150}
        - {radius_m: 250, angle_deg: 40, clothoid_m: 55}     # a positive angle turns left
    set_speed_mps: 22.2

Either `road` (a generated country road) or `map` (an OpenDRIVE file, or `loop`, the built-in one). The name of a
scenario is that of its file.
"""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from msgspec import Struct, structs

from lkas.config import config_folder
from lkas.parameters import Section, declare, declared
from simulation.conditions import ConditionName
from simulation.evaluation.scenario_events import DISTURBANCES, FAULTS, Disturbance, Event, Fault, SetSpeed
from simulation.evaluation.scenario_roads import GeneratedRoad, Segment, generated_xml, read_segments, road_length_m
from simulation.evaluation.scenario_schema import ScenarioError, events, listed, mapping, refuse_unknown, section
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import DEFAULT, TURNS, chosen_route

BUILT_IN_LOOP = "loop"
NESTED = ("road", "start", "disturbances", "faults", "excused")
MAX_EXCUSED_RATIO = 0.05  # of the way


class StartPose(Section, frozen=True, kw_only=True):
    """Where and how fast the car begins, against its lane; left positive."""

    s_m: Annotated[float, declare("Distance along the route", unit="m", minimum=5, maximum=20000)] = 10.0
    offset_m: Annotated[float, declare("Car against the lane centre", unit="m", minimum=-1.5, maximum=1.5)] = 0.0
    heading_deg: Annotated[float, declare("Car against the lane", unit="deg", minimum=-10, maximum=10)] = 0.0
    speed_mps: Annotated[float | None, declare("Speed; null: the set speed", unit="m/s", minimum=0, maximum=45)] = None


class Excused(Section, frozen=True, kw_only=True):
    """A declared stretch of the way, in metres driven, where lines are crossed on purpose: a merge, a split."""

    from_m: Annotated[float, declare("Its begin, way driven", unit="m", minimum=0, maximum=1e6)] = 0.0
    to_m: Annotated[float, declare("Its end", unit="m", minimum=0, maximum=1e6)] = 0.0
    reason: Annotated[str, declare("Why lines are crossed there")] = ""


class Head(Section, frozen=True, kw_only=True):
    """The keys of a scenario that stand by themselves."""

    description: Annotated[str, declare("What it is for, in a sentence")] = ""
    map: Annotated[str | None, declare("OpenDRIVE file, beside the scenario, or `loop`")] = None
    route: Annotated[
        str | None, declare("Way through the map: `default`, `turns`, or ids of roads with commas; null: default")
    ] = None
    condition: Annotated[ConditionName, declare("Light, weather, wear and traffic")] = "clear"
    set_speed_mps: Annotated[float, declare("Set speed", unit="m/s", minimum=1, maximum=45)] = 13.9
    duration_s: Annotated[float | None, declare("World time to drive", unit="s", minimum=1, maximum=36000)] = None
    distance_m: Annotated[
        float | None, declare("Way to drive; with neither, the whole road or route", unit="m", minimum=10, maximum=1e6)
    ] = None
    latency_s: Annotated[
        float | None, declare("Pose to applied control; null: as --latency says", unit="s", minimum=0, maximum=1)
    ] = None


class Scenario(Struct, frozen=True, kw_only=True):
    """One drive, whole and checked."""

    name: str
    head: Head
    map: str | None = None  # an absolute path; None: the road below
    road: GeneratedRoad = GeneratedRoad()
    segments: tuple[Segment, ...] = ()
    start: StartPose = StartPose()
    disturbances: tuple[Disturbance, ...] = ()
    faults: tuple[Fault, ...] = ()
    excused: tuple[Excused, ...] = ()

    @property
    def start_speed_mps(self) -> float:
        return self.head.set_speed_mps if self.start.speed_mps is None else self.start.speed_mps

    @property
    def distance_m(self) -> float | None:
        """The way to drive; None where time decides, or the length of a map's route."""
        if self.head.distance_m is None and self.head.duration_s is None and self.map is None:
            return road_length_m(self.segments) - self.start.s_m
        return self.head.distance_m

    @property
    def route(self) -> str | None:
        """The choice of a route on a map; None for a generated road, which has but one."""
        return None if self.map is None else self.head.route or DEFAULT

    @property
    def map_name(self) -> str:
        return "generated" if self.map is None else Path(self.map).name

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happens on the way."""
        return (*self.disturbances, *self.faults)

    def undisturbed(self) -> "Scenario":
        """The same drive on a clear day with nothing going wrong; another set speed on the way is part of the drive."""
        kept = tuple(event for event in self.disturbances if isinstance(event, SetSpeed))
        return structs.replace(self, head=structs.replace(self.head, condition="clear"), disturbances=kept, faults=())

    def check_excused(self, way_m: float) -> None:
        """Raises ValueError when more than 5 % of a way of this length is excused."""
        excused_m = sum(stretch.to_m - stretch.from_m for stretch in self.excused)
        if excused_m > MAX_EXCUSED_RATIO * way_m:
            raise ValueError(
                f"excused: {excused_m:.0f} m of {way_m:.0f} m, expected at most {MAX_EXCUSED_RATIO:.0%} of the way"
            )


def scenario_of_map(file: Path, route: str, set_speed_mps: float) -> Scenario:
    """The drive over a map's route from its begin to its end, with nothing going wrong. Raises ScenarioError."""
    if not file.is_file():
        raise ScenarioError(f"{file}: there is no such file; expected an OpenDRIVE file")
    _check_route(file, route, file)
    head = Head(description=f"{file.name}, route {route}", map=file.name, route=route, set_speed_mps=set_speed_mps)
    return Scenario(name=file.stem, head=head, map=str(file.resolve()))


def load_scenario(path: str | Path) -> Scenario:
    """Raises ScenarioError."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: can not read this scenario: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path}: can not read this scenario: {error}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return scenario_of(raw, path)


def scenario_of(raw: Any, path: Path) -> Scenario:
    """A scenario from what its file says; `path` names it and is where its map is looked for."""
    if not isinstance(raw, dict):
        raise ScenarioError(f"{path}: expected keys and values, such as `set_speed_mps: 13.9`, found {raw!r}")
    head_keys = declared("", Head)
    refuse_unknown(path, "", raw, [*head_keys, *NESTED])
    head = section(path, "", Head, {key: value for key, value in raw.items() if key in head_keys})
    road = mapping(path, "road", raw.get("road"))
    if (head.map is None) == (not road):
        raise ScenarioError(f"{path}: exactly one of map and road is needed, found {'both' if road else 'neither'}")
    scenario = Scenario(
        name=path.stem,
        head=head,
        map=None if head.map is None else _map_file(path, head.map),
        road=section(path, "road", GeneratedRoad, {key: road[key] for key in road if key != "segments"}, "segments"),
        segments=read_segments(path, road.get("segments")) if road else (),
        start=section(path, "start", StartPose, mapping(path, "start", raw.get("start"))),
        disturbances=events(path, "disturbances", DISTURBANCES, raw.get("disturbances")),
        faults=events(path, "faults", FAULTS, raw.get("faults")),
        excused=_excused(path, raw.get("excused")),
    )
    _check_ends(path, scenario)
    return scenario


def road_text(scenario: Scenario) -> str:
    """The OpenDRIVE file of a scenario with a generated road."""
    return generated_xml(scenario.name, scenario.road, scenario.segments)


def gallery() -> dict[str, Path]:
    """Name -> file of the scenarios that come with this project."""
    return {path.stem: path for path in sorted((config_folder() / "scenarios").glob("*.yaml"))}


def _map_file(path: Path, name: str) -> str:
    file = config_folder() / "maps" / "loop.xodr" if name == BUILT_IN_LOOP else path.parent / name
    if not file.is_file():
        raise ScenarioError(f"{path}: map = {name!r}: there is no file {file}; expected an OpenDRIVE file or `loop`")
    return str(file.resolve())


def _check_ends(path: Path, scenario: Scenario) -> None:
    head = scenario.head
    if head.duration_s is not None and head.distance_m is not None:
        raise ScenarioError(f"{path}: one of duration_s and distance_m is enough, found both")
    if scenario.distance_m is not None:
        try:
            scenario.check_excused(scenario.distance_m)
        except ValueError as error:
            raise ScenarioError(f"{path}: {error}") from error
    if scenario.map is not None:
        _check_route(path, head.route or DEFAULT, Path(scenario.map))
        return
    if head.route is not None:
        raise ScenarioError(f"{path}: route = {head.route!r}: a generated road has but one, expected no route")
    length_m = road_length_m(scenario.segments)
    wanted_m = max(0.0, scenario.distance_m or 0.0)
    if scenario.start.s_m + max(1.0, wanted_m) > length_m + 1e-6:
        raise ScenarioError(
            f"{path}: road.segments are {length_m:.0f} m long; too short for start.s_m = {scenario.start.s_m:g} "
            f"and distance_m = {wanted_m:.0f}"
        )


def _excused(path: Path, raw: Any) -> tuple[Excused, ...]:
    found = []
    for index, entry in enumerate(listed(path, "excused", raw)):
        where = f"excused[{index}]"
        stretch = section(path, where, Excused, mapping(path, where, entry))
        if stretch.to_m <= stretch.from_m:
            raise ScenarioError(
                f"{path}: {where}: expected to_m beyond from_m, found {stretch.from_m:g} to {stretch.to_m:g}"
            )
        if not stretch.reason:
            raise ScenarioError(f"{path}: {where}.reason = '': expected why lines are crossed there")
        found.append(stretch)
    return tuple(found)


def _check_route(path: Path, route: str, map_file: Path) -> None:
    """Read the map and find the way: an hour later, in a worker, is too late to hear that there is none."""
    if route not in (DEFAULT, TURNS) and not re.fullmatch(r"[^,\s]+(\s*,\s*[^,\s]+)*", route):
        raise ScenarioError(f"{path}: route = {route!r}: expected {DEFAULT}, {TURNS}, or ids of roads with commas")
    try:
        chosen_route(read_map(map_file), route, seed=1)
    except OpenDriveError as error:
        raise ScenarioError(str(error) if path == map_file else f"{path}: {error}") from error
