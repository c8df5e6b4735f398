"""The command `simulation eval`: options into a plan, a plan into results, a report and an exit code."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from msgspec import structs

from lkas.config import ConfigError, Configuration, load
from lkas.decision.parameters import CONTROLLERS
from lkas.detection.parameters import METHODS
from simulation.embedded.conditions import CONDITIONS
from simulation.evaluation.settings import SECTIONS, THREAD_VARIABLES, TRUTH, ZERO

if TYPE_CHECKING:
    from simulation.evaluation.executors import Executor
    from simulation.evaluation.requirements import Requirement
    from simulation.evaluation.results import Record, RunFigures
    from simulation.evaluation.scenarios import Scenario
    from simulation.evaluation.sweep import Sweep

FAILED, USAGE, UNREACHABLE, BELOW_THRESHOLD, INTERRUPTED, TERMINATED = 1, 2, 3, 5, 130, 143
ALL = "all"
DEFAULT_LATENCY_S = 0.05
DEFAULT_SUITE = "smoke"
PLAIN_WIDTH = 120  # of the table where there is no terminal


def evaluate(
    suites: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            metavar="NAME",
            help="smoke, standard, full, latency, dropout, blackout or drift.",
            show_default=DEFAULT_SUITE,
        ),
    ] = None,
    scenario_names: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="FILE", help="Scenario file (YAML), or the name of one that comes along."),
    ] = None,
    maps: Annotated[
        list[Path] | None,
        typer.Option("--map", metavar="FILE.xodr", help="Drive this map's route at decision.set_speed_mps."),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="ROUTE",
            help="Route of each --map: default, turns (each junction by the seed), or ids of roads with commas.",
            show_default="default",
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="NAME",
            help=f"Drive all of them in this light and weather: {', '.join(CONDITIONS)}; several with commas, or all.",
            show_default="each scenario's own",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Drive each with seeds 1 to N.")] = 1,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"{', '.join(METHODS)}, or {TRUTH} (perfect perception); several with commas.",
            show_default="detection.method",
        ),
    ] = None,
    controllers: Annotated[
        list[str] | None,
        typer.Option(
            "--controller",
            metavar="NAME",
            help=f"{', '.join(CONTROLLERS)}, or {ZERO} (steers nothing); several with commas.",
            show_default="decision.controller",
        ),
    ] = None,
    latency: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, max=1, help="From a pose to the control applied; 0 is ideal.")
    ] = DEFAULT_LATENCY_S,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=256, help="Runs at a time, each in its own process.", show_default="one a core"
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Send the runs to a Dask cluster, as in tcp://host:8786.", show_default=False
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go; runs already there are kept.")] = Path(
        "eval"
    ),
    against: Annotated[Path | None, typer.Option(metavar="DIR", help="Compare with the results in there.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="FIGURE<=NUMBER", help="Exit with 5 unless the summary keeps this."),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
) -> None:
    """Drive scenarios in lock-step, with the real detection and decision, and write a score card.

    \b
    Examples:
    simulation eval                                          the suite smoke, into ./eval
    simulation eval --method truth,cv --controller pure_pursuit,zero
    simulation eval --scenario my.yaml --seeds 5 --out my-results
    simulation eval --map town.xodr --method truth --seeds 3 --out town
    simulation eval --suite blackout --set decision.hold_offset_m=0.5 --against eval
    simulation eval --suite standard --condition rain,night --seeds 3
    simulation eval --suite standard --scheduler tcp://host:8786
    simulation eval --require "departures<=0" --require "offset_rms_m<=0.25"

    \b
    Writes DIR/report.html, DIR/results.json, DIR/results.csv, and a file a run in DIR/runs.
    Exit codes: 0 fine, 1 a run failed, 2 usage, 3 no cluster, 5 below a --require, 130 interrupted, 143 terminated.
    """
    configuration = _configuration(config, assignments or [])
    wanted_methods = _choices("--method", methods, (*METHODS, TRUTH), configuration["detection"].method)
    wanted_controllers = _choices(
        "--controller", controllers, (*CONTROLLERS, ZERO), configuration["decision"].controller
    )
    for variable in THREAD_VARIABLES:  # read by the libraries when they are imported
        os.environ.setdefault(variable, "1")
    if route is not None and not maps:
        _fail(USAGE, f"--route {route}: it is the route of a --map; a scenario names its own")
    on_maps = (maps or [], route or "default", configuration["decision"].set_speed_mps)
    scenarios = _scenarios(suites or [], scenario_names or [], *on_maps)
    if conditions:
        known = _choices("--condition", conditions, (*CONDITIONS, ALL), ALL)
        scenarios = [
            structs.replace(scenario, head=structs.replace(scenario.head, condition=condition))
            for condition in (CONDITIONS if ALL in known else known)
            for scenario in scenarios
        ]
    requirements = _requirements(require or [])
    earlier = _earlier(against)

    from simulation.evaluation.sweep import Plan, Sweep

    plan = Plan(
        scenarios=tuple(scenarios),
        seeds=tuple(range(1, seeds + 1)),
        methods=tuple(wanted_methods),
        controllers=tuple(wanted_controllers),
        latency_s=latency,
        configuration=configuration.to_json(),
        default_controller=configuration["decision"].controller,
    )
    try:
        sweep = Sweep(plan, out)
    except OSError as error:
        _fail(USAGE, f"--out {out}: {error}")
    code = _run(sweep, _executor(scheduler, jobs))
    records = sweep.records()
    if records:
        _write(out, records, earlier, against)
    for job, error in sweep.failed.values():
        typer.echo(f"simulation eval: {job.name}: {type(error).__name__}: {error}", err=True)
    if code == 0 and sweep.failed:
        code = FAILED
    if code == 0:
        code = _judge(requirements, records)
    raise typer.Exit(code)


def _executor(scheduler: str | None, jobs: int | None) -> "Executor":
    from simulation.evaluation.cluster import Cluster, ClusterError
    from simulation.evaluation.executors import InProcess, Processes

    if scheduler is not None:
        if jobs is not None:
            _fail(USAGE, "--jobs and --scheduler: the workers of a cluster are as many as it has; leave --jobs out")
        try:
            return Cluster(scheduler)
        except ClusterError as error:
            _fail(UNREACHABLE, f"--scheduler: {error}")
    count = jobs or len(os.sched_getaffinity(0))
    return InProcess() if count == 1 else Processes(count)


def _run(sweep: "Sweep", executor: "Executor") -> int:
    """Make the open runs behind a progress bar; the exit code."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from simulation.evaluation.jobs import Job

    if not sweep.open:
        typer.echo("every run is there already", err=True)
        return 0
    before = signal.signal(signal.SIGTERM, _terminated)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("driving", total=len(sweep.open))

        def on_done(job: Job) -> None:
            progress.update(task, advance=1, description=job.name)

        try:
            sweep.run(executor, on_done)
        except KeyboardInterrupt as interrupt:
            code = TERMINATED if isinstance(interrupt, _Terminated) else INTERRUPTED
        else:
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)
    missing = len(sweep.open) - sum(job.inputs in sweep.done for job in sweep.open)
    typer.echo(f"interrupted; {missing} of {len(sweep.open)} runs are missing, the same command goes on", err=True)
    return code


