"""The command `simulation`: reads options and configuration, and runs a world."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lkas.config import ConfigError, Configuration, load
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import ParameterError, changed
from lkas.plugins.names import PATTERN, absolute_name, is_plugin_name, short_name
from lkas.runtime import log
from lkas.runtime.child import die_with_supervisor
from lkas.runtime.command import run_command
from lkas.runtime.descriptors import DescriptorLimitError, raise_descriptor_limit
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE
from lkas.runtime.heartbeat import Heartbeat
from lkas.runtime.log import LogFormat, LogOptions
from lkas.runtime.log_options import LogFileOption, LogFormatOption, VerboseOption
from lkas.runtime.run_limit import RunLimitError
from lkas.runtime.threads import use_one_thread
from lkas.runtime.version_option import VersionOption
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.backends import AUTO, BACKENDS
from simulation.bench import bench
from simulation.carla.config import CarlaConfig
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.evaluation.check_cli import check
from simulation.evaluation.cli import evaluate
from simulation.factory import build_world, choose_backend
from simulation.foreign.world_options import parse_world_options
from simulation.maps import maps
from simulation.world import WorldError, WorldUnreachable

if TYPE_CHECKING:
    from simulation.stop import StopSignals

SECTIONS = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "zmq": ZmqConfig,
    "simulation": SimulationConfig,
    "carla": CarlaConfig,
}
CARLA_FLAGS = {"host", "port", "autopilot"}  # keys of section carla; all others are keys of section simulation

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("eval")(evaluate)
app.command("maps")(maps)
app.command("bench")(bench)
app.command("check")(check)


def main() -> None:
    """Entry point of the command."""
    run_command(app, "simulation")


@app.callback(invoke_without_command=True)
def simulation(
    context: typer.Context,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"World to run: {', '.join((AUTO, *BACKENDS))}, or a plugin {PATTERN}. "
            "auto: video with a --source, carla when its server answers, otherwise embedded.",
            show_default=AUTO,
        ),
    ] = None,
    world_options: Annotated[
        list[str] | None,
        typer.Option("--world-option", metavar="KEY=VALUE", help=f"Argument of a world {PATTERN}; may be repeated."),
    ] = None,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="Connect to the broker of `lkas --broadcast`.", metavar="")
    ] = False,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE.xodr", help="Road to drive on (OpenDRIVE); with CARLA also a name such as Town04."
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="IDS", help="Road ids such as 12,7,3; default (as `eval` drives it); or turns (random, by seed)."
        ),
    ] = None,
    condition: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"Light, weather and traffic: {', '.join(CONDITIONS)}.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Video file, folder of images, camera, or address of a stream.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Restart the video at its end.", metavar="")] = False,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address of the CARLA server.")] = None,
    port: Annotated[int | None, typer.Option(metavar="PORT", help="Port of the CARLA server, usually 2000.")] = None,
    autopilot: Annotated[
        bool, typer.Option("--autopilot", help="Let CARLA's traffic manager drive; steering is ignored.", metavar="")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of all randomness in the world.")] = None,
    speed: Annotated[float | None, typer.Option(metavar="MPS", help="Speed at the start, in m/s.")] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Stop after this world time.")
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the metrics of the drive to FILE.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
    instance: Annotated[
        str,
        typer.Option(envvar="LKAS_INSTANCE", help="Name of this stack; stacks with different names run in parallel."),
    ] = "default",
    verbose: VerboseOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_file: LogFileOption = None,
    version: VersionOption = False,
) -> None:
    """Run a world: publish camera frames and vehicle state, and apply the received steering.

    \b
    Examples:
    simulation --broadcast                       embedded world, for the viewer
    simulation --map town.xodr --speed 20        another road, starting at 20 m/s
    simulation --condition rain                  other light and weather
    simulation --source drive.mp4 --loop         a video file, repeated
    simulation --source 0                        camera 0 of this machine; or /dev/video2
    simulation --source rtsp://camera/1          a stream; also http, https, udp
    simulation --backend carla --map Town04      a CARLA server on this machine
    simulation --backend my_world.py:MyWorld     a custom world or car
    simulation --duration 60 --json drive.json   one minute, with its score

    Exit codes: 0 success, 1 failed, 2 usage, configuration, source or map, 3 no CARLA server, 130 interrupted,
    143 terminated.
    """
    if context.invoked_subcommand is not None:
        return
    flags = {
        "backend": None if backend is None else absolute_name(backend),
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
        _fail(EXIT_USAGE, f"--json {json}: no such folder {json.absolute().parent}; create it first")
    zmq: ZmqConfig = configuration["zmq"]
    if broadcast and zmq.port_base == 0:
        _fail(EXIT_USAGE, "zmq.port_base = 0 lets the broker choose its ports; --broadcast needs the chosen number")
    _run(
        configuration,
        flags,
        world_options or [],
        broadcast=broadcast,
        json=json,
        duration_s=duration,
        instance=instance,
        log_options=LogOptions(verbose=verbose, format=log_format, file=log_file),
    )


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


def _refuse_foreign_flags(backend: str, flags: dict[str, Any]) -> None:
    """Exit with a usage error when a flag of another world was given."""
    all_flags = {name for entry in BACKENDS.values() for name in entry.flags}
    known = frozenset() if is_plugin_name(backend) else BACKENDS[backend].flags
    for name in sorted(all_flags - known):
        if flags[name] is not None:
            world = short_name(backend) if is_plugin_name(backend) else backend
            _fail(EXIT_USAGE, f"--{name} does not apply to the {world} world; remove it or change --backend")


def _world_options(backend: str, given: list[str]) -> dict[str, Any]:
    """Return the arguments of a world plugin."""
    if given and not is_plugin_name(backend):
        _fail(EXIT_USAGE, f"--world-option {given[0]}: only a world {PATTERN} takes options")
    try:
        return parse_world_options(given)
    except ValueError as error:
        _fail(EXIT_USAGE, str(error))


def _run(
    configuration: Configuration,
    flags: dict[str, Any],
    world_options: list[str],
    log_options: LogOptions,
    broadcast: bool,
    **options: Any,
) -> NoReturn:
    use_one_thread()
    from simulation.stop import StopSignals

    stop = StopSignals()
    die_with_supervisor()
    try:
        raise_descriptor_limit()
        output = log.set_up("simulation", log_options)
    except (DescriptorLimitError, log.LogFileError) as error:
        _fail(EXIT_USAGE, str(error))
    with output:
        _run_world(configuration, flags, world_options, stop, broadcast=broadcast, **options)


def _run_world(
    configuration: Configuration,
    flags: dict[str, Any],
    world_options: list[str],
    stop: "StopSignals",
    *,
    broadcast: bool,
    **options: Any,
) -> NoReturn:
    config: SimulationConfig = configuration["simulation"]
    backend = choose_backend(config, configuration["carla"])
    _refuse_foreign_flags(backend, flags)
    arguments = _world_options(backend, world_options)
    world_name = short_name(backend) if is_plugin_name(backend) else backend
    typer.echo(f"world: {world_name}" + (" (chosen by auto)" if config.backend == AUTO else ""))

    from lkas.integration.shared_memory.errors import SHMError, SHMWriterExistsError
    from lkas.integration.shared_memory.segment import segment_path

    try:
        segment_path("camera_feed", options["instance"])  # check the name before the world is built
    except ValueError as error:
        _fail(EXIT_USAGE, f"--instance: {error}")
    try:
        world = build_world(backend, configuration, arguments)
    except WorldUnreachable as error:
        _fail(EXIT_UNREACHABLE, str(error))
    except WorldError as error:
        _fail(EXIT_USAGE, str(error))
    from simulation import program

    zmq: ZmqConfig = configuration["zmq"]
    ports = Ports(zmq.port_base, zmq.host) if broadcast else None
    try:
        code = program.run(
            world, program.RunOptions(ports=ports, heartbeat=Heartbeat.from_environment(), **options), stop
        )
    except SHMWriterExistsError as error:
        _fail(EXIT_FAILED, f"{error} (--instance NAME)")
    except (WorldError, RunLimitError, SHMError, OSError) as error:
        _fail(EXIT_FAILED, str(error))
    raise typer.Exit(code)


def _fail(code: int, text: str) -> NoReturn:
    typer.echo(f"simulation: {text}", err=True)
    raise typer.Exit(code)
