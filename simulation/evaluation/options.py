"""What the options of `simulation eval` say, checked: an error is one line on stderr and exit code 2."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from msgspec import structs

from lkas.config import ConfigError, Configuration, load
from lkas.plugins.guard import PluginError
from lkas.plugins.names import PATTERN, absolute_name, is_plugin_name
from lkas.runtime.exit_codes import EXIT_USAGE
from simulation.conditions import CONDITIONS
from simulation.evaluation.settings import SECTIONS

if TYPE_CHECKING:
    from simulation.evaluation.requirements import Requirement
    from simulation.evaluation.results import RunFigures
    from simulation.evaluation.scenarios import Scenario

ALL = "all"
DEFAULT_SUITE = "smoke"


def configuration_of(file: Path | None, assignments: list[str]) -> Configuration:
    try:
        return load(SECTIONS, file=file, assignments=assignments)
    except ConfigError as error:
        fail(EXIT_USAGE, str(error))


def choices(flag: str, given: list[str] | None, allowed: tuple[str, ...], default: str) -> list[str]:
    """The words of a flag, given several times or with commas, each once."""
    words = _words(flag, given or [default])
    for word in words:
        if word not in allowed:
            fail(EXIT_USAGE, f"{flag} {word}: expected one of {', '.join(allowed)}")
    return list(dict.fromkeys(words))


def choices_or_plugins(flag: str, given: list[str] | None, allowed: tuple[str, ...], default: str) -> list[str]:
    """The same, but plugins (FILE.py:NAME) are allowed as well; their file is found from any working directory."""
    words = _words(flag, given or [default])
    for word in words:
        if word not in allowed and not is_plugin_name(word):
            fail(EXIT_USAGE, f"{flag} {word}: expected one of {', '.join(allowed)}, or {PATTERN}")
    return list(dict.fromkeys(map(absolute_name, words)))


def check_plugins(configuration: Configuration, methods: list[str], controllers: list[str]) -> None:
    """Create and try the plugins among these methods and controllers."""
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
            plugin = structs.replace(decision, controller=controller)
            try_controller(create_controller(plugin, Bicycle(configuration["vehicle"], plugin)))
    except PluginError as error:
        fail(EXIT_USAGE, str(error))


def scenarios_of(
    suites: list[str], names: list[str], maps: list[Path], route: str | None, set_speed_mps: float
) -> "list[Scenario]":
    """Those of suites, files and maps, each once; of the default suite with none of them. Names of suites and scenarios
    may stand together, with commas."""
    from simulation.evaluation.scenario_schema import ScenarioError
    from simulation.evaluation.scenarios import gallery, load_scenario, scenario_of_map
    from simulation.evaluation.suites import SUITES, load_suite
    from simulation.opendrive.route_choice import DEFAULT

    if route is not None and not maps:
        fail(EXIT_USAGE, f"--route {route}: it is the route of a --map; a scenario names its own")
    found: dict[tuple[str, str], Scenario] = {}
    try:
        for suite in _words("--suite", suites) or ([] if names or maps else [DEFAULT_SUITE]):
            if suite not in SUITES:
                fail(EXIT_USAGE, f"--suite {suite}: expected one of {', '.join(SUITES)}")
            found |= {_key(scenario): scenario for scenario in load_suite(suite)}
        known = gallery()
        for name in _words("--scenario", names):
            if name not in known and not Path(name).is_file():
                fail(EXIT_USAGE, f"--scenario {name}: there is no such file, and the gallery has {', '.join(known)}")
            _add(found, load_scenario(known.get(name, name)), f"--scenario {name}")
        for file in maps:
            _add(found, scenario_of_map(file, route or DEFAULT, set_speed_mps), f"--map {file}")
    except ScenarioError as error:
        fail(EXIT_USAGE, str(error))
    return list(found.values())


def in_conditions(scenarios: "list[Scenario]", given: list[str]) -> "list[Scenario]":
    """Each scenario in each of these conditions; as they are with none given."""
    if not given:
        return scenarios
    words = choices("--condition", given, (*CONDITIONS, ALL), ALL)
    return [
        structs.replace(scenario, head=structs.replace(scenario.head, condition=condition))
        for condition in (CONDITIONS if ALL in words else words)
        for scenario in scenarios
    ]


def _words(flag: str, given: list[str]) -> list[str]:
    """The names in these texts; the path of a file is one name, whatever is in it."""
    texts = [[text] if Path(text).is_file() else text.split(",") for text in given]
    words = [word.strip() for text in texts for word in text if word.strip()]
    if given and not words:
        fail(EXIT_USAGE, f"{flag} {given[0]}: there is no name in it")
    return words


def _add(found: "dict[tuple[str, str], Scenario]", scenario: "Scenario", flag: str) -> None:
    if found.get(_key(scenario), scenario) != scenario:
        fail(EXIT_USAGE, f"{flag}: another scenario is called {scenario.name} already; rename the file")
    found[_key(scenario)] = scenario


def _key(scenario: "Scenario") -> tuple[str, str]:
    return scenario.name, scenario.head.condition


def requirements_of(texts: list[str]) -> "list[Requirement]":
    from simulation.evaluation.requirements import parse_requirement

    try:
        return [parse_requirement(text) for text in texts]
    except ValueError as error:
        fail(EXIT_USAGE, f"--require {error}")


def earlier_runs(folder: Path | None) -> "list[RunFigures] | None":
    from simulation.evaluation.results import read_runs

    if folder is None:
        return None
    try:
        return read_runs(folder)
    except ValueError as error:
        fail(EXIT_USAGE, f"--against {error}")


def fail(code: int, text: str) -> NoReturn:
    """Say it and leave."""
    typer.echo(f"simulation eval: {text}", err=True)
    raise typer.Exit(code)
