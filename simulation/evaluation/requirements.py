"""Thresholds that a summary must meet, such as `offset_rms_m<=0.25`."""

import math
import operator
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from simulation.evaluation.metrics import RunMetrics, Summary

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
NOT_NUMBERS = ("scenario", "map", "route", "condition", "method", "controller", "latency_ms")
PATTERN = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*")


class Requirement(Struct, frozen=True):
    """A limit of one metric of the summary."""

    metric: str
    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.limit:g}"


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement. Raises ValueError, which names what is allowed."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r}: expected METRIC<=NUMBER (or <, >, >=), for example offset_rms_m<=0.25")
    metric, comparison, number = match.groups()
    known = [name for name in RunMetrics.__struct_fields__ if name not in NOT_NUMBERS]
    if metric not in known:
        raise ValueError(f"{text!r}: no metric {metric}; known are {', '.join(known)}")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ValueError(f"{text!r}: {number!r} is not a number")
    return Requirement(metric, comparison, limit)


def unmet(requirements: Sequence[Requirement], summary: Summary, runs: Sequence[RunMetrics]) -> list[str]:
    """Return one text per failure. With any requirement, each run that does not count is a failure too."""
    if not requirements:
        return []
    failures = []
    for requirement in requirements:
        value = getattr(summary, requirement.metric)
        if value is None:
            failures.append(f"{requirement}: unknown")
        elif not OPERATORS[requirement.comparison](value, requirement.limit):
            failures.append(f"{requirement}: found {value:.4g}")
    failures += [
        f"{run.scenario}, seed {run.seed}, {run.method}, {run.controller}: does not count, "
        f"completed {run.completed_ratio:.0%} at {_share(run.mean_speed_ratio)} of the baseline's speed"
        for run in runs
        if not run.counts
    ]
    return failures


def _share(ratio: float | None) -> str:
    return "an unknown ratio" if ratio is None else f"{ratio:.0%}"
