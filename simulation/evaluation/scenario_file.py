"""Reads scenario files (YAML) and checks them against the declarations in scenario.py.

    road:
      segments:
        - {length_m: 150}
        - {radius_m: 250, angle_deg: 40, clothoid_m: 55}     # a positive angle turns left
    set_speed_mps: 22.2

A scenario has either `road` (a generated country road) or `map` (an OpenDRIVE file, or `loop`, the built-in one). Its
name is the name of the file.
"""

import re
from pathlib import Path
from typing import Any

import msgspec

from lkas.config import ConfigError, config_folder, load
from lkas.parameters import declared
from lkas.yaml_text import YamlError, YamlFileError, read_yaml
from simulation.evaluation.scenario import ExcusedStretch, Scenario, ScenarioHeader, StartPose
from simulation.evaluation.scenario_events import DISTURBANCES, FAULTS
from simulation.evaluation.scenario_roads import GeneratedRoad, generated_xml, read_segments, road_length_m
from simulation.evaluation.scenario_schema import ScenarioError, events, mapping, refuse_unknown, section, sequence
from simulation.evaluation.settings import SECTIONS
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import DEFAULT, TURNS, chosen_route

BUILT_IN_LOOP = "loop"
NESTED = ("road", "start", "disturbances", "faults", "excused")


def scenario_of_map(file: Path, route: str, set_speed_mps: float) -> Scenario:
    """Return a scenario that drives a whole route of a map without events. Raises ScenarioError."""
    if not file.is_file():
        raise ScenarioError(f"{file}: no such file; expected an OpenDRIVE file")
    _check_route(file, route, file)
    description = f"{file.name}, route {route}"
    header = ScenarioHeader(description=description, map=file.name, route=route, set_speed_mps=set_speed_mps)
    return Scenario(name=file.stem, header=header, map=str(file.resolve()))


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file. Raises ScenarioError."""
    path = Path(path)
    try:
        document = read_yaml(path)
    except YamlFileError as error:
        raise ScenarioError(f"{path}: cannot read this scenario: {error}") from error
    except YamlError as error:
        raise ScenarioError(f"{path}: not valid YAML: {error}") from error
    return scenario_of(document.value, path)


def scenario_of(raw: Any, path: Path) -> Scenario:
    """Build a scenario from the content of its file; `path` gives its name and the folder of its map."""
    if not isinstance(raw, dict):
        raise ScenarioError(
            f"{path}: expected keys and values, such as `set_speed_mps: 13.9`, found {type(raw).__name__}"
        )
    header_keys = declared("", ScenarioHeader)
    refuse_unknown(path, "", raw, [*header_keys, *NESTED])
    header = section(path, "", ScenarioHeader, {key: value for key, value in raw.items() if key in header_keys})
    road = mapping(path, "road", raw.get("road"))
    if (header.map is None) == (not road):
        raise ScenarioError(f"{path}: expected either map or road, found {'both' if road else 'neither'}")
    scenario = Scenario(
        name=path.stem,
        header=header,
        car="{}" if header.configuration is None else _car(path, header.configuration),
        map=None if header.map is None else _map_file(path, header.map),
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
    """Return the OpenDRIVE text of a scenario with a generated road."""
    return generated_xml(scenario.name, scenario.road, scenario.segments)


def built_in_scenarios() -> dict[str, Path]:
    """Return the files of the scenarios that come with this project, by name."""
    folder = config_folder() / "scenarios"
    return {path.stem: path for path in (*sorted(folder.glob("*.yaml")), *sorted(folder.glob("small/*.yaml")))}


def _car(path: Path, name: str) -> str:
    """The values of a configuration file as JSON, checked."""
    file = path.parent / name if (path.parent / name).is_file() else config_folder() / name
    try:
        checked = load(SECTIONS, file=file, environ={})
    except ConfigError as error:
        raise ScenarioError(f"{path}: configuration: {error}") from error
    raw = read_yaml(file).value or {}
    values = {name: {key: getattr(checked[name], key) for key in raw[name] or {}} for name in SECTIONS if name in raw}
    return msgspec.json.encode(values).decode()


def _map_file(path: Path, name: str) -> str:
    file = config_folder() / "maps" / "loop.xodr" if name == BUILT_IN_LOOP else path.parent / name
    if not file.is_file():
        raise ScenarioError(f"{path}: map = {name!r}: no such file {file}; expected an OpenDRIVE file or `loop`")
    return str(file.resolve())


def _check_ends(path: Path, scenario: Scenario) -> None:
    header = scenario.header
    if header.duration_s is not None and header.distance_m is not None:
        raise ScenarioError(f"{path}: expected at most one of duration_s and distance_m, found both")
    if scenario.distance_m is not None:
        try:
            scenario.check_excused(scenario.distance_m)
        except ValueError as error:
            raise ScenarioError(f"{path}: {error}") from error
    if scenario.map is not None:
        _check_route(path, header.route or DEFAULT, Path(scenario.map))
        return
    if header.route is not None:
        raise ScenarioError(f"{path}: route = {header.route!r}: a generated road has only one, expected no route")
    length_m = road_length_m(scenario.segments)
    distance_m = max(0.0, scenario.distance_m or 0.0)
    if scenario.start.s_m + max(1.0, distance_m) > length_m + 1e-6:
        raise ScenarioError(
            f"{path}: road.segments are {length_m:.0f} m long; too short for start.s_m = {scenario.start.s_m:g} "
            f"and distance_m = {distance_m:.0f}"
        )


def _excused(path: Path, raw: Any) -> tuple[ExcusedStretch, ...]:
    found = []
    for index, entry in enumerate(sequence(path, "excused", raw)):
        where = f"excused[{index}]"
        stretch = section(path, where, ExcusedStretch, mapping(path, where, entry))
        if stretch.to_m <= stretch.from_m:
            raise ScenarioError(
                f"{path}: {where}: expected to_m above from_m, found {stretch.from_m:g} to {stretch.to_m:g}"
            )
        if not stretch.reason:
            raise ScenarioError(f"{path}: {where}.reason = '': expected why lines are crossed there")
        found.append(stretch)
    return tuple(found)


def _check_route(path: Path, route: str, map_file: Path) -> None:
    """Read the map and search the route now, so that an error appears before the first run and not in a worker."""
    if route not in (DEFAULT, TURNS) and not re.fullmatch(r"[^,\s]+(\s*,\s*[^,\s]+)*", route):
        raise ScenarioError(f"{path}: route = {route!r}: expected {DEFAULT}, {TURNS}, or road ids with commas")
    try:
        chosen_route(read_map(map_file), route, seed=1)
    except OpenDriveError as error:
        raise ScenarioError(str(error) if path == map_file else f"{path}: {error}") from error
