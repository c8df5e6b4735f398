"""The command `simulation`: options into a configuration, a configuration into a running world."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from msgspec import structs

from lkas.config import ConfigError, Configuration, load
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import ParameterError, changed
from lkas.runtime import log
from lkas.runtime.child import die_with_supervisor
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.backends import build_world, chosen_backend
from simulation.bench import bench
from simulation.carla.config import CarlaConfig
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.evaluation.cli import evaluate
from simulation.maps import maps
from simulation.world import WorldError, WorldUnreachable

SECTIONS = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "zmq": ZmqConfig,
    "simulation": SimulationConfig,
    "carla": CarlaConfig,
}
CARLA_FLAGS = {"host", "port", "autopilot"}  # keys of section carla; all others are of section simulation
# Flags with a meaning for some worlds only.
FLAGS = {
    "embedded": {"map", "route", "condition"},
    "carla": {"map", "route", *CARLA_FLAGS},
    "video": {"source", "loop"},
}

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("eval")(evaluate)
app.command("maps")(maps)
app.command("bench")(bench)


class Backend(StrEnum):
    AUTO = "auto"
    EMBEDDED = "embedded"
    CARLA = "carla"
    VIDEO = "video"


def main() -> None:
    """Entry point of the command."""
    app(prog_name="simulation")


@app.callback(invoke_without_command=True)
def simulation(
    context: typer.Context,
    backend: Annotated[
        Backend | None,
        typer.Option(
            help="World to run; auto: video when there is a --source, carla when its server answers, else embedded.",
            show_default="auto",
        ),
    ] = None,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="Connect to the broker of `lkas --broadcast`.", metavar="")
    ] = False,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE.xodr", help="Road to drive on (OpenDRIVE); with CARLA also Town04 and such."
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="IDS", help="Roads to go over, as 12,7,3; default (as `eval` drives it); or turns (by seed)."
        ),
    ] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Light, weather and traffic: {', '.join(CONDITIONS)}.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Video file, folder of images, or index of a camera.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start the film again when it is over.", metavar="")] = False,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address of the CARLA server.")] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="Port of the CARLA server, 2000 as a rule.")] = None,
    autopilot: Annotated[
        bool, typer.Option("--autopilot", help="Let CARLA's traffic manager drive; steering is only shown.", metavar="")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random in the world.")] = None,
    speed: Annotated[float | None, typer.Option(metavar="MPS", help="Speed at the start, in m/s.")] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Stop after so much world time.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the statistics of the drive there.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
    instance: Annotated[
        str,
        typer.Option(envvar="LKAS_INSTANCE", help="Name of this stack; two with different names live side by side."),
    ] = "default",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.", metavar="")] = False,
) -> None:
    """Run a world: it publishes camera frames and vehicle state, and applies the steering it is given.

    \b
    Examples:
    simulation --broadcast                       embedded world, for the viewer
    simulation --map town.xodr --speed 20        your own road, rolling at 20 m/s
    simulation --condition rain                  other light and weather
    simulation --source drive.mp4 --loop         a film, again and again
    simulation --source 0                        camera 0 of this machine
    simulation --backend carla --map Town04      a CARLA server on this machine
    simulation --duration 60 --json drive.json   one minute, with its score

    Exit codes: 0 fine, 1 failed, 2 usage, configuration, source or map, 3 no CARLA server, 130 interrupted,
    143 terminated.
    """
    if context.invoked_subcommand is not None:
        return
    flags = {
        "backend": None if backend is None else str(backend),
        "map": None if map_file is None else str(map_file),
        "route": route,
        "condition": condition,
        "source": source,
        "loop": loop or None,
        "seed": seed,
        "start_speed_mps": speed,
        "host": host,
        "port": port,
        "autopilot": autopilot or None,
    }
    configuration = _configuration(config, assignments or [], flags)
    if json is not None and not json.absolute().parent.is_dir():
        _fail(EXIT_USAGE, f"--json {json}: there is no folder {json.absolute().parent}; make it first")
    zmq: ZmqConfig = configuration["zmq"]
    if broadcast and zmq.port_base == 0:
        _fail(EXIT_USAGE, "zmq.port_base = 0 leaves the broker's ports open; --broadcast needs the number it has taken")
    _run(configuration, flags, broadcast=broadcast, json=json, duration_s=duration, instance=instance, verbose=verbose)


def _configuration(file: Path | None, assignments: list[str], flags: dict[str, Any]) -> Configuration:
    try:
        loaded = load(SECTIONS, file=file, assignments=assignments)
        sections = {name: loaded[name] for name in loaded}
        for name, value in flags.items():
            if value is not None:
                owner = "carla" if name in CARLA_FLAGS else "simulation"
                sections[owner] = changed(owner, sections[owner], name, value)
        return Configuration(sections)
    except (ConfigError, ParameterError) as error:
        _fail(EXIT_USAGE, str(error))


def _check_fits(backend: str, flags: dict[str, Any]) -> None:
    """Refuse flags of the world that was not chosen: ignoring them would surprise."""
    for name in sorted(set().union(*FLAGS.values()) - FLAGS[backend]):
        if flags[name] is not None:
            _fail(EXIT_USAGE, f"--{name} has no meaning for the {backend} world; leave it or change --backend")


def _run(
    configuration: Configuration, flags: dict[str, Any], verbose: bool, broadcast: bool, **settings: Any
) -> NoReturn:
    use_one_thread()
    from simulation.stop import StopSignals

    stop = StopSignals()
    die_with_supervisor()
    log.set_up("simulation", verbose)
    config: SimulationConfig = configuration["simulation"]
    carla: CarlaConfig = configuration["carla"]
    backend = chosen_backend(config, carla)
    _check_fits(backend, flags)
    typer.echo(f"world: {backend}" + (" (chosen by auto)" if config.backend == "auto" else ""))

    from lkas.integration.shared_memory.errors import SHMError, SHMWriterExistsError
    from lkas.integration.shared_memory.segment import segment_path

    try:
        segment_path("camera_feed", settings["instance"])  # a bad name is found before a world is built
    except ValueError as error:
        _fail(EXIT_USAGE, f"--instance: {error}")
    try:
        world = build_world(
            structs.replace(config, backend=backend), carla, configuration["camera"], configuration["vehicle"]
        )
    except WorldUnreachable as error:
        _fail(EXIT_UNREACHABLE, str(error))
    except WorldError as error:
        _fail(EXIT_USAGE, str(error))
    from simulation import program

    zmq: ZmqConfig = configuration["zmq"]
    ports = Ports(zmq.port_base, zmq.host) if broadcast else None
    try:
        code = program.run(world, program.Settings(ports=ports, **settings), stop)
    except SHMWriterExistsError as error:
        _fail(EXIT_FAILED, f"{error} (--instance NAME)")
    except (WorldError, SHMError, OSError) as error:
        _fail(EXIT_FAILED, str(error))
    raise typer.Exit(code)


def _fail(code: int, text: str) -> NoReturn:
    typer.echo(f"simulation: {text}", err=True)
    raise typer.Exit(code)
