"""The report of `lkas bench ipc` as tables."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from lkas.bench.ipc.targets import LKAS, TITLES

_MARKS = {None: "not measured", True: "[green]met[/]", False: "[red]missed[/]"}


def metric_tables(report: dict[str, Any]) -> Iterator[Table]:
    """One table per metric, a line per row."""
    for metric, title in TITLES.items():
        measured = {row: metrics[metric] for row, metrics in report["rows"].items() if metric in metrics}
        if not measured:
            continue
        base = measured.get(LKAS)
        table = Table("", "p50 us", "p99 us", "call us", "p50 ratio", box=None, pad_edge=False, title=title)
        table.title_justify = "left"
        table.columns[0].min_width = 22
        for column in table.columns[1:]:
            column.justify = "right"
            column.min_width = 10
        for row, percentiles in measured.items():
            call = report["rows"][row].get(f"{metric}_call")
            table.add_row(
                row,
                f"{percentiles['p50_us']:.2f}",
                f"{percentiles['p99_us']:.2f}",
                "-" if call is None else f"{call['p50_us']:.2f}",
                "-" if base is None else f"{percentiles['p50_us'] / base['p50_us']:.2f}x",
            )
        yield table


def target_table(report: dict[str, Any]) -> Table:
    """Every target with its ratio and limit."""
    table = Table("p50 of lkas", "against", "ratio", "at most", "", box=None, pad_edge=False)
    for column in table.columns[2:4]:
        column.justify = "right"
    for target in report["targets"]:
        title = TITLES.get(target["metric"]) or f"{TITLES[target['metric'].removesuffix('_call')]}: the call"
        ratio = "-" if target["ratio"] is None else f"{target['ratio']:.2f}"
        table.add_row(title, target["against"], ratio, f"{target['limit']:.2f}", _MARKS[target["met"]])
    return table


def footnotes(report: dict[str, Any]) -> Iterator[str]:
    """The rows that were skipped, and the machine."""
    for name, reason in report["skipped"].items():
        yield f"{name}: {reason}"
    machine = report["machine"]
    yield (
        f"{machine['processor']}, {machine['cpus']} CPUs, load {machine['load']:.1f}, {machine['system']}, Python "
        f"{machine['python']}; medians of {report['rounds']} rounds, {report['readers']} readers, "
        f"{report['took_s']:.0f} s. One-way times are from before sending until the content is received. On a machine "
        "that runs other programs too, compare rows of one run, and attribute a p99 above 50 us to the scheduler."
    )
