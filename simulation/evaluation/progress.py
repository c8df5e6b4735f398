"""Runs a sweep with a progress bar until it is finished or interrupted."""

import signal
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lkas.runtime.exit_codes import EXIT_INTERRUPTED, EXIT_TERMINATED
from simulation.evaluation.executors import Executor
from simulation.evaluation.jobs import Job
from simulation.evaluation.sweep import Sweep


class _Terminated(KeyboardInterrupt):
    """Raised by SIGTERM."""


def run_with_progress(sweep: Sweep, executor: Executor) -> int:
    """Drive the open runs and return the exit code."""
    if not sweep.open:
        typer.echo("all runs are already finished", err=True)
        return 0
    before = signal.signal(signal.SIGTERM, _terminated)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("driving", total=len(sweep.open))

        def on_done(job: Job) -> None:
            progress.update(task, advance=1, description=job.name)

        try:
            sweep.run(executor, on_done)
        except KeyboardInterrupt as interrupt:
            code = EXIT_TERMINATED if isinstance(interrupt, _Terminated) else EXIT_INTERRUPTED
        else:
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)
    missing = len(sweep.open) - sum(job.inputs in sweep.done for job in sweep.open)
    typer.echo(f"interrupted; {missing} of {len(sweep.open)} runs are missing; the same command continues", err=True)
    return code


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated
