"""`lkas action`: sends an action to the running simulation, or a driver action to decision."""

from typing import Annotated

import typer

from lkas.cli.settings import ConfigOption, SetOption, fail
from lkas.cli.telemetry import check, connect
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.yaml_text import YamlError, parse_yaml, shortened

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
    values = {}
    for text in params or []:
        key, equals, value = text.partition("=")
        if not equals:
            fail(f"{text}: expected KEY=VALUE", EXIT_USAGE)
        try:
            values[key] = parse_yaml(value)
        except YamlError as error:
            fail(f"{key}: cannot read the value {shortened(value)}: {error}", EXIT_USAGE)
    client = connect(config, assignments)
    try:
        ack = client.act(name, values, ACTION_TIMEOUT_S)
        check(client, ack, name)
    finally:
        client.close()
    typer.echo(
        f"{name}: applied" if ack.applied else f"{name}: accepted, but no result arrived within {ACTION_TIMEOUT_S:g} s"
    )
