"""The score card on a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from simulation.evaluation.metrics import RunMetrics, summarize

COLUMNS = (
    ("departures", "dep.", "d"),
    ("offset_rms_m", "rms m", ".2f"),
    ("offset_p95_m", "p95 m", ".2f"),
    ("offset_max_m", "max m", ".2f"),
    ("lat_accel_max_mps2", "m/s²", ".1f"),
    ("lat_jerk_max_mps3", "m/s³", ".1f"),
    ("availability_ratio", "lane", ".0%"),
    ("mean_speed_ratio", "speed", ".0%"),
    ("real_time_factor", "x real", ".1f"),
)


def print_table(runs: Sequence[RunMetrics], console: Console) -> None:
    """Print a table for each method and controller; a run that does not count is red and has a star."""
    for group in dict.fromkeys((run.method, run.controller) for run in runs):
        group_runs = [run for run in runs if (run.method, run.controller) == group]
        note = None if all(run.counts for run in group_runs) else "* does not count: not completed, or too slow"
        table = Table(title=", ".join(map(str, group)), title_justify="left", caption=note, caption_justify="left")
        table.box = SIMPLE_HEAD
        table.add_column("scenario", overflow="fold")
        table.add_column("condition", no_wrap=True)
        for heading in ("seed", *(title for _, title, _ in COLUMNS)):
            table.add_column(heading, justify="right", no_wrap=True)
        for run in group_runs:
            name, style = (run.scenario or "", None) if run.counts else (f"{run.scenario} *", "red")
            table.add_row(name, run.condition or "", str(run.seed), *_values(run), style=style)
        if len(group_runs) > 1:
            table.add_section()
            table.add_row("all", "", "", *_values(summarize(group_runs)))
        console.print(table)


def _values(run: RunMetrics) -> list[str]:
    return [format_value(getattr(run, name), number_format) for name, _, number_format in COLUMNS]


def format_value(value: float | None, number_format: str) -> str:
    """Format a value; None is a dash."""
    return "–" if value is None else format(value, number_format)
