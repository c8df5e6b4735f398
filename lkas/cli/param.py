"""`lkas param`: the parameters of running processes: list, get, set, reset, and presets in files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lkas.cli.settings import ConfigOption, JsonOption, SetOption, fail
from lkas.cli.tables import add_row, print_table
from lkas.cli.telemetry import check, connect, newest
from lkas.parameters import suggestion
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE
from lkas.runtime.printable import printable
from lkas.yaml_text import YamlError, parse_yaml, shortened

if TYPE_CHECKING:
    from lkas.cli.presets import Values

param_app = typer.Typer(help="List, change, save and load the parameters of running processes.", no_args_is_help=True)

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


@param_app.command("reset")
def reset_parameters(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CATEGORY.NAME]...", help="Which; none: all that differ.")
    ] = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Give parameters their declared defaults.

    Examples: lkas param reset detection.canny_low; lkas param reset
    """
    table = _table(config, assignments)
    defaults = {(row["category"], row["name"]): row["default"] for row in table if row["value"] != row["default"]}
    if names:
        known = {f"{row['category']}.{row['name']}": row["default"] for row in table}
        for name in names:
            if name not in known:
                fail(f"{name}: no such parameter{suggestion(name, known, '`lkas param list`')}", EXIT_USAGE)
        defaults = {_split(name): known[name] for name in names}
    _apply(defaults, config, assignments)


@param_app.command("save")
def save_parameters(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file, for `param load` and --config.")],
    everything: Annotated[bool, typer.Option("--all", help="Also those with their default.", metavar="")] = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Write the running values that differ from their defaults as an overlay of the configuration.

    Example: lkas param save wet_road.yaml
    """
    from lkas.cli.presets import changed_values, values_of, write_preset

    table = _table(config, assignments)
    values = values_of(table) if everything else changed_values(table)
    try:
        write_preset(file, values)
    except OSError as error:
        fail(f"{file}: cannot be written: {error.strerror}", EXIT_USAGE)
    typer.echo(f"wrote {len(values)} parameters to {file}")


@param_app.command("load")
def load_parameters(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `param save` or you have written.")],
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Give the running parameters the values of a file; all are checked by their processes.

    Example: lkas param load wet_road.yaml
    """
    _apply(_preset(file), config, assignments)


@param_app.command("diff")
def diff_parameters(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `param save` or you have written.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """List where the running values differ from those of a file. Exit code 1 when they do.

    Example: lkas param diff wet_road.yaml
    """
    from lkas.cli.presets import differences, values_of

    wanted = _preset(file)
    found = differences(values_of(_table(config, assignments)), wanted)
    if as_json:
        rows = [{"parameter": name, "running": running, "file": value} for name, running, value in found]
        typer.echo(msgspec.json.encode(rows).decode())
    elif found:
        from rich.table import Table

        view = Table("parameter", "running", "file", box=None, pad_edge=False)
        for name, running, value in found:
            add_row(view, name, str(running), str(value))
        print_table(view)
    raise typer.Exit(EXIT_FAILED if found else 0)


def _preset(file: Path) -> "Values":
    from lkas.cli.presets import PresetError, read_preset

    try:
        return read_preset(file)
    except PresetError as error:
        fail(str(error), EXIT_USAGE)


def _apply(values: "Values", config: str | None, assignments: list[str] | None) -> None:
    """Set each value; go on after a refusal, and exit with code 1 at the end."""
    client = connect(config, assignments)
    refused = 0
    try:
        for (category, name), value in values.items():
            ack = client.set_parameter(category, name, value)
            if ack.ok:
                typer.echo(f"{category}.{name} = {msgspec.json.encode(ack.applied).decode()}")
            else:
                refused += 1
                typer.echo(printable(f"lkas: {category}.{name}: {ack.error}"), err=True)
            if not client.has_answered:
                raise typer.Exit(EXIT_UNREACHABLE)
    finally:
        client.close()
    if refused:
        raise typer.Exit(EXIT_FAILED)


def _split(name: str) -> tuple[str, str]:
    category, dot, key = name.partition(".")
    if not dot or not category or not key:
        fail(f"{name}: expected CATEGORY.NAME, as in detection.canny_low", EXIT_USAGE)
    return category, key


def _has_range(row: dict[str, Any]) -> bool:
    return row["minimum"] is not None and row["maximum"] is not None


def _table(config: str | None, assignments: list[str] | None) -> list[dict[str, Any]]:
    return newest(config, assignments, "parameters")["parameters"]
