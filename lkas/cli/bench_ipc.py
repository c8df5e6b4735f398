"""`lkas bench ipc`: what the shared-memory channels cost on this machine, compared with other transports."""

from typing import Annotated

import msgspec
import typer

from lkas.cli.machine import machine
from lkas.cli.settings import JsonOption


def bench_ipc(
    as_json: JsonOption = False,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: an estimate, no proof.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; each value is the median over them.")] = 3,
    readers: Annotated[int, typer.Option(min=2, max=16, help="Sleeping readers in the tests with many.")] = 10,
    scale: Annotated[float, typer.Option(min=0.001, max=100.0, help="Multiplies the messages per test.")] = 1,
) -> None:
    """Channels and sockets against iceoryx2, pyzmq, multiprocessing and a seqlock in Python, in turn, in one run.

    The seqlock is what a Python program would write by itself over shared memory. Rows of packages that are not
    installed are left out. Every target of the channels is judged at the end.

    Example: lkas bench ipc --quick
    """
    from rich.console import Console
    from rich.progress import Progress

    from lkas.bench.ipc.report import measure
    from lkas.bench.ipc.tables import footnotes, metric_tables, target_table
    from lkas.bench.ipc.targets import TITLES

    if quick:
        rounds, readers, scale = 1, min(readers, 3), scale * 0.2
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        task = progress.add_task("starting", total=1.0)
        measured = measure(
            rounds,
            readers,
            scale,
            lambda share, row, metric: progress.update(task, completed=share, description=f"{row}: {TITLES[metric]}"),
        )
    report = {"machine": machine()} | measured
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    console = Console()
    for table in metric_tables(report):
        console.print(table)
        console.print()
    console.print(target_table(report))
    for line in footnotes(report):
        console.print(line)
