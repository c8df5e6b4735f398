"""The report: one self-contained HTML file that needs no network."""

from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from itertools import groupby, pairwise
from pathlib import Path

import lkas
from lkas.atomic_file import write_atomically
from simulation.evaluation.metrics import MIN_COMPLETED_RATIO, MIN_SPEED_RATIO, RunMetrics
from simulation.evaluation.plots import Series, cumulative_plot, offset_plot, road_plot
from simulation.evaluation.report_tables import COLUMNS, comparison, group_of, run_table, summary_table, title_of
from simulation.evaluation.run_record import Record, unscored

COLOURS = 6
DISTRIBUTED = ("offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3")

DEFINITIONS = (
    ("departure", "a tyre's outer edge beyond the line's inner edge, until all tyres have been inside for 0.5 s. "
     "An offset of more than 1.75 m or 3 s outside end the run"),
    ("does not count", f"less than {MIN_COMPLETED_RATIO:.0%} completed, or slower than {MIN_SPEED_RATIO:.0%} of the "
     "speed with perfect perception on the same road without events"),
    ("offset, heading", "of the car in its lane, from the world's truth at 100 Hz, weighted by distance"),
    ("lat. accel., jerk", "of the path: mean over 0.1 s, and its change over 0.5 s. R79: with the 4th-order "
     "Butterworth low-pass of 0.5 Hz that UN R79 requires"),
    ("lane seen", "frames in which both lines were reported"),
    ("confidently wrong", "frames with a line of confidence 0.5 or more and an error of 0.3 m or 2 deg at the car"),
    ("frames lost", "exposed frames that no applied control is based on"),
    ("reversals", "of the steering by 2 deg at the steering wheel, with a steering ratio of 15 : 1"),
    ("minimum TTLC", "minimum time to line crossing at the current lateral speed"),
    ("offset / curvature", "displacement to the inside (+) or outside (-) of bends; times the curvature gives metres"),
    ("real time", "simulated seconds per CPU second of one core, including rendering"),
)  # fmt: skip


def write_report(
    path: Path, records: Sequence[Record], earlier: Sequence[RunMetrics] | None, against: str | None
) -> None:
    """Write the page, worst runs first; `earlier` are the runs of the folder `against`."""
    keys = dict.fromkeys(group_of(record.metrics) for record in records)
    colours = {key: index % COLOURS for index, key in enumerate(keys)}
    records = sorted(records, key=_worst_first)
    runs = [record.metrics for record in records]
    latencies = sorted({run.latency_s for run in runs if run.latency_s is not None})
    latency_text = ", ".join("0 ms (ideal)" if latency == 0 else f"{latency * 1e3:.0f} ms" for latency in latencies)
    head = (
        f"<h1>Lane keeping score card</h1><p class='faint'>{len(runs)} runs, "
        f"{sum(run.distance_m for run in runs) / 1e3:.1f} km, pose to applied control {latency_text}, "
        f"lkas {escape(lkas.__version__)}</p>"
    )
    sections = [
        head,
        *(f"<p>{escape(text)}</p>" for text in unscored(records)),
        "<h2>Summary</h2>", summary_table(runs, list(colours)),
        comparison(runs, earlier, against or ""),
        "<h2>Distributions</h2>", _legend(colours), _distributions(records, colours),
        "<h2>Offset over distance, worst runs first</h2>", _legend(colours), *_scenario_cards(records, colours),
        "<h2>All runs, worst runs first</h2>", run_table(records),
        "<h2>Definitions</h2>", _definitions(),
    ]  # fmt: skip
    style = resources.files("simulation.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lane keeping score card</title><style>{style}</style></head>\n<body><main>"
        + "\n".join(section for section in sections if section)
        + "</main></body></html>\n"
    )
    write_atomically(path, page)


def _worst_first(record: Record) -> tuple[bool, int, int, float]:
    run = record.metrics
    return run.counts, -(run.departures or 0), -run.minimum_risk_stops, -(run.offset_rms_m or 0.0)


def _distributions(records: Sequence[Record], colours: dict[tuple[str, str], int]) -> str:
    """Return plots of the cumulative distance by offset, and of the cumulative runs by their maxima."""

    def curves(
        points: Callable[[Record], Sequence[tuple[float, float]]],
    ) -> list[tuple[int, list[tuple[float, float]]]]:
        drawn = [
            (colour, [point for record in records if group_of(record.metrics) == key for point in points(record)])
            for key, colour in colours.items()
        ]
        return [(colour, known) for colour, known in drawn if known]

    def of_run(metric: str) -> Callable[[Record], Sequence[tuple[float, float]]]:
        def point(record: Record) -> Sequence[tuple[float, float]]:
            value = getattr(record.metrics, metric)
            return [] if value is None else [(value, 1.0)]

        return point

    plots = [
        cumulative_plot("share of the distance with an offset up to … m", curves(_offsets)),
        *(
            cumulative_plot(f"share of the runs with {title} up to … {unit}", curves(of_run(metric)))
            for metric, title, unit, _, *_ in COLUMNS
            if metric in DISTRIBUTED
        ),
    ]
    return f"<div class='card shares'>{''.join(plots)}</div>"


def _offsets(record: Record) -> list[tuple[float, float]]:
    """Return (|offset|, distance to the next point) of the points of a trace."""
    trace = record.details.trace
    steps_m = [following - current for current, following in pairwise(trace.distance_m)]
    return [(abs(offset_m), step_m) for offset_m, step_m in zip(trace.offset_m, steps_m, strict=False) if step_m > 0]


def _scenario_cards(records: Sequence[Record], colours: dict[tuple[str, str], int]) -> list[str]:
    cards = []
    ordered = sorted(
        records,
        key=lambda record: list(dict.fromkeys(title_of(r.metrics) for r in records)).index(title_of(record.metrics)),
    )
    for name, group in groupby(ordered, key=lambda record: title_of(record.metrics)):
        members = list(group)
        keys = dict.fromkeys(group_of(record.metrics) for record in members)
        series = [Series(colours[key], [r for r in members if group_of(r.metrics) == key]) for key in keys]
        departures = sum(record.metrics.departures or 0 for record in members)
        mark = "bad" if departures else "good"
        count = f"{departures} departure{'' if departures == 1 else 's'}" if departures else "no departure"
        if any(record.metrics.departures is None for record in members):
            mark, count = "faint", "departures unknown"
        cards.append(
            f"<div class='card'><div class='head'><h3>{escape(name)}</h3>"
            f"<span class='{mark}'>{count}</span></div>"
            f"<div class='plots'>{offset_plot(series)}{road_plot(series)}</div></div>"
        )
    return cards


def _legend(colours: dict[tuple[str, str], int]) -> str:
    items = "".join(
        f'<span style="--c: var(--s{colour})">{escape(method)}, {escape(controller)}</span>'
        for (method, controller), colour in colours.items()
    )
    return f"<div class='legend'>{items}</div>"


def _definitions() -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in DEFINITIONS)
    return f"<div class='card'><dl>{items}</dl></div>"
