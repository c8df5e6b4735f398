"""`lkas action`: send an action to the running simulation, or tell decision what the driver does."""

from typing import Annotated

import typer

from lkas.cli.settings import ConfigOption, SetOption, fail
from lkas.cli.telemetry import check, connect
from lkas.runtime.exit_codes import EXIT_USAGE

ACTION_LIMIT_S = 31.0  # a respawn or another map may take 30 s


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
    """Send an action, wait until it was applied and say so.

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
        ack = client.act(name, values, ACTION_LIMIT_S)
        check(client, ack, name)
    finally:
        client.close()
    typer.echo(f"{name}: applied" if ack.applied else f"{name}: accepted, but its end was not heard of in time")
