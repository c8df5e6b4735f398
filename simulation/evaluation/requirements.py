"""Thresholds a summary must keep: `offset_rms_m<=0.25`."""

import math
import operator
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from simulation.evaluation.results import RunFigures, Summary

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
NOT_NUMBERS = ("scenario", "map", "route", "condition", "method", "controller", "latency_ms")
PATTERN = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*(\S+)\s*")


class Requirement(Struct, frozen=True):
    """One figure of the summary against a number."""

    figure: str
    comparison: str
    limit: float

    def __str__(self) -> str:
        return f"{self.figure} {self.comparison} {self.limit:g}"


def parse_requirement(text: str) -> Requirement:
    """Raises ValueError with what is allowed."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r}: expected FIGURE<=NUMBER (or <, >, >=), as in offset_rms_m<=0.25")
    figure, comparison, number = match.groups()
    known = [name for name in RunFigures.__struct_fields__ if name not in NOT_NUMBERS]
    if figure not in known:
        raise ValueError(f"{text!r}: no figure {figure}; known are {', '.join(known)}")
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ValueError(f"{text!r}: {number!r} is not a number")
    return Requirement(figure, comparison, limit)


def unmet(requirements: Sequence[Requirement], summary: Summary, runs: Sequence[RunFigures]) -> list[str]:
    """What fails, in words. A run that does not count fails by itself: no figure of half a drive meets anything."""
    if not requirements:
        return []
    failures = []
    for requirement in requirements:
        value = getattr(summary, requirement.figure)
        if value is None:
            failures.append(f"{requirement}: not known")
        elif not OPERATORS[requirement.comparison](value, requirement.limit):
            failures.append(f"{requirement}: it is {value:.4g}")
    failures += [
        f"{run.scenario}, seed {run.seed}, {run.method}, {run.controller}: does not count, "
        f"completed {run.completed_ratio:.0%} at {_share(run.mean_speed_ratio)} of the baseline's speed"
        for run in runs
        if not run.counts
    ]
    return failures


def _share(ratio: float | None) -> str:
    return "an unknown share" if ratio is None else f"{ratio:.0%}"
