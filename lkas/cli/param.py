"""`lkas param`: list, get and set the parameters of running processes."""

from typing import Annotated, Any

import msgspec
import typer

from lkas.cli.settings import ConfigOption, JsonOption, SetOption, fail
from lkas.cli.tables import add_row, print_table
from lkas.cli.telemetry import check, connect, newest
from lkas.parameters import suggestion
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.yaml_text import YamlError, parse_yaml, shortened

param_app = typer.Typer(help="List, get and set the parameters of running processes.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="CATEGORY.NAME", help="As in detection.canny_low.")]


@param_app.command("list")
def list_parameters(as_json: JsonOption = False, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """List every live parameter with its value, range and description.

    Example: lkas param list
    """
    table = _table(config, assignments)
    if as_json:
        typer.echo(msgspec.json.encode(table).decode())
        return
    from rich.table import Column, Table

    fixed = [Column(title, no_wrap=True) for title in ("parameter", "value", "default")]
    view = Table(*fixed, "allowed", "unit", "description", box=None, pad_edge=False)
    for row in table:
        style = None if row["active"] else "dim"
        note = row["description"] if row["active"] else f"{row['description']} (not used by the running method)"
        allowed = ", ".join(row["choices"]) or f"{row['minimum']:g} … {row['maximum']:g}" if _has_range(row) else ""
        add_row(
            view,
            f"{row['category']}.{row['name']}",
            str(row["value"]),
            str(row["default"]),
            allowed or ", ".join(row["choices"]),
            row["unit"],
            note,
            style=style,
        )
    print_table(view)


@param_app.command("get")
def get_parameter(name: NameArgument, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Print the value of one parameter.

    Example: lkas param get detection.canny_low
    """
    category, key = _split(name)
    rows = _table(config, assignments)
    for row in rows:
        if (row["category"], row["name"]) == (category, key):
            typer.echo(msgspec.json.encode(row["value"]).decode())
            return
    known = (f"{row['category']}.{row['name']}" for row in rows)
    fail(f"{name}: no such parameter{suggestion(name, known, '`lkas param list`')}", EXIT_USAGE)


@param_app.command("set")
def set_parameter(
    name: NameArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Change one parameter and wait until it takes effect.

    Example: lkas param set detection.canny_low 60
    """
    category, key = _split(name)
    try:
        parsed = parse_yaml(value)
    except YamlError as error:
        fail(f"{name}: cannot read the value {shortened(value)}: {error}", EXIT_USAGE)
    client = connect(config, assignments)
    try:
        ack = client.set_parameter(category, key, parsed)
        check(client, ack, name)
    finally:
        client.close()
    note = "" if ack.active else " (stored, but the running method does not use it)"
    typer.echo(f"{name} = {msgspec.json.encode(ack.applied).decode()}{note}")


def _split(name: str) -> tuple[str, str]:
    category, dot, key = name.partition(".")
    if not dot or not category or not key:
        fail(f"{name}: expected CATEGORY.NAME, as in detection.canny_low", EXIT_USAGE)
    return category, key


def _has_range(row: dict[str, Any]) -> bool:
    return row["minimum"] is not None and row["maximum"] is not None


def _table(config: str | None, assignments: list[str] | None) -> list[dict[str, Any]]:
    return newest(config, assignments, "parameters")["parameters"]
