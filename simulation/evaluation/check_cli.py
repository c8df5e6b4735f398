"""The command `simulation check`: drives a custom world for 20 s and says what is right and wrong about it."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lkas.config import ConfigError, load
from lkas.plugins.names import PATTERN, is_plugin_name
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from simulation.evaluation.settings import SECTIONS
from simulation.foreign.world_options import parse_world_options


def check(
    world: Annotated[str, typer.Argument(metavar=PATTERN, help="The world or car to check.", show_default=False)],
    world_options: Annotated[
        list[str] | None,
        typer.Option("--world-option", metavar="KEY=VALUE", help="Argument of the world; may be repeated."),
    ] = None,
    lane_width: Annotated[
        float | None,
        typer.Option(metavar="METRES", min=0.05, max=10, help="Width of its lane.", show_default="from its truth"),
    ] = None,
    picture: Annotated[
        Path, typer.Option(metavar="FILE.png", help="Image with the given horizon and lane drawn into it.")
    ] = Path("check.png"),
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
) -> None:
    """Drive a custom world for 20 s in lock-step; one sentence each about time, frames, steering, brakes and camera.

    \b
    Examples:
    simulation check my_world.py:MyWorld
    simulation check my_world.py:MyWorld --world-option seed=3 --lane-width 3.5

    Exit codes: 0 all is well, 1 something is wrong, 2 usage.
    """
    if not is_plugin_name(world):
        _fail(f"{world}: expected {PATTERN}")
    if picture.suffix != ".png" or not picture.absolute().parent.is_dir():
        _fail(f"--picture {picture}: expected a file that ends in .png in a folder that exists")
    try:
        configuration = load(SECTIONS, file=config, assignments=assignments or [])
        options = parse_world_options(world_options or [])
    except (ConfigError, ValueError) as error:
        _fail(str(error))
    use_one_thread()

    from simulation.evaluation import check_report
    from simulation.evaluation.check_drive import CheckDrive
    from simulation.foreign.plugin_world import PluginWorld
    from simulation.world import WorldError

    try:
        built = PluginWorld(world, options)
    except WorldError as error:
        _fail(str(error))
    remarks: list[check_report.Remark] = []
    with closing(built):
        drive = CheckDrive(built, configuration)
        try:
            drive.run()
        except WorldError as error:
            remarks.append(check_report.Remark("world", False, str(error)))
    if drive.states:
        remarks += [
            check_report.time_remark(drive),
            check_report.rate_remark(drive),
            *check_report.steering_remarks(drive),
            check_report.brake_remark(drive),
            *check_report.camera_remarks(drive, lane_width),
        ]
    for remark in remarks:
        typer.echo(f"{'ok   ' if remark.is_well else 'WRONG'} {remark.subject}: {remark.text}")
    if check_report.draw_picture(drive, lane_width, picture):
        typer.echo(f"picture: {picture}: the horizon and the lane as given; they must lie on those of the image")
    raise typer.Exit(0 if all(remark.is_well for remark in remarks) else EXIT_FAILED)


def _fail(text: str) -> NoReturn:
    typer.echo(f"simulation check: {text}", err=True)
    raise typer.Exit(EXIT_USAGE)
