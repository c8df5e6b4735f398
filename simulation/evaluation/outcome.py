"""Reports the outcome of a sweep: files and table, failures on stderr, and the exit code."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from lkas.plugins.guard import PluginError
from lkas.runtime.exit_codes import EXIT_BELOW_THRESHOLD
from simulation.evaluation.metrics import RunMetrics, summarize
from simulation.evaluation.report import write_report
from simulation.evaluation.requirements import Requirement, unmet
from simulation.evaluation.results import read_digest, write_results
from simulation.evaluation.run_record import Record, unscored
from simulation.evaluation.sweep import Sweep
from simulation.evaluation.table import print_table

PLAIN_WIDTH = 120  # of the table without a terminal


def print_failures(sweep: Sweep) -> None:
    """Print one line for each reason: a run and its baseline often fail for the same one."""
    names: dict[str, list[str]] = {}
    for job, error in sweep.failed.values():
        reason = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        names.setdefault(reason, []).append(job.name)
    for reason, (first, *others) in names.items():
        more = f" and {len(others)} more" if others else ""
        typer.echo(f"simulation eval: {first}{more}: {reason}", err=True)


def print_detector_failures(records: Sequence[Record]) -> bool:
    """Print one line for each exception of a detector; return whether there was any.

    The metrics count the frames of these exceptions as frames without a lane.
    """
    frames: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for record in records:
        frames.update(record.details.detector_failures)
        runs.update(record.details.detector_failures.keys())
    for text, count in frames.items():
        where = f"{_counted(count, 'frame')} without lanes because of it, in {_counted(runs[text], 'run')}"
        typer.echo(f"simulation eval: {text}; {where}", err=True)
    return bool(frames)


def print_unscored(records: Sequence[Record]) -> None:
    """Print what could not be scored, one line for each world."""
    for text in unscored(records):
        typer.echo(f"simulation eval: {text}", err=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def write_outcome(
    out: Path, records: Sequence[Record], earlier: Sequence[RunMetrics] | None, against: Path | None
) -> None:
    """Print the table, and write results and report into the folder `out`. Raises OSError."""
    runs = [record.metrics for record in records]
    print_table(runs, Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    write_results(out, runs)
    write_report(out / "report.html", records, earlier, None if against is None else str(against))
    typer.echo(f"report: {out / 'report.html'}")
    typer.echo(f"digest: {read_digest(out)}")


def check_requirements(requirements: Sequence[Requirement], records: Sequence[Record]) -> int:
    """Print the unmet requirements; return the exit code."""
    runs = [record.metrics for record in records]
    failures = unmet(requirements, summarize(runs), runs)
    for failure in failures:
        typer.echo(f"simulation eval: required {failure}", err=True)
    return EXIT_BELOW_THRESHOLD if failures else 0
