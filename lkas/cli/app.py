"""The command line of `lkas`: one typer app; each group of commands has its own module."""

from typing import Annotated

import typer

from lkas.cli.action import action
from lkas.cli.bench_detection import bench_detection
from lkas.cli.bench_ipc import bench_ipc
from lkas.cli.bench_pipeline import bench_pipeline
from lkas.cli.calibrate import calibrate
from lkas.cli.demo import demo
from lkas.cli.detect import detect
from lkas.cli.doctor import doctor
from lkas.cli.instances import ls
from lkas.cli.message import message
from lkas.cli.param import param_app
from lkas.cli.run import run
from lkas.cli.settings import (
    CONTROLLER_HELP,
    METHOD_HELP,
    MODEL_HELP,
    ConfigOption,
    InstanceOption,
    SetOption,
    checked_instance,
)
from lkas.cli.socket_commands import sockets_app
from lkas.cli.status import status
from lkas.runtime.log import LogFormat, LogOptions
from lkas.runtime.log_options import LogFileOption, LogFormatOption, VerboseOption
from lkas.runtime.version_option import VersionOption

EXAMPLES = """
[bold]Examples[/bold]

  lkas demo                               simulation, lkas and the page
  lkas --method cv --broadcast            detection, decision and the broker
  lkas detect drive.mp4 --annotate out/   draw the detected lanes into a video
  lkas param set detection.canny_low 60   change a running parameter
"""

app = typer.Typer(
    add_completion=True,
    no_args_is_help=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def main(
    context: typer.Context,
    method: Annotated[str | None, typer.Option(metavar="NAME", help=METHOD_HELP)] = None,
    model: Annotated[str | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    controller: Annotated[str | None, typer.Option(metavar="NAME", help=CONTROLLER_HELP)] = None,
    broadcast: Annotated[
        bool, typer.Option("--broadcast", help="Run the broker as well, for viewers and tools.", metavar="")
    ] = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
    instance: InstanceOption = "default",
    verbose: VerboseOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_file: LogFileOption = None,
    version: VersionOption = False,
) -> None:
    """Lane keeping: detect the lane and steer, until Ctrl-C.

    Without a command it runs detection and decision, and with --broadcast the broker. The program `simulation` provides
    the camera, `viewer` serves the page; start the three in any order.
    """
    if context.invoked_subcommand is not None:
        return
    raise typer.Exit(
        run(
            config=config,
            assignments=assignments or [],
            flags={
                "--method": ("detection.method", method),
                "--model": ("detection.model", model),
                "--controller": ("decision.controller", controller),
            },
            instance=checked_instance(instance),
            broadcast=broadcast,
            log_options=LogOptions(verbose=verbose, format=log_format, file=log_file),
        )
    )


app.command()(demo)
app.command()(detect)
app.command()(calibrate)
app.command()(status)
app.command()(ls)
app.command()(doctor)
app.command()(action)
app.command()(message)
app.add_typer(param_app, name="param")
app.add_typer(sockets_app, name="sockets")
bench_app = typer.Typer(no_args_is_help=True, help="Measure this machine.")
bench_app.command("ipc")(bench_ipc)
bench_app.command("pipeline")(bench_pipeline)
bench_app.command("detection")(bench_detection)
app.add_typer(bench_app, name="bench")