def _write(out: Path, records: "list[Record]", earlier: "list[RunFigures] | None", against: Path | None) -> None:
    from rich.console import Console

    from simulation.evaluation.report import write_report
    from simulation.evaluation.results import write_results
    from simulation.evaluation.table import print_table

    runs = [record.figures for record in records]
    write_results(out, runs)
    write_report(out / "report.html", records, earlier, None if against is None else str(against))
    print_table(runs, Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    typer.echo(f"report: {out / 'report.html'}")


def _judge(requirements: "list[Requirement]", records: "list[Record]") -> int:
    from simulation.evaluation.requirements import unmet
    from simulation.evaluation.results import summary_of

    runs = [record.figures for record in records]
    failures = unmet(requirements, summary_of(runs), runs)
    for failure in failures:
        typer.echo(f"simulation eval: required {failure}", err=True)
    return BELOW_THRESHOLD if failures else 0


def _configuration(file: Path | None, assignments: list[str]) -> Configuration:
    try:
        return load(SECTIONS, file=file, assignments=assignments)
    except ConfigError as error:
        _fail(USAGE, str(error))


def _choices(flag: str, given: list[str] | None, allowed: tuple[str, ...], default: str) -> list[str]:
    """The words of a flag, given several times or with commas, each once."""
    words = [word.strip() for text in given or [default] for word in text.split(",") if word.strip()]
    for word in words:
        if word not in allowed:
            _fail(USAGE, f"{flag} {word}: expected one of {', '.join(allowed)}")
    return list(dict.fromkeys(words))


def _scenarios(
    suites: list[str], names: list[str], maps: list[Path], route: str, set_speed_mps: float
) -> "list[Scenario]":
    from simulation.evaluation.scenario_schema import ScenarioError
    from simulation.evaluation.scenarios import gallery, load_scenario, scenario_of_map
    from simulation.evaluation.suites import SUITES, load_suite

    found: dict[tuple[str, str], Scenario] = {}
    try:
        for suite in suites or ([] if names or maps else [DEFAULT_SUITE]):
            if suite not in SUITES:
                _fail(USAGE, f"--suite {suite}: expected one of {', '.join(SUITES)}")
            found |= {_key(scenario): scenario for scenario in load_suite(suite)}
        known = gallery()
        for name in names:
            if name not in known and not Path(name).is_file():
                _fail(USAGE, f"--scenario {name}: there is no such file, and the gallery has {', '.join(known)}")
            _add(found, load_scenario(known.get(name, name)), f"--scenario {name}")
        for file in maps:
            _add(found, scenario_of_map(file, route, set_speed_mps), f"--map {file}")
    except ScenarioError as error:
        _fail(USAGE, str(error))
    return list(found.values())


def _add(found: "dict[tuple[str, str], Scenario]", scenario: "Scenario", flag: str) -> None:
    if found.get(_key(scenario), scenario) != scenario:
        _fail(USAGE, f"{flag}: another scenario is called {scenario.name} already; rename the file")
    found[_key(scenario)] = scenario


def _key(scenario: "Scenario") -> tuple[str, str]:
    return scenario.name, scenario.head.condition


def _requirements(texts: list[str]) -> "list[Requirement]":
    from simulation.evaluation.requirements import parse_requirement

    try:
        return [parse_requirement(text) for text in texts]
    except ValueError as error:
        _fail(USAGE, f"--require {error}")


def _earlier(folder: Path | None) -> "list[RunFigures] | None":
    from simulation.evaluation.results import read_runs

    if folder is None:
        return None
    try:
        return read_runs(folder)
    except ValueError as error:
        _fail(USAGE, f"--against {error}")


class _Terminated(KeyboardInterrupt):
    """SIGTERM."""


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _fail(code: int, text: str) -> NoReturn:
    typer.echo(f"simulation eval: {text}", err=True)
    raise typer.Exit(code)
