"""The report: one HTML file that needs nothing else, not even a network."""

from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import lkas
from simulation.evaluation.plots import Series, offset_plot, road_plot, share_plot
from simulation.evaluation.results import COMPLETED_RATIO, SPEED_RATIO, Record, RunFigures, summary_of, write_whole
from simulation.evaluation.table import text_of

COLOURS = 6

Value = Callable[[Record], float | None]


class Column(NamedTuple):
    """A column of a table. Marks: up to `good` it is good, up to `limit` fair, beyond it bad; None: not judged."""

    figure: str
    title: str
    unit: str
    form: str
    good: float | None = None
    limit: float | None = None
    is_better_high: bool = False


COLUMNS = (
    Column("distance_m", "distance", "m", ".0f"),
    Column("departures", "departures", "", "d", 0, 0),
    Column("minimum_risk_stops", "risk stops", "", "d", 0, 0),
    Column("completed_ratio", "completed", "", ".0%", 1.0, COMPLETED_RATIO, True),
    Column("mean_speed_ratio", "speed", "of truth's", ".0%", 0.97, SPEED_RATIO, True),
    Column("offset_rms_m", "offset rms", "m", ".3f", 0.10, 0.25),
    Column("offset_p95_m", "offset p95", "m", ".2f", 0.25, 0.50),
    Column("offset_max_m", "offset max", "m", ".2f", 0.40, 0.80),
    Column("heading_rms_deg", "heading rms", "deg", ".2f", 0.7, 2.0),
    Column("lat_accel_max_mps2", "lat. accel.", "m/s²", ".2f", 2.5, 3.0),
    Column("lat_jerk_max_mps3", "lat. jerk", "m/s³", ".2f", 2.5, 5.0),
    Column("availability_ratio", "lane seen", "of frames", ".1%", 0.99, 0.95, True),
    Column("wrong_confident_ratio", "confidently wrong", "of frames", ".1%", 0.0, 0.01),
    Column("lost_frame_ratio", "frames lost", "", ".1%"),
    Column("detection_offset_p95_m", "detection offset p95", "m", ".3f"),
    Column("detection_heading_p95_deg", "detection heading p95", "deg", ".2f"),
    Column("real_time_factor", "real time", "x, a core", ".1f", 2.5, 1.0, True),
)
COMPARED = tuple(
    column for column in COLUMNS if column.figure in
    ("departures", "offset_rms_m", "offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3", "availability_ratio")
)  # fmt: skip
DISTRIBUTED = ("offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3")
DETAILS: tuple[tuple[str, str, str, Value], ...] = (
    ("R79 accel.", "m/s²", ".2f", lambda record: record.details.r79_lat_accel_max_mps2),
    ("R79 jerk", "m/s³", ".2f", lambda record: record.details.r79_lat_jerk_max_mps3),
    ("reversals", "per min", ".0f", lambda record: record.details.steering_reversals_per_min),
    ("least TTLC", "s", ".1f", lambda record: record.details.ttlc_min_s),
    ("offset / curvature", "m²", ".0f", lambda record: record.details.offset_per_curvature_m2),
)
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
    """Write the page; `earlier` are the runs of the folder `against`."""
    runs = [record.figures for record in records]
    colours = {key: index % COLOURS for index, key in enumerate(dict.fromkeys(map(_group, runs)))}
    latencies = sorted({run.latency_s for run in runs if run.latency_s is not None})
    words = ", ".join("0 ms (ideal)" if latency == 0 else f"{latency * 1e3:.0f} ms" for latency in latencies)
    head = (
        f"<h1>Lane keeping score card</h1><p class='faint'>{len(runs)} runs, "
        f"{sum(run.distance_m for run in runs) / 1e3:.1f} km, pose to applied control {words}, "
        f"lkas {escape(lkas.__version__)}</p>"
    )
    sections = [
        head,
        "<h2>Summary</h2>", _summary_table(runs),
        _comparison(runs, earlier, against or ""),
        "<h2>Distributions</h2>", _legend(colours), _distributions(records, colours),
        "<h2>Offset over distance</h2>", _legend(colours), *_scenario_cards(records, colours),
        "<h2>All runs</h2>", _run_table(records),
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


def _group(run: RunFigures) -> tuple[str, str]:
    return run.method or "", run.controller or ""


def _summary_table(runs: Sequence[RunFigures]) -> str:
    rows = []
    for method, controller in dict.fromkeys(map(_group, runs)):
        own = [run for run in runs if _group(run) == (method, controller)]
        counting = sum(run.counts for run in own)
        mark = "good" if counting == len(own) else "bad"
        cells = f"<td class='word'>{escape(method)}</td><td class='word'>{escape(controller)}</td>"
        cells += f"<td class='{mark}'>{counting} of {len(own)}</td>" + _cells(summary_of(own))
        rows.append(f"<tr>{cells}</tr>")
    heads = "<th class='word'>method</th><th class='word'>controller</th><th>runs<small>that count</small></th>"
    return _table(heads + _heads(), rows)


def _run_table(records: Sequence[Record]) -> str:
    rows = []
    for record in records:
        run = record.figures
        mark = "good" if run.counts else "bad"
        words = [run.scenario, run.condition, run.map, run.method, run.controller]
        cells = "".join(f"<td class='word'>{escape(word or '')}</td>" for word in words)
        latency = "" if run.latency_s is None else f"{run.latency_s * 1e3:.0f}"
        cells += f"<td>{run.seed}</td><td>{latency}</td>"
        cells += f"<td class='word'><span class='{mark}'>{escape(record.details.end)}</span></td>" + _cells(run)
        cells += "".join(f"<td>{text_of(value(record), form)}</td>" for _, _, form, value in DETAILS)
        rows.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f"<th class='word'>{word}</th>" for word in ("scenario", "condition", "map", "method", "controller")
    )
    heads += "<th>seed</th><th>latency<small>ms</small></th><th class='word'>end</th>" + _heads()
    heads += "".join(f"<th>{title}<small>{unit}</small></th>" for title, unit, _, _ in DETAILS)
    return _table(heads, rows)


