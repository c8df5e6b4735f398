"""The command `viewer`. NumPy and ZMQ are imported inside the function, so that `--help` is fast."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lkas.config import ConfigError, load
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.page import ViewerConfig, page_url
from lkas.runtime import log
from lkas.runtime.child import die_with_supervisor
from lkas.runtime.command import run_command
from lkas.runtime.descriptors import DescriptorLimitError, raise_descriptor_limit
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.heartbeat import Heartbeat
from lkas.runtime.instance import instance_name
from lkas.runtime.log import LogFormat, LogOptions
from lkas.runtime.log_options import LogFileOption, LogFormatOption, VerboseOption
from lkas.runtime.version_option import VersionOption
from viewer.listener import AddressError, listen

DEFAULTS, BROKER_DEFAULTS = ViewerConfig(), ZmqConfig()

app = typer.Typer(
    add_completion=False, rich_markup_mode="rich", context_settings={"help_option_names": ["-h", "--help"]}
)

EXAMPLES = f"""
[bold]Examples[/bold]

  viewer                               {page_url(DEFAULTS.host, DEFAULTS.port)}
  viewer --port 0 --browser            serve on a free port and open the browser
  viewer --broker 127.0.0.1:6557       connect to the broker whose first port is 6557
  viewer --set viewer.max_clients=8    allow 8 pages and streams at the same time

Exit codes: 0 success, 1 failure, 2 usage, configuration or port in use, 130 interrupted, 143 terminated.
"""


@app.command(epilog=EXAMPLES)
def viewer(
    port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Port of the page; 0 takes a free one.", show_default=str(DEFAULTS.port)),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Address of the page; loopback only.", show_default=DEFAULTS.host),
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Address of the broker; PORT is the first of its six.",
            show_default=f"{BROKER_DEFAULTS.host}:{BROKER_DEFAULTS.port_base}",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration value.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.", metavar="")
    ] = False,
    verbose: VerboseOption = False,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_file: LogFileOption = None,
    version: VersionOption = False,
) -> None:
    """Serve the web page of a running lkas: camera image, telemetry, parameters, actions."""
    die_with_supervisor()
    assignments = list(set_ or [])
    assignments += [f"viewer.port={port}"] if port is not None else []
    assignments += [f"viewer.host={host}"] if host is not None else []
    assignments += _broker_assignments(broker) if broker is not None else []
    try:
        configuration = load({"viewer": ViewerConfig, "zmq": ZmqConfig}, file=config, assignments=assignments)
    except ConfigError as error:
        _fail(str(error))
    zmq_config: ZmqConfig = configuration["zmq"]
    if zmq_config.port_base == 0:
        _fail("zmq.port_base is 0, which only a broker can use; give its address with --broker HOST:PORT")

    viewer_config: ViewerConfig = configuration["viewer"]
    try:
        instance_name()
    except ValueError as error:
        _fail(f"LKAS_INSTANCE: {error}")
    try:
        listener = listen(viewer_config.host, viewer_config.port)
    except AddressError as error:
        _fail(str(error))

    from viewer.server import run

    def announce(url: str) -> None:
        print(f"viewer: {url}", flush=True)
        if browser:
            import webbrowser

            webbrowser.open(url)

    try:
        raise_descriptor_limit()
        output = log.set_up("viewer", LogOptions(verbose=verbose, format=log_format, file=log_file))
    except (DescriptorLimitError, log.LogFileError) as error:
        _fail(str(error))
    with output:
        raise typer.Exit(
            run(
                listener,
                Ports(zmq_config.port_base, zmq_config.host),
                configuration=viewer_config,
                on_serving=announce,
                heartbeat=Heartbeat.from_environment(),
            )
        )


def _broker_assignments(text: str) -> list[str]:
    host, colon, base = text.rpartition(":")
    return [f"zmq.host={host}", f"zmq.port_base={base}"] if colon else [f"zmq.host={text}"]


def _fail(message: str) -> NoReturn:
    print(f"viewer: {message}", file=sys.stderr)
    raise typer.Exit(EXIT_USAGE)


def main() -> None:
    """Entry point of the command."""
    run_command(app, "viewer")
