"""`lkas demo`: simulation, lkas and viewer together, from camera to steering in a browser."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import msgspec
import typer

from lkas.atomic_file import write_atomically
from lkas.cli.drive_metrics import DriveMetrics
from lkas.cli.open_page import open_page_when_served
from lkas.cli.settings import (
    CONTROLLER_HELP,
    METHOD_HELP,
    MODEL_HELP,
    SECTIONS,
    ConfigOption,
    InstanceOption,
    SetOption,
    check_model,
    check_plugins,
    checked_instance,
    configured_ports,
    fail,
    load_settings,
    set_up_output,
    with_free_ports,
)
from lkas.cli.supervise import EventSender, StopSignals, states_sender, supervise
from lkas.clock import MonotonicClock
from lkas.config import Configuration
from lkas.page import ViewerConfig, page_url
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.log import LogFormat, LogOptions, supervisor_line
from lkas.runtime.log_options import LogFileOption, LogFormatOption, VerboseOption
from lkas.runtime.processes import RunsWith, processes_of
from lkas.runtime.reporter import ProcessReporter
from lkas.runtime.run_limit import RunLimit, RunLimitError
from lkas.runtime.scratch import scratch_folder
from lkas.runtime.supervisor import Supervisor


def demo(
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Drive this long, then stop.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the metrics of the drive to this file.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, embedded, carla, video or FILE.py:NAME.")
    ] = None,
    map_: Annotated[str | None, typer.Option("--map", metavar="FILE.xodr", help="Road to drive on.")] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help="Light and weather of the embedded world, such as rain.")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Video, folder of images or camera.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Restart the video at its end.", metavar="")] = False,
    method: Annotated[str | None, typer.Option(metavar="NAME", help=METHOD_HELP)] = None,
    model: Annotated[str | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    controller: Annotated[str | None, typer.Option(metavar="NAME", help=CONTROLLER_HELP)] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the page; 0 takes a free one.",
            show_default=str(ViewerConfig().port),
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser window.", metavar="")] = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    instance: InstanceOption = "default",
    verbose: VerboseOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_file: LogFileOption = None,
) -> None:
    """Drive: a car keeps its lane in the browser. Needs no CARLA, GPU or account.

    Examples: lkas demo; lkas demo --source drive.mp4 --loop; lkas demo --duration 60 --json drive.json
    """
    flags = {
        "--method": ("detection.method", method),
        "--model": ("detection.model", model),
        "--controller": ("decision.controller", controller),
        "--port": ("viewer.port", port),
    }
    sections = {**SECTIONS, "viewer": ViewerConfig}
    configuration = with_free_ports(load_settings(config, assignments, flags, sections))
    check_model(configuration, model)
    check_plugins(configuration)
    if json is not None and not os.access(json.absolute().parent, os.W_OK):
        fail(f"--json {json}: the folder {json.absolute().parent} is missing or not writable", EXIT_USAGE)
    instance = checked_instance(instance)
    log_options = LogOptions(verbose=verbose, format=log_format, file=log_file)
    page: ViewerConfig = configuration["viewer"]
    url = page_url(page.host, page.port)
    with set_up_output("demo", log_options), _scratch_folder() as folder:
        typer.echo("demo: " + (f"the page will be at {url}, " if page.port else "") + "Ctrl-C ends the drive")
        drive_json = Path(folder) / "drive.json"
        ports = f"zmq.port_base={configuration['zmq'].port_base}"
        shared = [
            *_option("--config", config),
            *_options("--set", [*(assignments or ()), ports]),
            "--log-format",
            log_format,
        ]
        simulation = [
            *("--broadcast", "--json", str(drive_json)),
            *_option("--backend", backend),
            *_option("--map", map_),
            *_option("--condition", condition),
            *_option("--source", source),
            *(["--loop"] if loop else []),
            *_option("--duration", duration),
            *("--instance", instance),
            *shared,
        ]
        viewer = [*_option("--port", port), *shared]
        if not no_browser and page.port:
            open_page_when_served(url, page.host, page.port)
        code, run_metrics = _drive(
            configuration, instance, log_options, duration, {"simulation": simulation, "viewer": viewer}
        )
        metrics = _joined(drive_json, run_metrics)
    if metrics is None and code == 0:
        fail("the simulation ended without metrics of the drive", EXIT_FAILED)
    if json is not None and metrics is not None:
        text = msgspec.json.format(msgspec.json.encode(metrics).decode(), indent=1) + "\n"
        try:
            write_atomically(json, text)
        except OSError as error:  # the simulation has printed its metrics
            fail(f"--json {json}: cannot be written: {error.strerror}", EXIT_FAILED)
    raise typer.Exit(code)


def _scratch_folder() -> TemporaryDirectory[str]:
    try:
        return scratch_folder()
    except OSError as error:
        fail(str(error.strerror), EXIT_FAILED)


def _drive(
    configuration: Configuration,
    instance: str,
    log_options: LogOptions,
    duration_s: float | None,
    options: Mapping[str, Sequence[str]],
) -> tuple[int, dict[str, Any]]:
    """Run all five processes until the drive ends; return the exit code and the metrics of the run."""
    from lkas.integration.zmq.client import BrokerClient, SupervisorClient

    stop = StopSignals()
    limit = RunLimit(duration_s, MonotonicClock())
    ports = configured_ports(configuration)
    with (
        contextlib.closing(SupervisorClient(ports)) as sender,
        contextlib.closing(BrokerClient(ports, topics=("health", "control"))) as receiver,
    ):
        reporter, events = ProcessReporter(states_sender(sender)), EventSender(sender)
        processes = processes_of(
            RunsWith, instance=instance, configuration=configuration.to_json(), log=log_options, options=options
        )
        supervisor = Supervisor(
            processes, on_change=reporter.update, on_event=events.add, log_line=supervisor_line(log_options)
        )
        metrics = DriveMetrics(supervisor, receiver)

        def each_step() -> None:
            reporter.repeat()
            events.send()
            metrics.update()
            limit.check()

        try:
            code = supervise(supervisor, stop, each_step)
        except RunLimitError as error:
            fail(str(error), EXIT_FAILED)
        return code, metrics.result()


def _joined(drive_json: Path, run_metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Return the simulation's metrics together with those of the run; None when the simulation wrote none."""
    try:
        return {**msgspec.json.decode(drive_json.read_bytes()), **run_metrics}
    except (OSError, msgspec.DecodeError):
        return None


def _option(flag: str, value: object) -> list[str]:
    return [] if value is None else [flag, str(value)]


def _options(flag: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]
