"""Plots of the report, as SVG elements with the colours of its style sheet."""

import math
from collections.abc import Sequence

from msgspec import Struct

from simulation.evaluation.run_record import Record

WIDTH, HEIGHT = 1080, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 24, 26
MAP_SIZE, MAP_EDGE = 220, 14
SHARE_WIDTH, SHARE_HEIGHT = 330, 200
MIN_RANGE_M = 0.3  # minimum range of the plot to either side
MAX_POINTS = 600


class Series(Struct, frozen=True):
    """Runs of one method and controller in curve scenario; `colour` is the number of its style."""

    colour: int
    records: Sequence[Record]


def offset_plot(series: Sequence[Series]) -> str:
    """Plot offset over distance, left is up; further seeds are thinner lines; departures are dots."""
    traces = [record.details.trace for curve in series for record in curve.records]
    longest_m = max((trace.distance_m[-1] for trace in traces if trace.distance_m), default=0.0)
    if longest_m <= 0:
        return "<p class='faint'>No distance was travelled.</p>"
    largest_m = max(abs(offset) for trace in traces for offset in trace.offset_m)
    half_m = max(MIN_RANGE_M, 1.08 * largest_m)

    def x(distance_m: float) -> float:
        return LEFT + distance_m / longest_m * (WIDTH - LEFT - RIGHT)

    def y(offset_m: float) -> float:
        return TOP + (1 - offset_m / half_m) / 2 * (HEIGHT - TOP - BOTTOM)

    parts = [_grid(x, y, longest_m, half_m)]
    for curve in series:
        for index, record in enumerate(curve.records):
            trace = record.details.trace
            stride = max(1, len(trace.distance_m) // MAX_POINTS)
            points = " ".join(
                f"{x(d):.1f},{y(o):.1f}" for d, o in list(zip(trace.distance_m, trace.offset_m, strict=True))[::stride]
            )
            kind = "line" if index == 0 else "line more"
            parts.append(f'<polyline class="{kind}" style="--c: var(--s{curve.colour})" points="{points}"/>')
    for curve in series:
        for record in curve.records:
            for place in record.details.departures:
                offset_m = _offset_at(record, place.distance_m)
                parts.append(_dot(x(place.distance_m), y(offset_m), f"departure at {place.distance_m:.0f} m"))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="offset over distance">{"".join(parts)}</svg>'


def road_plot(series: Sequence[Series]) -> str:
    """Plot the driven path from above, with the departures of all runs."""
    records = [record for curve in series for record in curve.records]
    longest = max(records, key=lambda record: len(record.details.trace.x_m))
    trace = longest.details.trace
    places = [place for record in records for place in record.details.departures]
    if len(trace.x_m) < 2:
        return ""
    xs, ys = [*trace.x_m, *(p.x_m for p in places)], [*trace.y_m, *(p.y_m for p in places)]
    extent_m = max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
    scale = (MAP_SIZE - 2 * MAP_EDGE) / extent_m
    middle_x, middle_y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    height = max(60.0, (max(ys) - min(ys)) * scale + 2 * MAP_EDGE + 18)

    def at(x_m: float, y_m: float) -> tuple[float, float]:
        return MAP_SIZE / 2 + (x_m - middle_x) * scale, (height - 18) / 2 - (y_m - middle_y) * scale

    points = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in zip(trace.x_m, trace.y_m, strict=True))
    start_x, start_y = at(trace.x_m[0], trace.y_m[0])
    bar_m = _round_step(extent_m / 3)
    bar = (
        f'<line class="zero" x1="{MAP_EDGE}" x2="{MAP_EDGE + bar_m * scale:.1f}" y1="{height - 8}" y2="{height - 8}"/>'
        f'<text x="{MAP_EDGE + bar_m * scale + 6:.1f}" y="{height - 4}">{bar_m:g} m</text>'
    )
    dots = "".join(_dot(*at(place.x_m, place.y_m), f"departure at {place.distance_m:.0f} m") for place in places)
    return (
        f'<svg viewBox="0 0 {MAP_SIZE} {height:.0f}" role="img" aria-label="map of departures">'
        f'<polyline class="road" points="{points}"/>'
        f'<circle class="start" cx="{start_x:.1f}" cy="{start_y:.1f}" r="3.5"><title>start</title></circle>'
        f"{dots}{bar}</svg>"
    )


def cumulative_plot(title: str, curves: Sequence[tuple[int, Sequence[tuple[float, float]]]]) -> str:
    """Plot the cumulative share over the value. A curve has the index of its style and (value >= 0, weight) pairs."""
    largest = max((value for _, points in curves for value, _ in points), default=0.0)
    if largest <= 0:
        return ""
    right, foot = SHARE_WIDTH - RIGHT, SHARE_HEIGHT - BOTTOM

    def x(value: float) -> float:
        return LEFT + value / (1.02 * largest) * (right - LEFT)

    def y(share: float) -> float:
        return foot - share * (foot - TOP)

    parts = [f'<text x="0" y="10">{title}</text>']
    for share in (0.0, 0.5, 0.95, 1.0):
        kind = "zero" if share == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{right}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>')
        if share < 1:
            parts.append(f'<text x="{LEFT - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    step = _round_step(largest / 3)
    for count in range(math.floor(largest / step) + 1):
        at = x(count * step)
        parts.append(f'<text x="{at:.1f}" y="{foot + 16}" text-anchor="middle">{count * step:.3g}</text>')
    for colour, points in curves:
        total, reached = sum(weight for _, weight in points), 0.0
        corners = [(x(0.0), y(0.0))]
        for value, weight in sorted(points):
            corners.append((x(value), corners[-1][1]))
            reached += weight
            corners.append((x(value), y(reached / total)))
        corners.append((right, y(1.0)))
        text = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
        parts.append(f'<polyline class="line" style="--c: var(--s{colour})" points="{text}"/>')
    return f'<svg viewBox="0 0 {SHARE_WIDTH} {SHARE_HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'


def _grid(x, y, longest_m: float, half_m: float) -> str:
    parts = []
    step_m = _round_step(half_m / 2)
    for count in range(-math.floor(half_m / step_m), math.floor(half_m / step_m) + 1):
        level = y(count * step_m)
        kind = "zero" if count == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{level + 4:.1f}" text-anchor="end">{count * step_m:.3g}</text>')
    step_m = _round_step(longest_m / 6)
    for count in range(math.floor(longest_m / step_m) + 1):
        unit = " m" if count == 0 else ""
        at = x(count * step_m)
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{count * step_m:g}{unit}</text>')
    parts.append('<text x="0" y="10">m left of the lane centre</text>')
    return "".join(parts)


def _dot(x: float, y: float, title: str) -> str:
    return f'<circle class="departed" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{title}</title></circle>'


def _offset_at(record: Record, distance_m: float) -> float:
    trace = record.details.trace
    index = min(range(len(trace.distance_m)), key=lambda i: abs(trace.distance_m[i] - distance_m))
    return trace.offset_m[index]


def _round_step(step: float) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not above `step`."""
    power = 10 ** math.floor(math.log10(step))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= step * (1 + 1e-9))
