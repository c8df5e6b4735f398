"""`lkas action`: sends an action to the running simulation, or a driver action to decision."""

from typing import Annotated

import typer

from lkas.cli.settings import ConfigOption, SetOption, fail
from lkas.cli.telemetry import check, connect
from lkas.runtime.exit_codes import EXIT_USAGE

ACTION_TIMEOUT_S = 31.0  # a respawn or a map change may take 30 s


def action(
    name: Annotated[str, typer.Argument(metavar="NAME", help="pause, resume, respawn, override or indicator.")],
    params: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="active=true or false (override); side=left, right or off (indicator)."
        ),
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Send an action and wait until it was applied.

    Examples: lkas action pause; lkas action override active=false; lkas action indicator side=left
    """
    import yaml

    values = {}
    for text in params or []:
        key, equals, value = text.partition("=")
        if not equals:
            fail(f"{text}: expected KEY=VALUE", EXIT_USAGE)
        values[key] = yaml.safe_load(value)
    client = connect(config, assignments)
    try:
        ack = client.act(name, values, ACTION_TIMEOUT_S)
        check(client, ack, name)
    finally:
        client.close()
    typer.echo(
        f"{name}: applied" if ack.applied else f"{name}: accepted, but no result arrived within {ACTION_TIMEOUT_S:g} s"
    )
