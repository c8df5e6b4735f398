"""The command `simulation eval`: options into a plan, a plan into results, a report and an exit code."""

import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs

from lkas.config import Configuration
from lkas.decision.parameters import CONTROLLERS
from lkas.detection.parameters import METHODS
from lkas.plugins.guard import PluginError
from lkas.plugins.names import PATTERN, absolute_name
from lkas.runtime.exit_codes import EXIT_BELOW_THRESHOLD, EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from simulation.conditions import CONDITIONS
from simulation.evaluation.options import (
    DEFAULT_SUITE,
    check_plugins,
    choices_or_plugins,
    configuration_of,
    earlier_runs,
    fail,
    in_conditions,
    requirements_of,
    scenarios_of,
)
from simulation.evaluation.settings import TRUTH, ZERO

if TYPE_CHECKING:
    from simulation.evaluation.executors import Executor
    from simulation.evaluation.requirements import Requirement
    from simulation.evaluation.results import Record, RunFigures
    from simulation.evaluation.sweep import Sweep

DEFAULT_LATENCY_S = 0.05
PLAIN_WIDTH = 120  # of the table where there is no terminal


def evaluate(
    suites: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            metavar="NAME",
            help="smoke, standard, full, latency, dropout, blackout or drift; several with commas.",
            show_default=DEFAULT_SUITE,
        ),
    ] = None,
    scenario_names: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="FILE",
            help="Scenario file (YAML), or the name of one that comes along; several with commas.",
        ),
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
            help=f"{', '.join(METHODS)}, {TRUTH} (perfect perception), or {PATTERN} of your own; several with commas.",
            show_default="detection.method",
        ),
    ] = None,
    controllers: Annotated[
        list[str] | None,
        typer.Option(
            "--controller",
            metavar="NAME",
            help=f"{', '.join(CONTROLLERS)}, {ZERO} (steers nothing), or {PATTERN} of your own; several with commas.",
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
    simulation eval --method cv,my_lanes.py:Detector --controller lqr,my_law.py:create
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
    configuration = configuration_of(config, assignments or [])
    default_controller = absolute_name(configuration["decision"].controller)
    wanted_methods = choices_or_plugins("--method", methods, (*METHODS, TRUTH), configuration["detection"].method)
    wanted_controllers = choices_or_plugins("--controller", controllers, (*CONTROLLERS, ZERO), default_controller)
    use_one_thread()
    set_speed_mps = configuration["decision"].set_speed_mps
    scenarios = scenarios_of(suites or [], scenario_names or [], maps or [], route, set_speed_mps)
    scenarios = in_conditions(scenarios, conditions or [])
    requirements = requirements_of(require or [])
    earlier = earlier_runs(against)
    check_plugins(configuration, wanted_methods, [*wanted_controllers, default_controller])

    from simulation.evaluation.progress import run_behind_bar
    from simulation.evaluation.sweep import Plan, Sweep

    plan = Plan(
        scenarios=tuple(scenarios),
        seeds=tuple(range(1, seeds + 1)),
        methods=tuple(wanted_methods),
        controllers=tuple(wanted_controllers),
        latency_s=latency,
        configuration=_found_anywhere(configuration, default_controller).to_json(),
        default_controller=default_controller,
    )
    executor = _executor(scheduler, jobs)
    try:
        sweep = Sweep(plan, out)
    except OSError as error:
        fail(EXIT_USAGE, f"--out {out}: {error.filename or out}: {error.strerror}")
    code = run_behind_bar(sweep, executor)
    records = sweep.records()
    if records:
        _write(out, records, earlier, against)
    _tell_failures(sweep)
    has_failed = _tell_detector_failures(records) or bool(sweep.failed)
    if code == 0 and has_failed:
        code = EXIT_FAILED
    if code == 0:
        code = _judge(requirements, records)
    raise typer.Exit(code)


def _found_anywhere(configuration: Configuration, controller: str) -> Configuration:
    """The same configuration for any working directory."""
    decision = structs.replace(configuration["decision"], controller=controller)
    return Configuration({**{name: configuration[name] for name in configuration}, "decision": decision})


def _tell_failures(sweep: "Sweep") -> None:
    """One line for each reason: a run and its baseline often fail for the same one."""
    names: dict[str, list[str]] = {}
    for job, error in sweep.failed.values():
        reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        names.setdefault(reason, []).append(job.name)
    for reason, (first, *others) in names.items():
        more = f" and {len(others)} more" if others else ""
        typer.echo(f"simulation eval: {first}{more}: {reason}", err=True)


def _tell_detector_failures(records: "list[Record]") -> bool:
    """One line for each thing that detectors failed of; whether there is any. The figures hold those frames' lanes as
    not seen."""
    frames: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for record in records:
        frames.update(record.details.detector_failures)
        runs.update(record.details.detector_failures.keys())
    for text, count in frames.items():
        where = f"{_counted(count, 'frame')} without lanes for it, in {_counted(runs[text], 'run')}"
        typer.echo(f"simulation eval: {text}; {where}", err=True)
    return bool(frames)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _executor(scheduler: str | None, jobs: int | None) -> "Executor":
    from simulation.evaluation.cluster import Cluster, ClusterError
    from simulation.evaluation.executors import InProcess, Processes

    if scheduler is not None:
        if jobs is not None:
            fail(EXIT_USAGE, "--jobs and --scheduler: the workers of a cluster are as many as it has; leave --jobs out")
        if not re.fullmatch(r"(\w+://)?[^\s/]+:\d+", scheduler):
            fail(EXIT_USAGE, f"--scheduler {scheduler}: expected an address such as tcp://host:8786")
        try:
            return Cluster(scheduler)
        except ClusterError as error:
            fail(EXIT_UNREACHABLE, f"--scheduler: {error}")
    count = jobs or len(os.sched_getaffinity(0))
    return InProcess() if count == 1 else Processes(count)


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
    return EXIT_BELOW_THRESHOLD if failures else 0
