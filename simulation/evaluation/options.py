"""Checks the options of `simulation eval`; an error is one line on stderr and exit code 2."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from msgspec import structs

from lkas.config import ConfigError, Configuration, load
from lkas.plugins.guard import PluginError
from lkas.plugins.names import PATTERN, absolute_name, is_plugin_name, short_name
from lkas.runtime.exit_codes import EXIT_USAGE
from simulation.conditions import CONDITIONS
from simulation.evaluation.settings import SECTIONS

if TYPE_CHECKING:
    from simulation.evaluation.metrics import RunMetrics
    from simulation.evaluation.requirements import Requirement
    from simulation.evaluation.scenario import Scenario

ALL = "all"
DEFAULT_SUITE = "smoke"


def configuration_of(file: Path | None, assignments: list[str]) -> Configuration:
    try:
        return load(SECTIONS, file=file, assignments=assignments)
    except ConfigError as error:
        fail(EXIT_USAGE, str(error))


def choices(flag: str, given: list[str] | None, allowed: tuple[str, ...], default: str) -> list[str]:
    """Return the names given to a flag, repeated or with commas, without duplicates."""
    names = _names(flag, given or [default])
    for name in names:
        if name not in allowed:
            fail(EXIT_USAGE, f"{flag} {name}: expected one of {', '.join(allowed)}")
    return list(dict.fromkeys(names))


def choices_or_plugins(flag: str, given: list[str] | None, allowed: tuple[str, ...], default: str) -> list[str]:
    """Return the names given to a flag; plugins FILE.py:NAME are allowed too and become absolute paths."""
    names = _names(flag, given or [default])
    for name in names:
        if name not in allowed and not is_plugin_name(name):
            fail(EXIT_USAGE, f"{flag} {name}: expected one of {', '.join(allowed)}, or {PATTERN}")
    return list(dict.fromkeys(map(absolute_name, names)))


def check_plugins(configuration: Configuration, methods: list[str], controllers: list[str]) -> None:
    """Create and try all plugins among these names."""
    from lkas.decision.bicycle import Bicycle
    from lkas.decision.controllers import create_controller
    from lkas.decision.controllers.plugin import try_controller
    from lkas.detection import create_detector
    from lkas.detection.methods.plugin import try_detector

    camera, detection, decision = (configuration[name] for name in ("camera", "detection", "decision"))
    try:
        for method in filter(is_plugin_name, methods):
            try_detector(create_detector(method, detection, camera), camera)
        for controller in filter(is_plugin_name, controllers):
            parameters = structs.replace(decision, controller=controller)
            try_controller(create_controller(parameters, Bicycle(configuration["vehicle"], parameters)))
    except PluginError as error:
        fail(EXIT_USAGE, str(error))


def scenarios_of(
    suites: list[str], names: list[str], maps: list[Path], route: str | None, set_speed_mps: float
) -> "tuple[list[Scenario], list[str]]":
    """Return the scenarios of suites, files and maps without duplicates, and why other maps cannot be driven.

    Without suite, file and map: the default suite. One option may hold several names of suites or scenarios with
    commas.
    """
    from simulation.evaluation.scenario_file import built_in_scenarios, load_scenario, scenario_of_map
    from simulation.evaluation.scenario_schema import ScenarioError
    from simulation.evaluation.suites import SUITES, load_suite
    from simulation.opendrive.route_choice import DEFAULT

    if route is not None and not maps:
        fail(EXIT_USAGE, f"--route {route}: it applies to --map only; a scenario file names its route")
    found: dict[tuple[str, str], Scenario] = {}
    undriven: list[str] = []
    try:
        for suite in _names("--suite", suites) or ([] if names or maps else [DEFAULT_SUITE]):
            if suite not in SUITES:
                fail(EXIT_USAGE, f"--suite {suite}: expected one of {', '.join(SUITES)}")
            found |= {_key(scenario): scenario for scenario in load_suite(suite)}
        known = built_in_scenarios()
        for name in _names("--scenario", names):
            if name not in known and not Path(name).is_file():
                fail(EXIT_USAGE, f"--scenario {name}: no such file; built-in scenarios are {', '.join(known)}")
            _add(found, load_scenario(known.get(name, name)), f"--scenario {name}")
        for file in maps:
            try:
                scenario = scenario_of_map(file, route or DEFAULT, set_speed_mps)
            except ScenarioError as error:
                if len(maps) == 1:
                    raise
                undriven.append(f"{file.stem}, route {route or DEFAULT}: not driven: {error}")
                continue
            _add(found, scenario, f"--map {file}")
    except ScenarioError as error:
        fail(EXIT_USAGE, str(error))
    if not found:
        fail(EXIT_USAGE, f"none of the {len(maps)} maps can be driven: {'; '.join(undriven)}")
    return list(found.values()), undriven


def check_alone(*, seeds: int, **given: object) -> None:
    """Refuse options that choose another drive than --world."""
    for name, value in given.items():
        if value:
            fail(EXIT_USAGE, f"--world and --{name.removesuffix('s')}: both choose what is driven; give one of them")
    if seeds != 1:
        fail(EXIT_USAGE, "--world and --seeds: a custom world takes its seed, if it has one, as --world-option")


def world_scenario(name: str, options: list[str], duration_s: float, set_speed_mps: float) -> "Scenario":
    """Return the drive of a custom world; its file is loaded once, so that a wrong name is a usage error."""
    import msgspec

    from lkas.plugins.load import load as load_plugin
    from simulation.evaluation.scenario import Scenario, ScenarioHeader
    from simulation.foreign.world_options import parse_world_options

    if not is_plugin_name(name):
        fail(EXIT_USAGE, f"--world {name}: expected {PATTERN}")
    try:
        load_plugin(name)
        arguments = msgspec.json.encode(parse_world_options(options)).decode()
    except (PluginError, ValueError, TypeError) as error:
        fail(EXIT_USAGE, str(error))
    header = ScenarioHeader(description="a custom world", set_speed_mps=set_speed_mps, duration_s=duration_s)
    return Scenario(name=short_name(name), header=header, world=absolute_name(name), world_options=arguments)


def in_conditions(scenarios: "list[Scenario]", given: list[str]) -> "list[Scenario]":
    """Return each scenario in each of these conditions; unchanged when none is given."""
    if not given:
        return scenarios
    names = choices("--condition", given, (*CONDITIONS, ALL), ALL)
    return [
        structs.replace(scenario, header=structs.replace(scenario.header, condition=condition))
        for condition in (CONDITIONS if ALL in names else names)
        for scenario in scenarios
    ]


def _names(flag: str, given: list[str]) -> list[str]:
    """Split texts at commas into names; the path of an existing file is one name."""
    texts = [[text] if Path(text).is_file() else text.split(",") for text in given]
    names = [name.strip() for text in texts for name in text if name.strip()]
    if given and not names:
        fail(EXIT_USAGE, f"{flag} {given[0]}: it contains no name")
    return names


def _add(found: "dict[tuple[str, str], Scenario]", scenario: "Scenario", flag: str) -> None:
    if found.get(_key(scenario), scenario) != scenario:
        fail(EXIT_USAGE, f"{flag}: another scenario is already named {scenario.name}; rename the file")
    found[_key(scenario)] = scenario


def _key(scenario: "Scenario") -> tuple[str, str]:
    return scenario.name, scenario.header.condition


def requirements_of(texts: list[str]) -> "list[Requirement]":
    from simulation.evaluation.requirements import parse_requirement

    try:
        return [parse_requirement(text) for text in texts]
    except ValueError as error:
        fail(EXIT_USAGE, f"--require {error}")


def earlier_runs(folder: Path | None) -> "list[RunMetrics] | None":
    from simulation.evaluation.results import read_runs

    if folder is None:
        return None
    try:
        return read_runs(folder)
    except ValueError as error:
        fail(EXIT_USAGE, f"--against {error}")


def fail(code: int, text: str) -> NoReturn:
    """Print the error and exit."""
    typer.echo(f"simulation eval: {text}", err=True)
    raise typer.Exit(code)
