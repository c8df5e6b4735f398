"""`lkas detect`: find lanes in pictures and films, without any other process.

Examples:
    lkas detect road.jpg --annotate out              draw what was found
    lkas detect frames --jsonl lanes.jsonl           every picture of a folder by itself, a JSON line each
    lkas detect frames --sequence --annotate out     the same folder as one film, in the order of the names
    lkas detect 'drives/*.mp4' --method hough        a table of how often lanes were found, and how fast
    lkas detect drive.mp4 --jsonl - | head           JSON lines on standard output
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from lkas.detection.media import Clip
    from lkas.detection.offline import OfflineRun, Tally

FAILED, USAGE, INTERRUPTED = 1, 2, 130
# Before NumPy and OpenCV come in: one thread each, and our own words about a broken file instead of FFmpeg's.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


def detect(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Pictures, folders of pictures, films, glob patterns.")
    ],
    method: Annotated[
        str | None, typer.Option(metavar="cv|hybrid|hough", help="Detection method.  [default: detection.method, cv]")
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence", help="Take a folder (or the pictures named) as one film at camera.rate_hz.", metavar=""
        ),
    ] = False,
    jsonl: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a JSON line per frame there; - is standard output.")
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each frame with its lanes drawn as a JPEG there.")
    ] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
) -> None:
    """Find lanes in pictures and films, without any other process.

    A picture stands by itself; a video is a film, in which the detector learns where the camera looks.

    \b
    Examples:
    lkas detect road.jpg --annotate out              draw what was found
    lkas detect frames --jsonl lanes.jsonl           every picture of a folder by itself, a JSON line each
    lkas detect frames --sequence --annotate out     the same folder as one film, in the order of the names
    lkas detect 'drives/*.mp4' --method hough        a table of how often lanes were found, and how fast
    lkas detect drive.mp4 --jsonl - | head           JSON lines on standard output
    """
    try:
        code = _detect(inputs, method, sequence, jsonl, annotate, config, assignments or [])
    except KeyboardInterrupt:  # before the first frame
        code = INTERRUPTED
    raise typer.Exit(code)


def _detect(
    inputs: list[str],
    method: str | None,
    sequence: bool,
    jsonl: str | None,
    annotate: Path | None,
    config: Path | None,
    assignments: list[str],
) -> int:
    """The exit code."""
    from lkas.config import ConfigError, load
    from lkas.detection.parameters import METHODS, DetectionParameters
    from lkas.vehicle import CameraConfig

    if method is not None and method not in METHODS:
        _refuse(f"--method {method}: no such detection method; known are {', '.join(METHODS)}")
    chosen = [] if method is None else [f"detection.method={method}"]
    try:
        sections = {"camera": CameraConfig, "detection": DetectionParameters}
        configuration = load(sections, file=config, assignments=[*assignments, *chosen])
    except ConfigError as error:
        _refuse(str(error))
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)

    import cv2
    from rich.console import Console

    from lkas.detection import create_detector
    from lkas.detection.media import MediaError, open_inputs
    from lkas.detection.offline import STANDARD_OUTPUT, Drawings, JsonLines, OfflineRun, OutputError, protect_inputs

    cv2.setNumThreads(1)
    camera, parameters = configuration["camera"], configuration["detection"]
    try:
        clips = open_inputs(inputs, sequence, camera.rate_hz)
        protect_inputs(clips, jsonl, annotate)
        drawings = None if annotate is None else Drawings(annotate)
        lines = None if jsonl is None else JsonLines(jsonl)
    except (MediaError, OutputError) as error:
        _refuse(str(error))
    job = OfflineRun(create_detector(parameters.method, parameters, camera), lines, drawings)
    try:
        code = _run(job, clips)
    finally:
        if lines is not None:
            lines.close()
    Console(stderr=jsonl == STANDARD_OUTPUT).print(_summary(job.tally, parameters.method))
    return code


def _run(job: "OfflineRun", clips: "list[Clip]") -> int:
    """All frames, with a progress bar on a terminal; the exit code. What was written stays, whatever ends it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lkas.detection.offline import OutputError

    lengths = [clip.length for clip in clips]
    total = None if None in lengths else sum(length or 0 for length in lengths)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("frames", total=total)
        try:
            for reason in job.frames(clips):
                if reason is not None:
                    console.print(reason, markup=False)
                progress.advance(task)
        except OutputError as error:
            console.print(str(error), markup=False)
            return FAILED
        except KeyboardInterrupt:
            console.print(f"interrupted; {job.tally.frames} frames are done")
            return INTERRUPTED
    if job.tally.failed:
        return FAILED if job.tally.frames else USAGE
    return 0


def _summary(tally: "Tally", method: str) -> "Table":
    from rich.table import Table

    table = Table("method", "frames", "both lines", "one line", "none", "p50 ms", "p99 ms", "failed")
    run_time_ms = tally.run_time_ms()
    times = ("-", "-") if run_time_ms is None else (f"{run_time_ms.p50:.1f}", f"{run_time_ms.p99:.1f}")
    shares = [f"{tally.share(lines):.1%}" if tally.frames else "-" for lines in (2, 1, 0)]
    table.add_row(method, str(tally.frames), *shares, *times, str(tally.failed))
    return table


def _refuse(text: str) -> NoReturn:
    """One sentence for something the user can put right."""
    typer.echo(text, err=True)
    raise typer.Exit(USAGE)
