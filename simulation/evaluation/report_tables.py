"""The tables of the report: summary, comparison with earlier results, all runs."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from simulation.evaluation.metrics import MIN_COMPLETED_RATIO, MIN_SPEED_RATIO, RunMetrics, summarize
from simulation.evaluation.run_record import Record
from simulation.evaluation.table import format_value

Value = Callable[[Record], float | None]


class Column(NamedTuple):
    """A column of a table. Values up to `good` are marked good, up to `limit` fair, others bad; None: no mark."""

    metric: str
    title: str
    unit: str
    number_format: str
    good: float | None = None
    limit: float | None = None
    is_better_high: bool = False


COLUMNS = (
    Column("distance_m", "distance", "m", ".0f"),
    Column("departures", "departures", "", "d", 0, 0),
    Column("minimum_risk_stops", "risk stops", "", "d", 0, 0),
    Column("completed_ratio", "completed", "", ".0%", 1.0, MIN_COMPLETED_RATIO, True),
    Column("mean_speed_ratio", "speed", "of truth's", ".0%", 0.97, MIN_SPEED_RATIO, True),
    Column("offset_rms_m", "offset rms", "m", ".3f", 0.10, 0.15),
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
    column for column in COLUMNS if column.metric in
    ("departures", "minimum_risk_stops", "offset_rms_m", "offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3",
     "availability_ratio", "wrong_confident_ratio")
)  # fmt: skip
DETAILS: tuple[tuple[str, str, str, Value], ...] = (
    ("R79 accel.", "m/s²", ".2f", lambda record: record.details.r79_lat_accel_max_mps2),
    ("R79 jerk", "m/s³", ".2f", lambda record: record.details.r79_lat_jerk_max_mps3),
    ("reversals", "per min", ".0f", lambda record: record.details.steering_reversals_per_min),
    ("frames withheld", "by a fault", ".1%", lambda record: record.details.withheld_frame_ratio),
    ("minimum TTLC", "s", ".1f", lambda record: record.details.ttlc_min_s),
    ("offset / curvature", "m²", ".0f", lambda record: record.details.offset_per_curvature_m2),
)


def summary_table(runs: Sequence[RunMetrics], groups: Sequence[tuple[str, str]]) -> str:
    """Return a table with a row for each method and controller, and one for each condition if there are several."""
    rows = []
    for method, controller in groups:
        members = [run for run in runs if group_of(run) == (method, controller)]
        by_condition = {run.condition or "": [r for r in members if r.condition == run.condition] for run in members}
        parts = {"all": members} if len(by_condition) > 1 else {}
        for condition, part in (parts | dict(sorted(by_condition.items()))).items():
            words = "".join(f"<td class='word'>{escape(word)}</td>" for word in (method, controller, condition))
            rows.append(f"<tr>{words}{_counting_cell(part)}{_worst_cell(part)}{_cells(summarize(part))}</tr>")
    heads = "".join(f"<th class='word'>{word}</th>" for word in ("method", "controller", "condition"))
    heads += "<th>runs<small>that count</small></th><th>worst run<small>offset rms, m</small></th>"
    return _table(heads + _heads(), rows)


def _counting_cell(runs: Sequence[RunMetrics]) -> str:
    counting = sum(run.counts for run in runs)
    return f"<td class='{'good' if counting == len(runs) else 'bad'}'>{counting} of {len(runs)}</td>"


def _worst_cell(runs: Sequence[RunMetrics]) -> str:
    worst = max(runs, key=lambda run: run.offset_rms_m or 0.0)
    column = next(column for column in COLUMNS if column.metric == "offset_rms_m")
    text = format_value(worst.offset_rms_m, column.number_format)
    return f"<td class='{_mark(column, worst.offset_rms_m)}'>{text}<small>{escape(worst.scenario or '')}</small></td>"


def run_table(records: Sequence[Record]) -> str:
    """Return a table with a row for each run."""
    rows = []
    for record in records:
        run = record.metrics
        mark = "good" if run.counts else "bad"
        words = [run.scenario, run.condition, run.map, run.method, run.controller]
        cells = "".join(f"<td class='word'>{escape(word or '')}</td>" for word in words)
        latency = "" if run.latency_s is None else f"{run.latency_s * 1e3:.0f}"
        cells += f"<td>{run.seed}</td><td>{latency}</td>"
        cells += f"<td class='word'><span class='{mark}'>{escape(record.details.end)}</span></td>" + _cells(run)
        cells += "".join(f"<td>{format_value(value(record), text_format)}</td>" for _, _, text_format, value in DETAILS)
        rows.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f"<th class='word'>{word}</th>" for word in ("scenario", "condition", "map", "method", "controller")
    )
    heads += "<th>seed</th><th>latency<small>ms</small></th><th class='word'>end</th>" + _heads()
    heads += "".join(f"<th>{title}<small>{unit}</small></th>" for title, unit, _, _ in DETAILS)
    return _table(heads, rows)


def comparison(runs: Sequence[RunMetrics], earlier: Sequence[RunMetrics] | None, against: str) -> str:
    """Return a table that compares each run with the same run of earlier results."""
    if earlier is None:
        return ""
    before = {_identity(run): run for run in earlier}
    rows = []
    for run in runs:
        was = before.get(_identity(run))
        if was is None:
            continue
        cells = "".join(f"<td class='word'>{escape(word or '')}</td>" for word in (title_of(run), *group_of(run)))
        cells += f"<td>{run.seed}</td>" + "".join(_changed_cell(column, was, run) for column in COMPARED)
        rows.append(f"<tr>{cells}</tr>")
    title = f"<h2>Compared with {escape(against)}</h2>"
    if not rows:
        return title + "<p class='faint'>It contains none of these runs.</p>"
    heads = "".join(f"<th class='word'>{word}</th>" for word in ("scenario", "method", "controller")) + "<th>seed</th>"
    heads += "".join(f"<th>{column.title}<small>{column.unit or '&nbsp;'}</small></th>" for column in COMPARED)
    return title + _table(heads, rows)


def _identity(run: RunMetrics) -> tuple:
    return run.scenario, run.condition, run.seed, run.method, run.controller, run.latency_s


def _changed_cell(column: Column, was: RunMetrics, run: RunMetrics) -> str:
    old, new = getattr(was, column.metric), getattr(run, column.metric)
    old_text, new_text = format_value(old, column.number_format), format_value(new, column.number_format)
    mark = ""
    if old_text != new_text and old is not None and new is not None:
        mark = "good" if (new > old) == column.is_better_high else "bad"
    shown = new_text if old_text == new_text else f"<span class='faint'>{old_text} →</span> {new_text}"
    return f"<td class='{mark}'>{shown}</td>"


def _cells(run: RunMetrics) -> str:
    def cell(column: Column) -> str:
        value = getattr(run, column.metric)
        return f"<td class='{_mark(column, value)}'>{format_value(value, column.number_format)}</td>"

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


def group_of(run: RunMetrics) -> tuple[str, str]:
    """Return method and controller, which share one colour."""
    return run.method or "", run.controller or ""


def title_of(run: RunMetrics) -> str:
    """Return the scenario, with its condition unless it is clear."""
    name = run.scenario or ""
    return name if run.condition in (None, "clear") else f"{name}, {run.condition}"
