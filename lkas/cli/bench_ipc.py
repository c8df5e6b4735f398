"""`lkas bench ipc`: what the shared-memory channels cost here, next to other ways to send a message."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lkas.cli.machine import machine
from lkas.cli.settings import JsonOption

if TYPE_CHECKING:
    from lkas.bench.ipc.duel import Figure
    from lkas.bench.ipc.floor import Floor
    from lkas.bench.ipc.row import Row

OURS = "lkas"


class Target(msgspec.Struct, frozen=True):
    """A ratio that the channels are built for: ours / theirs, medians of one run, at most `limit`."""

    metric: str
    against: str
    limit: float


TARGETS = (
    Target("control", "iceoryx2", 0.25),
    Target("control", "Python seqlock", 0.6),
    Target("small", "iceoryx2", 0.25),
    Target("small_call", "iceoryx2", 0.2),
    Target("empty_poll", "iceoryx2", 0.3),
    Target("frame_in_place", "iceoryx2", 0.5),
    Target("frame_in_place_call", "iceoryx2", 0.3),
    Target("frame", "iceoryx2", 1.0),
    Target("frame", "numpy copyto", 2.3),
    Target("wake", "iceoryx2", 0.7),
    Target("wake", "C futex", 2.5),
    Target("many_small", "iceoryx2", 0.7),
    Target("many_frame", "iceoryx2", 0.8),
    Target("many_small_call", "iceoryx2", 0.6),
    Target("stream", "iceoryx2", 1 / 5),
    Target("stream", "pyzmq ipc", 1 / 1.2),
    Target("round_trip", "pyzmq ipc", 0.2),
    Target("round_trip_asleep", "pyzmq ipc", 0.8),
)

TITLES = {
    "control": "nine typed fields, written to read, polled",
    "control_full": "a full ControlMessage, polled",
    "small": "64 bytes, polled",
    "empty_poll": "a look when there is nothing",
    "frame": "1.44 MB copied in and out, polled",
    "frame_in_place": "1.44 MB without a copy, polled",
    "wake": "64 bytes to a sleeping reader",
    "many_small": "64 bytes to many sleeping readers",
    "many_frame": "1.44 MB to many sleeping readers",
    "stream": "64 bytes pushed and pulled, flat out, time per message",
    "round_trip": "a msgpack question and its answer, both sides polling",
    "round_trip_asleep": "a msgpack question and its answer, both sides asleep",
}


def bench_ipc(
    as_json: JsonOption = False,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: a first impression, no proof.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; a figure is the median over them.")] = 3,
    readers: Annotated[int, typer.Option(min=2, max=16, help="Sleeping readers in the tests with many.")] = 10,
    scale: Annotated[float, typer.Option(min=0.001, max=100.0, help="Messages per test, as a share of the usual.")] = 1,
) -> None:
    """Channels and sockets against iceoryx2, pyzmq, multiprocessing and a seqlock in Python, in turn, in one run.

    A seqlock is what a Python program would write by itself over shared memory. Rows of packages that are not
    installed are left out. Every target of the channels is judged at the end.

    Example: lkas bench ipc --quick
    """
    from lkas.bench.ipc import duel
    from lkas.bench.ipc.floor import Floor
    from lkas.bench.ipc.plan import ROWS

    if quick:
        rounds, readers, scale = 1, min(readers, 3), scale * 0.2
    began = time.monotonic()
    with Floor() as floor:
        reasons = {row.name: row.missing() for row in ROWS} | {floor.name: floor.missing()}
        rows = [row for row in ROWS if reasons[row.name] is None]
        figures = _measured(rows, rounds, scale, readers, floor, is_quiet=as_json)
    table = duel.medians(figures)
    report = {
        "machine": machine(),
        "rounds": rounds,
        "scale": scale,
        "readers": readers,
        "took_s": time.monotonic() - began,
        "skipped": {name: reason for name, reason in reasons.items() if reason},
        "rows": table,
        "targets": _judged(table),
    }
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        _print(report)


def _measured(
    rows: "list[type[Row]]", rounds: int, scale: float, readers: int, floor: "Floor", *, is_quiet: bool
) -> "list[Figure]":
    from rich.console import Console
    from rich.progress import Progress

    from lkas.bench.ipc import duel

    figures = []
    with Progress(console=Console(stderr=True), transient=True, disable=is_quiet) as progress:
        task = progress.add_task("starting", total=1.0)
        for share, measured in duel.run(rounds, scale, readers, rows, floor):
            figures += measured
            for row, metric, *_ in measured[:1]:
                progress.update(task, completed=share, description=f"{row}: {TITLES[metric]}")
    return figures


def _judged(table: dict[str, dict[str, dict[str, float]]]) -> list[dict[str, Any]]:
    """Each target with the ratio of this run; None where one side was not measured."""
    judged = []
    for target in TARGETS:
        ours, theirs = (table.get(row, {}).get(target.metric) for row in (OURS, target.against))
        ratio = ours["p50_us"] / theirs["p50_us"] if ours and theirs and theirs["p50_us"] else None
        judged.append(
            {
                "metric": target.metric,
                "against": target.against,
                "ratio": ratio,
                "limit": target.limit,
                "met": None if ratio is None else ratio <= target.limit,
            }
        )
    return judged


def _print(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for metric, title in TITLES.items():
        measured = {row: metrics[metric] for row, metrics in report["rows"].items() if metric in metrics}
        if not measured:
            continue
        base = measured.get(OURS)
        table = Table("", "p50 us", "p99 us", "call us", "p50 ratio", box=None, pad_edge=False, title=title)
        table.title_justify = "left"
        table.columns[0].min_width = 22
        for column in table.columns[1:]:
            column.justify = "right"
            column.min_width = 10
        for row, figures in measured.items():
            call = report["rows"][row].get(f"{metric}_call")
            table.add_row(
                row,
                f"{figures['p50_us']:.2f}",
                f"{figures['p99_us']:.2f}",
                "-" if call is None else f"{call['p50_us']:.2f}",
                "-" if base is None else f"{figures['p50_us'] / base['p50_us']:.2f}x",
            )
        console.print(table)
        console.print()
    targets = Table("p50 of lkas", "against", "ratio", "at most", "", box=None, pad_edge=False)
    for column in targets.columns[2:4]:
        column.justify = "right"
    for target in report["targets"]:
        title = TITLES.get(target["metric"]) or f"{TITLES[target['metric'].removesuffix('_call')]}: the call"
        ratio = "-" if target["ratio"] is None else f"{target['ratio']:.2f}"
        mark = {None: "not measured", True: "[green]met[/]", False: "[red]missed[/]"}[target["met"]]
        targets.add_row(title, target["against"], ratio, f"{target['limit']:.2f}", mark)
    console.print(targets)
    for name, reason in report["skipped"].items():
        console.print(f"{name}: {reason}")
    machine = report["machine"]
    console.print(
        f"{machine['processor']}, {machine['cpus']} CPUs, load {machine['load']:.1f}, {machine['system']}, Python "
        f"{machine['python']}; medians of {report['rounds']} rounds, {report['readers']} readers, "
        f"{report['took_s']:.0f} s. One-way times are from before sending until the content is in hand. On a machine "
        "that does other things too, compare rows of one run, and take a p99 above 50 us for the scheduler's."
    )