def _distributions(records: Sequence[Record], colours: dict[tuple[str, str], int]) -> str:
    """Share of the way by offset, and shares of the runs by their worst figures."""

    def curves(
        points: Callable[[Record], Sequence[tuple[float, float]]],
    ) -> list[tuple[int, list[tuple[float, float]]]]:
        drawn = [
            (colour, [point for record in records if _group(record.figures) == key for point in points(record)])
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
        key=lambda record: list(dict.fromkeys(_title(r.figures) for r in records)).index(_title(record.figures)),
    )
    for name, own in groupby(ordered, key=lambda record: _title(record.figures)):
        own = list(own)
        groups = dict.fromkeys(_group(record.figures) for record in own)
        series = [Series(colours[key], [r for r in own if _group(r.figures) == key]) for key in groups]
        departures = sum(record.figures.departures for record in own)
        mark = "bad" if departures else "good"
        count = f"{departures} departure{'' if departures == 1 else 's'}" if departures else "no departure"
        cards.append(
            f"<div class='card'><div class='head'><h3>{escape(name)}</h3>"
            f"<span class='{mark}'>{count}</span></div>"
            f"<div class='plots'>{offset_plot(series)}{road_plot(series)}</div></div>"
        )
    return cards


def _title(run: RunFigures) -> str:
    """The scenario, and the condition where it is not the usual one."""
    name = run.scenario or ""
    return name if run.condition in (None, "clear") else f"{name}, {run.condition}"


def _legend(colours: dict[tuple[str, str], int]) -> str:
    items = "".join(
        f'<span style="--c: var(--s{colour})">{escape(method)}, {escape(controller)}</span>'
        for (method, controller), colour in colours.items()
    )
    return f"<div class='legend'>{items}</div>"


def _comparison(runs: Sequence[RunFigures], earlier: Sequence[RunFigures] | None, against: str) -> str:
    """Each run beside the same one of before."""
    if earlier is None:
        return ""
    before = {_identity(run): run for run in earlier}
    rows = []
    for run in runs:
        was = before.get(_identity(run))
        if was is None:
            continue
        cells = "".join(f"<td class='word'>{escape(word or '')}</td>" for word in (_title(run), *_group(run)))
        cells += f"<td>{run.seed}</td>" + "".join(_changed_cell(column, was, run) for column in COMPARED)
        rows.append(f"<tr>{cells}</tr>")
    title = f"<h2>Against {escape(against)}</h2>"
    if not rows:
        return title + "<p class='faint'>No run of it is among these.</p>"
    heads = "".join(f"<th class='word'>{word}</th>" for word in ("scenario", "method", "controller")) + "<th>seed</th>"
    heads += "".join(f"<th>{column.title}<small>{column.unit or '&nbsp;'}</small></th>" for column in COMPARED)
    return title + _table(heads, rows)


def _identity(run: RunFigures) -> tuple:
    return run.scenario, run.condition, run.seed, run.method, run.controller, run.latency_s


def _changed_cell(column: Column, was: RunFigures, run: RunFigures) -> str:
    old, new = getattr(was, column.figure), getattr(run, column.figure)
    old_text, new_text = text_of(old, column.form), text_of(new, column.form)
    mark = ""
    if old_text != new_text and old is not None and new is not None:
        mark = "good" if (new > old) == column.is_better_high else "bad"
    shown = new_text if old_text == new_text else f"<span class='faint'>{old_text} →</span> {new_text}"
    return f"<td class='{mark}'>{shown}</td>"


def _cells(run: RunFigures) -> str:
    def cell(column: Column) -> str:
        value = getattr(run, column.figure)
        return f"<td class='{_mark(column, value)}'>{text_of(value, column.form)}</td>"

    return "".join(map(cell, COLUMNS))


def _mark(column: Column, value: float | None) -> str:
    if value is None or column.good is None or column.limit is None:
        return ""
    sign = -1 if column.is_better_high else 1
    if sign * value <= sign * column.good:
        return "good"
    return "fair" if sign * value <= sign * column.limit else "bad"


def _heads() -> str:
    return "".join(f"<th>{column.title}<small>{column.unit or '&nbsp;'}</small></th>" for column in COLUMNS)


def _table(heads: str, rows: Sequence[str]) -> str:
    return (
        f"<div class='card scroll'><table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _meanings() -> str:
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in MEANINGS)
    return f"<div class='card'><dl>{items}</dl></div>"
