"""`lkas status`: the running processes and their health."""

from typing import Any

import msgspec
import typer

from lkas.cli.settings import ConfigOption, JsonOption, SetOption
from lkas.cli.tables import add_row, print_table
from lkas.cli.telemetry import newest


def status(as_json: JsonOption = False, config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Print processes, rates, ages and latencies as the broker reports them.

    Example: lkas status --json
    """
    health = newest(config, assignments, "health")
    if as_json:
        typer.echo(msgspec.json.encode(health).decode())
    else:
        _print(health)


def _print(health: dict[str, Any]) -> None:
    from rich.table import Table

    processes = Table("process", "pid", "state", "rate", "age", "restarts", box=None, pad_edge=False)
    for row in health["processes"]:
        add_row(
            processes,
            row["name"],
            _text(row["pid"]),
            row["state"],
            _text(row["rate_hz"], "{:.1f} Hz"),
            _text(row["age_ms"], "{:.0f} ms"),
            _text(row["restarts"]),
        )
    latencies = Table("latency", "p50", "p99", box=None, pad_edge=False)
    for stage, percentiles in health["latency_ms"].items():
        add_row(latencies, stage, f"{percentiles['p50']:.1f} ms", f"{percentiles['p99']:.1f} ms")
    print_table(processes)
    typer.echo()
    print_table(latencies)


def _text(value: object, template: str = "{}") -> str:
    return "-" if value is None else template.format(value)
