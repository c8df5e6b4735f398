"""`lkas ls`: the stacks of this user on this machine."""

import msgspec
import typer

from lkas.cli.settings import JsonOption
from lkas.cli.tables import add_row, print_table


def ls(as_json: JsonOption = False) -> None:
    """List the stacks on this machine: instance, channels, who writes them, and their age.

    Example: lkas ls --json
    """
    from lkas.integration.shared_memory.segment import list_segments

    segments = [segment for segment in list_segments() if segment.kind == "channel"]
    if as_json:
        rows = [
            {
                "instance": segment.instance,
                "channel": segment.name,
                "writer_pid": segment.writer_pid,
                "readers": segment.readers,
                "age_s": segment.age_s,
            }
            for segment in segments
        ]
        typer.echo(msgspec.json.encode(rows).decode())
        return
    if not segments:
        typer.echo("no stack runs here: no channel in shared memory")
        return
    from rich.table import Table

    table = Table("instance", "channel", "writer", "readers", "age", box=None, pad_edge=False)
    for segment in segments:
        add_row(
            table,
            segment.instance,
            segment.name,
            "-" if segment.writer_pid is None else f"pid {segment.writer_pid}",
            str(segment.readers),
            "-" if segment.age_s is None else f"{segment.age_s:.1f} s",
        )
    print_table(table)
