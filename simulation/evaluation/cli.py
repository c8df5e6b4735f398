"""The command `simulation eval`: reads options, drives the runs, and writes results and report."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs

from lkas.config import Configuration
from lkas.decision.parameters import CONTROLLERS
from lkas.detection.parameters import METHODS
from lkas.plugins.names import PATTERN, absolute_name
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from simulation.conditions import CONDITIONS
from simulation.evaluation.options import (
    DEFAULT_SUITE,
    check_alone,
    check_plugins,
    choices_or_plugins,
    configuration_of,
    earlier_runs,
    fail,
    in_conditions,
    requirements_of,
    scenarios_of,
    world_scenario,
)
from simulation.evaluation.settings import TRUTH, ZERO

if TYPE_CHECKING:
    from simulation.evaluation.executors import Executor

DEFAULT_LATENCY_S = 0.05
DEFAULT_DURATION_S = 120.0  # of a custom world


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
            help="Scenario file (YAML), or the name of a built-in scenario; several with commas.",
        ),
    ] = None,
    maps: Annotated[
        list[Path] | None,
        typer.Option("--map", metavar="FILE.xodr", help="Drive this map's route at decision.set_speed_mps."),
    ] = None,
    world: Annotated[
        str | None,
        typer.Option(metavar=PATTERN, help="Drive this world instead, at decision.set_speed_mps.", show_default=False),
    ] = None,
    world_options: Annotated[
        list[str] | None,
        typer.Option("--world-option", metavar="KEY=VALUE", help="Argument of --world; may be repeated."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            max=36000,
            help="World time of --world, unless it ends before.",
            show_default=f"{DEFAULT_DURATION_S:g}",
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="ROUTE",
            help="Route of each --map: default, turns (random, by the seed), or road ids with commas.",
            show_default="default",
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="NAME",
            help=f"Light and weather of all scenarios: {', '.join(CONDITIONS)}; several with commas, or all.",
            show_default="as in the scenario",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Drive each with seeds 1 to N.")] = 1,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"{', '.join(METHODS)}, {TRUTH} (perfect perception), or a plugin {PATTERN}; several with commas.",
            show_default="detection.method",
        ),
    ] = None,
    controllers: Annotated[
        list[str] | None,
        typer.Option(
            "--controller",
            metavar="NAME",
            help=f"{', '.join(CONTROLLERS)}, {ZERO} (no steering), or a plugin {PATTERN}; several with commas.",
            show_default="decision.controller",
        ),
    ] = None,
    latency: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, max=1, help="From a pose to the applied control; 0 is ideal.")
    ] = DEFAULT_LATENCY_S,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=256, help="Number of parallel processes.", show_default="number of cores"),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Run on the Dask cluster at this address (tcp://host:8786).", show_default=False
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results; finished runs are reused.")] = Path(
        "eval"
    ),
    against: Annotated[Path | None, typer.Option(metavar="DIR", help="Compare with the results in DIR.")] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC<=NUMBER", help="Exit with code 5 unless the summary meets this."),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
) -> None:
    """Drive scenarios in lock-step with the real detection and decision, and write a score card.

    \b
    Examples:
    simulation eval                                          the suite smoke, into ./eval
    simulation eval --method truth,cv --controller pure_pursuit,zero
    simulation eval --method cv,my_lanes.py:Detector --controller lqr,my_law.py:create
    simulation eval --scenario my.yaml --seeds 5 --out my-results
    simulation eval --map town.xodr --method truth --seeds 3 --out town
    simulation eval --world my_world.py:MyWorld --world-option seed=3 --duration 300
    simulation eval --suite blackout --set decision.hold_offset_m=0.5 --against eval
    simulation eval --suite standard --condition rain,night --seeds 3
    simulation eval --suite standard --scheduler tcp://host:8786
    simulation eval --require "departures<=0" --require "offset_rms_m<=0.25"

    \b
    Writes DIR/report.html, DIR/results.json, DIR/results.csv, and one file per run in DIR/runs.
    Exit codes: 0 success, 1 a run failed or a map cannot be driven, 2 usage, 3 no cluster, 5 a --require is not met,
    130 interrupted, 143 terminated.
    """
    configuration = configuration_of(config, assignments or [])
    default_controller = absolute_name(configuration["decision"].controller)
    method_names = choices_or_plugins("--method", methods, (*METHODS, TRUTH), configuration["detection"].method)
    controller_names = choices_or_plugins("--controller", controllers, (*CONTROLLERS, ZERO), default_controller)
    use_one_thread()
    set_speed_mps = configuration["decision"].set_speed_mps
    if world is None:
        if world_options or duration is not None:
            fail(EXIT_USAGE, "--world-option and --duration apply to --world only")
        scenarios, undriven = scenarios_of(suites or [], scenario_names or [], maps or [], route, set_speed_mps)
        scenarios = in_conditions(scenarios, conditions or [])
    else:
        check_alone(suites=suites, scenarios=scenario_names, maps=maps, conditions=conditions, seeds=seeds)
        undriven = []
        scenarios = [world_scenario(world, world_options or [], duration or DEFAULT_DURATION_S, set_speed_mps)]
        if TRUTH in method_names:
            fail(EXIT_USAGE, f"--method {TRUTH}: perfect perception needs the embedded world; omit --world")
    requirements = requirements_of(require or [])
    earlier = earlier_runs(against)
    check_plugins(configuration, method_names, [*controller_names, default_controller])

    from simulation.evaluation import outcome
    from simulation.evaluation.progress import run_with_progress
    from simulation.evaluation.sweep import Plan, Sweep

    plan = Plan(
        scenarios=tuple(scenarios),
        seeds=tuple(range(1, seeds + 1)),
        methods=tuple(method_names),
        controllers=tuple(controller_names),
        latency_s=latency,
        configuration=_with_controller(configuration, default_controller).to_json(),
        default_controller=default_controller,
    )
    executor = _executor(scheduler, jobs)
    try:
        sweep = Sweep(plan, out)
    except OSError as error:
        fail(EXIT_USAGE, f"--out {out}: {error.filename or out}: {error.strerror}")
    code = run_with_progress(sweep, executor)
    records = sweep.records()
    if records:
        try:
            outcome.write_outcome(out, records, earlier, against)
        except OSError as error:
            fail(EXIT_FAILED, f"--out {out}: cannot be written: {error.strerror}")
    outcome.print_failures(sweep)
    for reason in undriven:
        typer.echo(f"simulation eval: {reason}", err=True)
    outcome.print_unscored(records)
    has_failed = outcome.print_detector_failures(records) or bool(sweep.failed) or bool(undriven)
    if code == 0 and has_failed:
        code = EXIT_FAILED
    if code == 0:
        code = outcome.check_requirements(requirements, records)
    raise typer.Exit(code)


def _with_controller(configuration: Configuration, controller: str) -> Configuration:
    """Return the configuration with the absolute name of its controller, for any working directory."""
    decision = structs.replace(configuration["decision"], controller=controller)
    return Configuration({**{name: configuration[name] for name in configuration}, "decision": decision})


def _executor(scheduler: str | None, jobs: int | None) -> "Executor":
    from simulation.evaluation.cluster import Cluster, ClusterError
    from simulation.evaluation.executors import InProcess, Processes

    if scheduler is not None:
        if jobs is not None:
            fail(EXIT_USAGE, "--jobs and --scheduler: the cluster sets the number of workers; omit --jobs")
        if not re.fullmatch(r"(\w+://)?[^\s/]+:\d+", scheduler):
            fail(EXIT_USAGE, f"--scheduler {scheduler}: expected an address such as tcp://host:8786")
        try:
            return Cluster(scheduler)
        except ClusterError as error:
            fail(EXIT_UNREACHABLE, f"--scheduler: {error}")
    count = jobs or len(os.sched_getaffinity(0))
    return InProcess() if count == 1 else Processes(count)
