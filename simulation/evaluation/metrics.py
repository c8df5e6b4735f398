"""The metrics of a run, and their summary over several runs. The field names are the keys of results.json."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from lkas.health import Percentiles

MIN_COMPLETED_RATIO, MIN_SPEED_RATIO = 0.99, 0.9  # a run counts only with at least these values


class RunMetrics(Struct, frozen=True, kw_only=True):
    """One run, as in results.json. None: unknown, or no such event occurred."""

    scenario: str | None
    map: str | None
    route: str | None
    condition: str | None
    seed: int | None
    method: str | None
    controller: str | None
    latency_s: float | None  # from the pose to the applied control; 0 is ideal
    truth_hz: float
    distance_m: float
    completed_ratio: float  # of the requested distance or duration
    mean_speed_ratio: float | None  # relative to perfect perception without disturbances
    stopped_s: float
    departures: int | None  # None: this world gives no truth
    minimum_risk_stops: int
    offset_rms_m: float | None
    offset_p95_m: float | None
    offset_max_m: float | None
    heading_rms_deg: float | None
    lat_accel_max_mps2: float | None
    lat_jerk_max_mps3: float | None
    availability_ratio: float | None  # share of the detector's frames in which it reported both lines
    lost_frame_ratio: float | None  # exposed frames that no applied control is based on, without withheld frames
    wrong_confident_ratio: float | None  # frames with a confident line at a wrong position
    detection_offset_p95_m: float | None
    detection_heading_p95_deg: float | None
    latency_ms: Percentiles | None  # from an exposure to the first applied control based on it
    real_time_factor: float  # simulated seconds per CPU second of one core

    @property
    def counts(self) -> bool:
        """Whether the run was completed at sufficient speed."""
        is_fast = self.mean_speed_ratio is None or self.mean_speed_ratio >= MIN_SPEED_RATIO
        return self.completed_ratio >= MIN_COMPLETED_RATIO and is_fast


class Summary(RunMetrics, frozen=True, kw_only=True):
    """The summary of several runs, with the same keys."""


def summarize(runs: Sequence[RunMetrics]) -> Summary:
    """Sum distance, departures and stops; pool offset and heading rms over distance; take the worst of the rest."""
    distance_m = sum(run.distance_m for run in runs)

    def common(name: str) -> Any:
        values = {getattr(run, name) for run in runs}
        return values.pop() if len(values) == 1 else None

    def worst(pick: Callable[[Iterable[float]], float], name: str) -> Any:
        values = [value for run in runs if (value := getattr(run, name)) is not None]
        return pick(values) if values else None

    def pooled(name: str) -> float | None:
        known = [(value, run.distance_m) for run in runs if (value := getattr(run, name)) is not None]
        total_m = sum(run_m for _, run_m in known)
        return math.sqrt(sum(value**2 * run_m for value, run_m in known) / total_m) if total_m > 0 else None

    departures = [run.departures for run in runs if run.departures is not None]
    latencies = [run.latency_ms for run in runs if run.latency_ms is not None]
    latency_ms = Percentiles(max(x.p50 for x in latencies), max(x.p99 for x in latencies)) if latencies else None
    return Summary(
        **{name: common(name) for name in ("scenario", "map", "route", "condition", "seed", "method", "controller")},
        latency_s=worst(max, "latency_s"),
        truth_hz=worst(min, "truth_hz"),
        distance_m=distance_m,
        departures=sum(departures) if len(departures) == len(runs) else None,
        minimum_risk_stops=sum(run.minimum_risk_stops for run in runs),
        stopped_s=worst(max, "stopped_s"),
        offset_rms_m=pooled("offset_rms_m"),
        heading_rms_deg=pooled("heading_rms_deg"),
        latency_ms=latency_ms,
        lost_frame_ratio=worst(max, "lost_frame_ratio"),
        wrong_confident_ratio=worst(max, "wrong_confident_ratio"),
        **{
            name: worst(min, name)
            for name in ("completed_ratio", "mean_speed_ratio", "availability_ratio", "real_time_factor")
        },
        **{
            name: worst(max, name)
            for name in (
                "offset_p95_m", "offset_max_m", "lat_accel_max_mps2", "lat_jerk_max_mps3",
                "detection_offset_p95_m", "detection_heading_p95_deg",
            )
        },
    )  # fmt: skip
