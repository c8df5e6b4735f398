"""The report: one HTML file that needs nothing else, not even a network."""

from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from itertools import groupby, pairwise
from pathlib import Path

import lkas
from simulation.evaluation.plots import Series, offset_plot, road_plot, share_plot
from simulation.evaluation.report_tables import COLUMNS, comparison, group_of, run_table, summary_table, title_of
from simulation.evaluation.results import COMPLETED_RATIO, SPEED_RATIO, Record, RunFigures, write_whole

COLOURS = 6
DISTRIBUTED = ("offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3")

MEANINGS = (
    ("departure", "a tyre's outer edge beyond the line's inner edge; one lasts until all tyres are inside for 0.5 s. "
     "More than 1.75 m off the centre or 3 s outside end the run"),
    ("does not count", f"less than {COMPLETED_RATIO:.0%} of the way, or slower than {SPEED_RATIO:.0%} of perfect "
     "perception on the same road with nothing going wrong"),
    ("offset, heading", "car against lane, from the world's truth at 100 Hz, weighted by distance"),
    ("lat. accel., jerk", "of the path: mean over 0.1 s, and its change over 0.5 s. R79: through the 4th-order "
     "Butterworth low-pass of 0.5 Hz that UN R79 asks for"),
    ("lane seen", "frames in which both lines were reported"),
    ("confidently wrong", "frames with a line of confidence 0.5 or more that is off by 0.3 m or 2 deg beside the car"),
    ("frames lost", "exposed, but no applied control rests on them"),
    ("reversals", "of the steering by 2 deg at a steering wheel geared 15 : 1"),
    ("least TTLC", "shortest time to a line at the lateral speed of the moment"),
    ("offset / curvature", "how far the car sits inside (+) or outside (-) of bends; times the curvature gives metres"),
    ("real time", "simulated seconds per second of one core, rendering included"),
)  # fmt: skip


def write_report(
    path: Path, records: Sequence[Record], earlier: Sequence[RunFigures] | None, against: str | None
) -> None:
    """Write the page, the worst runs first; `earlier` are the runs of the folder `against`."""
    keys = dict.fromkeys(group_of(record.figures) for record in records)
    colours = {key: index % COLOURS for index, key in enumerate(keys)}
    records = sorted(records, key=_worst_first)
    runs = [record.figures for record in records]
    latencies = sorted({run.latency_s for run in runs if run.latency_s is not None})
    words = ", ".join("0 ms (ideal)" if latency == 0 else f"{latency * 1e3:.0f} ms" for latency in latencies)
    head = (
        f"<h1>Lane keeping score card</h1><p class='faint'>{len(runs)} runs, "
        f"{sum(run.distance_m for run in runs) / 1e3:.1f} km, pose to applied control {words}, "
        f"lkas {escape(lkas.__version__)}</p>"
    )
    sections = [
        head,
        "<h2>Summary</h2>", summary_table(runs, list(colours)),
        comparison(runs, earlier, against or ""),
        "<h2>Distributions</h2>", _legend(colours), _distributions(records, colours),
        "<h2>Offset over distance, the worst first</h2>", _legend(colours), *_scenario_cards(records, colours),
        "<h2>All runs, the worst first</h2>", run_table(records),
        "<h2>What the figures mean</h2>", _meanings(),
    ]  # fmt: skip
    style = resources.files("simulation.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Lane keeping score card</title><style>{style}</style></head>\n<body><main>"
        + "\n".join(section for section in sections if section)
        + "</main></body></html>\n"
    )
    write_whole(path, page)


def _worst_first(record: Record) -> tuple[bool, int, int, float]:
    run = record.figures
    return run.counts, -run.departures, -run.minimum_risk_stops, -(run.offset_rms_m or 0.0)


def _distributions(records: Sequence[Record], colours: dict[tuple[str, str], int]) -> str:
    """Share of the way by offset, and shares of the runs by their worst figures."""

    def curves(
        points: Callable[[Record], Sequence[tuple[float, float]]],
    ) -> list[tuple[int, list[tuple[float, float]]]]:
        drawn = [
            (colour, [point for record in records if group_of(record.figures) == key for point in points(record)])
            for key, colour in colours.items()
        ]
        return [(colour, known) for colour, known in drawn if known]

    def of_run(figure: str) -> Callable[[Record], Sequence[tuple[float, float]]]:
        def point(record: Record) -> Sequence[tuple[float, float]]:
            value = getattr(record.figures, figure)
            return [] if value is None else [(value, 1.0)]

        return point

    plots = [
        share_plot("share of the way within an offset of … m", curves(_offsets)),
        *(
            share_plot(f"share of the runs with {title} up to … {unit}", curves(of_run(figure)))
            for figure, title, unit, _, *_ in COLUMNS
            if figure in DISTRIBUTED
        ),
    ]
    return f"<div class='card shares'>{''.join(plots)}</div>"


def _offsets(record: Record) -> list[tuple[float, float]]:
    """(|offset|, distance it was kept for) of the points of a trace."""
    trace = record.details.trace
    ways_m = [later - now for now, later in pairwise(trace.distance_m)]
    return [(abs(offset_m), way_m) for offset_m, way_m in zip(trace.offset_m, ways_m, strict=False) if way_m > 0]


def _scenario_cards(records: Sequence[Record], colours: dict[tuple[str, str], int]) -> list[str]:
    cards = []
    ordered = sorted(
        records,
        key=lambda record: list(dict.fromkeys(title_of(r.figures) for r in records)).index(title_of(record.figures)),
    )
    for name, own in groupby(ordered, key=lambda record: title_of(record.figures)):
        own = list(own)
        groups = dict.fromkeys(group_of(record.figures) for record in own)
        series = [Series(colours[key], [r for r in own if group_of(r.figures) == key]) for key in groups]
        departures = sum(record.figures.departures for record in own)
        mark = "bad" if departures else "good"
        count = f"{departures} departure{'' if departures == 1 else 's'}" if departures else "no departure"
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


def _meanings() -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in MEANINGS)
    return f"<div class='card'><dl>{items}</dl></div>"
