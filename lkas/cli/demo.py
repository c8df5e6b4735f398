"""`lkas demo`: simulation, lkas and viewer together, from camera to steering in a browser."""

import os
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from lkas.cli.resources import ResourceMeter
from lkas.cli.run import ProcessReporter, with_real_ports
from lkas.cli.settings import (
    CONTROLLER_HELP,
    METHOD_HELP,
    MODEL_HELP,
    ConfigOption,
    InstanceOption,
    SetOption,
    check_model,
    check_own_code,
    checked_instance,
    configured_ports,
    fail,
    load_settings,
)
from lkas.cli.supervise import StopRequest, supervise
from lkas.config import Configuration
from lkas.runtime import log
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.processes import Process, Restart, lkas_processes
from lkas.runtime.supervisor import Supervisor

SAMPLE_PERIOD_NS = 1_000_000_000
OPEN_ATTEMPTS, OPEN_PERIOD_S = 100, 0.2
STAGES = {"latency_ms": "pose_to_control", "frame_to_control_ms": "frame_to_control", "detection_ms": "detection"}


def demo(
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Drive this long, then stop.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures of the drive here.")] = None,
    backend: Annotated[str | None, typer.Option(metavar="NAME", help="auto, embedded, carla or video.")] = None,
    map_: Annotated[str | None, typer.Option("--map", metavar="FILE.xodr", help="Road to drive on.")] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help="Light and weather of the embedded world, such as rain.")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Film, folder of images or camera.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start the film again when it is over.", metavar="")] = False,
    method: Annotated[str | None, typer.Option(metavar="NAME", help=METHOD_HELP)] = None,
    model: Annotated[str | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    controller: Annotated[str | None, typer.Option(metavar="NAME", help=CONTROLLER_HELP)] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 8080,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser window.", metavar="")] = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    instance: InstanceOption = "default",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.", metavar="")] = False,
) -> None:
    """Drive: a car keeps its lane in the browser; no CARLA, GPU or account needed.

    Examples: lkas demo; lkas demo --source film.mp4 --loop; lkas demo --duration 60 --json drive.json
    """
    flags = {
        "--method": ("detection.method", method),
        "--model": ("detection.model", model),
        "--controller": ("decision.controller", controller),
    }
    configuration = with_real_ports(load_settings(config, assignments, flags))
    check_model(configuration, model)
    check_own_code(configuration)
    if json is not None and not os.access(json.absolute().parent, os.W_OK):
        fail(f"--json {json}: the folder {json.absolute().parent} is missing or not writable", EXIT_USAGE)
    instance = checked_instance(instance)
    log.set_up("demo", verbose)
    typer.echo((f"demo: the page comes at http://localhost:{port}/. " if port else "demo: ") + "Ctrl-C ends the drive.")
    with tempfile.TemporaryDirectory(prefix="lkas-") as folder:
        drive_json = Path(folder) / "drive.json"
        ports = f"zmq.port_base={configuration['zmq'].port_base}"
        shared = [*_given("--config", config), *_repeated("--set", [*(assignments or ()), ports])]
        simulation = [
            *("--broadcast", "--json", str(drive_json)),
            *_given("--backend", backend),
            *_given("--map", map_),
            *_given("--condition", condition),
            *_given("--source", source),
            *(["--loop"] if loop else []),
            *_given("--duration", duration),
            *("--instance", instance),
            *shared,
        ]
        viewer = ["--port", str(port), *shared]
        if not no_browser and port:
            _open_page_when_served(port)
        code, run = _drive(configuration, instance, verbose, simulation, viewer)
        figures = _figures(drive_json, run)
    if figures is None and code == 0:
        fail("the simulation ended without figures of the drive", EXIT_FAILED)
    if json is not None and figures is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    raise typer.Exit(code)


class _Run:
    """Watches a running demo: what it costs and how fast it answers."""

    def __init__(self, configuration: Configuration, supervisor: Supervisor, reporter: ProcessReporter) -> None:
        from lkas.clock import MonotonicClock
        from lkas.integration.zmq.client import BrokerClient

        self._supervisor = supervisor
        self._reporter = reporter
        self._clock = MonotonicClock()
        self._client = BrokerClient(configured_ports(configuration), topics=("health", "control"))
        self._meter = ResourceMeter()
        self._since_ns: int | None = None
        self._sample_due_ns = 0
        self._stages: dict[str, Any] = {}

    def look(self) -> None:
        """Called about ten times a second."""
        self._reporter.repeat()
        messages = self._client.poll(0.0)
        self._stages = messages.get("health", {}).get("latency_ms") or self._stages
        now_ns = self._clock.now_ns()
        if self._since_ns is None and "control" in messages:
            self._since_ns = now_ns
        if self._since_ns is not None and now_ns >= self._sample_due_ns:
            self._sample_due_ns = now_ns + SAMPLE_PERIOD_NS
            self._sample()

    def _sample(self) -> None:
        pids = [state.pid for state in self._supervisor.states if state.pid is not None]
        self._meter.sample([os.getpid(), *pids])

    def figures(self) -> dict[str, Any]:
        """The keys of `--json` that the simulation can not know."""
        wall_s = (self._clock.now_ns() - self._since_ns) / 1e9 if self._since_ns else None
        return {
            **{key: self._stages.get(stage) for key, stage in STAGES.items()},
            "restarts": self._supervisor.restarts,
            "rss_mb": round(self._meter.peak_pss_mb, 1),
            "cpu_cores": round(self._meter.cpu_s / wall_s, 3) if wall_s else None,
        }

    def close(self) -> None:
        self._client.close()


def _drive(
    configuration: Configuration, instance: str, verbose: bool, simulation: list[str], viewer: list[str]
) -> tuple[int, dict[str, Any]]:
    """Run everything until it ends; the exit code and the figures of the run."""
    stop = StopRequest()
    reporter = ProcessReporter(configuration)
    manifest = lkas_processes(instance=instance, configuration=configuration.to_json(), broadcast=True, verbose=verbose)
    programs = (
        Process(
            name="simulation",
            command=(sys.executable, "-m", "simulation", *simulation),
            restart=Restart.ON_FAILURE,
        ),
        Process(name="viewer", command=(sys.executable, "-m", "viewer", *viewer)),
    )
    supervisor = Supervisor((*manifest, *programs), on_change=reporter.take)
    run = _Run(configuration, supervisor, reporter)
    figures: dict[str, Any] = {}

    def look() -> None:
        run.look()
        figures.update(run.figures())

    try:
        return supervise(supervisor, stop, look), figures
    finally:
        run.close()
        reporter.close()


def _open_page_when_served(port: int) -> None:
    """Open a browser window as soon as the page answers, where there is a screen."""
    if sys.platform == "linux" and not ({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)):
        return

    def wait_and_open() -> None:
        for _ in range(OPEN_ATTEMPTS):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(OPEN_PERIOD_S)
            else:
                webbrowser.open(f"http://localhost:{port}/")
                return

    threading.Thread(target=wait_and_open, daemon=True).start()


def _figures(drive_json: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return {**msgspec.json.decode(drive_json.read_bytes()), **run}
    except (OSError, msgspec.DecodeError):
        return None


def _given(flag: str, value: object) -> list[str]:
    return [] if value is None else [flag, str(value)]


def _repeated(flag: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (flag, value)]
