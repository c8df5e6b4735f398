"""The score card on a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from simulation.evaluation.results import RunFigures, summary_of

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


def print_table(runs: Sequence[RunFigures], console: Console) -> None:
    """A table for each method and controller, with a line a run; a run that does not count is red and has a star."""
    for group in dict.fromkeys((run.method, run.controller) for run in runs):
        own = [run for run in runs if (run.method, run.controller) == group]
        note = None if all(run.counts for run in own) else "* does not count: not driven to its end, or too slowly"
        table = Table(title=", ".join(map(str, group)), title_justify="left", caption=note, caption_justify="left")
        table.box = SIMPLE_HEAD
        table.add_column("scenario", overflow="fold")
        table.add_column("condition", no_wrap=True)
        for heading in ("seed", *(title for _, title, _ in COLUMNS)):
            table.add_column(heading, justify="right", no_wrap=True)
        for run in own:
            name, style = (run.scenario or "", None) if run.counts else (f"{run.scenario} *", "red")
            table.add_row(name, run.condition or "", str(run.seed), *_figures(run), style=style)
        if len(own) > 1:
            table.add_section()
            table.add_row("all", "", "", *_figures(summary_of(own)))
        console.print(table)


def _figures(run: RunFigures) -> list[str]:
    return [text_of(getattr(run, name), form) for name, _, form in COLUMNS]


def text_of(value: float | None, form: str) -> str:
    """A figure, or a dash for one that nobody knows."""
    return "–" if value is None else format(value, form)
