"""The figures of runs: results.json and results.csv, whose keys other programs rely on, and what reports add."""

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from lkas.health import Percentiles

COMPLETED_RATIO, SPEED_RATIO = 0.99, 0.9  # a run counts only with at least these


class RunFigures(Struct, frozen=True, kw_only=True):
    """One run, as results.json has it. None: not known, or nothing of the kind happened."""

    scenario: str | None
    map: str | None
    route: str | None
    condition: str | None
    seed: int | None
    method: str | None
    controller: str | None
    latency_s: float | None  # pose to applied control; 0 is ideal
    truth_hz: float
    distance_m: float
    completed_ratio: float  # of the way or the time asked for
    mean_speed_ratio: float | None  # against perfect perception, undisturbed
    stopped_s: float
    departures: int
    minimum_risk_stops: int
    offset_rms_m: float | None
    offset_p95_m: float | None
    offset_max_m: float | None
    heading_rms_deg: float | None
    lat_accel_max_mps2: float | None
    lat_jerk_max_mps3: float | None
    availability_ratio: float | None  # frames given to the detector that it saw both lines in
    lost_frame_ratio: float | None  # exposed frames that no applied control rests on; none that a fault kept back
    wrong_confident_ratio: float | None  # frames with a confident line in the wrong place
    detection_offset_p95_m: float | None
    detection_heading_p95_deg: float | None
    latency_ms: Percentiles | None  # exposure to the first applied control that rests on it
    real_time_factor: float  # simulated seconds per core second

    @property
    def counts(self) -> bool:
        """Whether the run got to its end at the speed it should."""
        is_fast = self.mean_speed_ratio is None or self.mean_speed_ratio >= SPEED_RATIO
        return self.completed_ratio >= COMPLETED_RATIO and is_fast


class Trace(Struct, frozen=True, kw_only=True):
    """The drive, a point every so often, for plots."""

    distance_m: list[float]
    offset_m: list[float]  # left positive
    speed_mps: list[float]
    x_m: list[float]
    y_m: list[float]


class Place(Struct, frozen=True):
    """Where a departure began."""

    distance_m: float
    x_m: float
    y_m: float


class Details(Struct, frozen=True, kw_only=True):
    """What the report shows beside the figures."""

    end: str  # why the run ended
    mean_speed_mps: float | None
    r79_lat_accel_max_mps2: float | None
    r79_lat_jerk_max_mps3: float | None
    steering_reversals_per_min: float | None
    ttlc_min_s: float | None  # with the lateral speed of the moment; None: never moving towards a line
    offset_per_curvature_m2: float | None  # slope of the offset over curvature; positive: inwards
    modes: dict[str, float]  # seconds spent in each mode of decision
    departures: list[Place]
    trace: Trace
    withheld_frame_ratio: float | None = None  # exposed frames that the scenario kept from the detector
    detector_failures: dict[str, int] = {}  # exceptions of the detector by text; each cost a frame its lanes


class Record(Struct, frozen=True, kw_only=True):
    """The file of one run."""

    inputs: str  # hash of all that decides the run's outcome
    figures: RunFigures
    details: Details


class Summary(RunFigures, frozen=True, kw_only=True):
    """All runs together, with the same keys."""


def summary_of(runs: Sequence[RunFigures]) -> Summary:
    """Sums of distance, departures and stops, offsets and headings pooled over distance, the worst of the rest."""
    distance_m = sum(run.distance_m for run in runs)

    def same(name: str) -> Any:
        values = {getattr(run, name) for run in runs}
        return values.pop() if len(values) == 1 else None

    def of_known(pick: Callable[[Iterable[float]], float], name: str) -> Any:
        values = [value for run in runs if (value := getattr(run, name)) is not None]
        return pick(values) if values else None

    def pooled(name: str) -> float | None:
        known = [(value, run.distance_m) for run in runs if (value := getattr(run, name)) is not None]
        way_m = sum(way_m for _, way_m in known)
        return math.sqrt(sum(value**2 * way_m for value, way_m in known) / way_m) if way_m > 0 else None

    latencies = [run.latency_ms for run in runs if run.latency_ms is not None]
    latency_ms = Percentiles(max(x.p50 for x in latencies), max(x.p99 for x in latencies)) if latencies else None
    return Summary(
        **{name: same(name) for name in ("scenario", "map", "route", "condition", "seed", "method", "controller")},
        latency_s=of_known(max, "latency_s"),
        truth_hz=of_known(min, "truth_hz"),
        distance_m=distance_m,
        departures=sum(run.departures for run in runs),
        minimum_risk_stops=sum(run.minimum_risk_stops for run in runs),
        stopped_s=of_known(max, "stopped_s"),
        offset_rms_m=pooled("offset_rms_m"),
        heading_rms_deg=pooled("heading_rms_deg"),
        latency_ms=latency_ms,
        lost_frame_ratio=of_known(max, "lost_frame_ratio"),
        wrong_confident_ratio=of_known(max, "wrong_confident_ratio"),
        **{
            name: of_known(min, name)
            for name in ("completed_ratio", "mean_speed_ratio", "availability_ratio", "real_time_factor")
        },
        **{
            name: of_known(max, name)
            for name in (
                "offset_p95_m", "offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3",
                "detection_offset_p95_m", "detection_heading_p95_deg",
            )
        },
    )  # fmt: skip


def write_results(out: Path, runs: Sequence[RunFigures]) -> None:
    """results.json and results.csv."""
    document = {"summary": _rounded(summary_of(runs)), "runs": [_rounded(run) for run in runs]}
    write_whole(out / "results.json", json.dumps(document, indent=2) + "\n")
    text = StringIO()
    rows = [_flat(_rounded(run)) for run in runs]
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    write_whole(out / "results.csv", text.getvalue())


def read_runs(folder: Path) -> list[RunFigures]:
    """The runs of a results.json written before. Raises ValueError, which names the file and the reason."""
    path = folder / "results.json"
    try:
        document = msgspec.json.decode(path.read_bytes())
        return msgspec.convert(document["runs"], list[RunFigures])
    except OSError as error:
        raise ValueError(f"{path}: can not read these results: {error.strerror}") from error
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: can not read these results: {error}") from error


def write_whole(path: Path, text: str) -> None:
    """Write all of the file or none of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _rounded(run: RunFigures) -> dict[str, Any]:
    """Six digits are more than any figure here is good for."""

    def short(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: short(inner) for key, inner in value.items()}
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return short(msgspec.to_builtins(run))


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    latency = run.pop("latency_ms") or {"p50": None, "p99": None}
    return {**run, "latency_p50_ms": latency["p50"], "latency_p99_ms": latency["p99"]}
