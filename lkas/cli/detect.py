"""`lkas detect`: find lanes in images, videos and live cameras, and score them, without any other process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lkas.cli.settings import METHOD_HELP, MODEL_HELP, check_model_is_read
from lkas.plugins.guard import PluginError
from lkas.plugins.names import PATTERN, is_plugin_name, short_names
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from lkas.runtime.threads import use_one_thread

if TYPE_CHECKING:
    from lkas.config import Configuration
    from lkas.detection.offline.detect import Contender, OfflineRun
    from lkas.detection.offline.media import Clip
    from lkas.detection.scoring.sheet import ScoreSheet

# Set before OpenCV is imported: this program reports broken files itself, not FFmpeg.
ENVIRONMENT = {
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}


def detect(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Images, folders of images, videos, glob patterns, camera numbers."),
    ],
    method: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"{METHOD_HELP}  [default: detection.method, hybrid]"),
    ] = None,
    model: Annotated[Path | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Several methods on the same frames, such as cv,hybrid,hough.")
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence", help="Treat a folder (or the images named) as one video at camera.rate_hz.", metavar=""
        ),
    ] = False,
    jsonl: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one JSON line per frame; - is standard output."),
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write each frame with its lanes drawn, as JPEG, to this folder.")
    ] = None,
    score: Annotated[
        Path | None, typer.Option(metavar="LABELS", help="Score against these labels (TuSimple's JSON lines).")
    ] = None,
    score_by: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help="Also score in groups: keys of the manifest.json beside the labels."),
    ] = None,
    ego: Annotated[
        bool, typer.Option("--ego", help="Score only the two lanes nearest to the image's middle.", metavar="")
    ] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration file (YAML).")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Set one configuration key.")
    ] = None,
) -> None:
    """Find lanes in images, videos and live cameras, without any other process.

    Each image is independent; in a video the detector estimates the camera's pose over time.

    \b
    Examples:
    lkas detect road.jpg --annotate out           draw what was found
    lkas detect frames --jsonl lanes.jsonl        each image independently
    lkas detect frames --sequence --annotate out  the folder as one video
    lkas detect 'drives/*.mp4' --method hough     detection rate and speed
    lkas detect drive.mp4 --jsonl - | head        JSON on standard output
    lkas detect 0 --annotate out                  camera 0, or the address of a stream, until Ctrl-C
    lkas detect frames --compare cv,hough --annotate out    side by side
    lkas detect frames --score labels.json --ego    against labels
    lkas detect frames --compare cv,hybrid --score labels.json
    lkas detect frames --method onnx --model lanes.onnx
    lkas detect frames --compare cv,my_lanes.py:Detector    with a custom detector
    """
    names: list[str | None] = [name.strip() for name in compare.split(",")] if compare else [method]
    if compare and method:
        _refuse("--compare already names the methods; remove --method")
    if (score_by or ego) and score is None:
        _refuse("--score-by and --ego need labels; name them with --score")
    outputs = _Outputs(jsonl, annotate, score, [key.strip() for key in score_by.split(",")] if score_by else [], ego)
    try:
        code = _detect(inputs, names, model, sequence, outputs, config, assignments or [])
    except KeyboardInterrupt:  # before the first frame
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


class _Outputs:
    """The outputs that the user asked for."""

    def __init__(
        self, jsonl: str | None, annotate: Path | None, labels: Path | None, score_by: list[str], ego: bool
    ) -> None:
        self.jsonl = jsonl
        self.annotate = annotate
        self.labels = labels
        self.score_by = score_by
        self.ego = ego


def _detect(
    inputs: list[str],
    names: list[str | None],
    model: Path | None,
    sequence: bool,
    outputs: _Outputs,
    config: Path | None,
    assignments: list[str],
) -> int:
    """Detect, print the tables, return the exit code."""
    configurations = [_configuration(name, model, config, assignments) for name in names]
    names_given = [configuration["detection"].method for configuration in configurations]
    methods = short_names(names_given)
    if len(set(names_given)) < len(names_given):
        _refuse(f"--compare {','.join(methods)}: name each method once")
    check_model_is_read(None if model is None else str(model), names_given)
    use_one_thread()
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)

    import cv2

    from lkas.cli.detect_tables import difference_lines, score_table, tally_table
    from lkas.cli.tables import wide_console
    from lkas.detection.offline.detect import (
        STANDARD_OUTPUT,
        Drawings,
        JsonLines,
        OfflineRun,
        OutputError,
        protect_inputs,
    )
    from lkas.detection.offline.media import MediaError, open_inputs
    from lkas.detection.scoring.labels import LabelError, Labels
    from lkas.detection.scoring.sheet import ScoreSheet

    cv2.setNumThreads(1)
    contenders = list(map(_contender, methods, configurations))
    try:
        clips = open_inputs(inputs, sequence, configurations[0]["camera"].rate_hz)
        labels = None if outputs.labels is None else Labels(outputs.labels, outputs.score_by)
        protect_inputs(clips, outputs.jsonl, outputs.annotate)
        drawings = None if outputs.annotate is None else Drawings(outputs.annotate)
        lines = None if outputs.jsonl is None else JsonLines(outputs.jsonl)
    except (MediaError, OutputError, LabelError) as error:
        _refuse(str(error))
    sheet = None if labels is None else ScoreSheet(labels, ego_only=outputs.ego)
    job = OfflineRun(contenders, lines, drawings, sheet)
    try:
        code = _run(job, clips)
    finally:
        if lines is not None:
            lines.close()
    console = wide_console(stderr=outputs.jsonl == STANDARD_OUTPUT)
    console.print(tally_table(contenders, job.failed))
    if sheet is None:
        return code
    if not sheet.frames:
        return _report_no_score(sheet) if code != EXIT_INTERRUPTED else code
    console.print(score_table(sheet, methods))
    for line in difference_lines(sheet, methods):
        console.print(line, soft_wrap=True)
    if sheet.unlabelled or sheet.frames < len(sheet.labels):
        console.print(
            f"frames without a label: {len(sheet.unlabelled)}; labels without a frame: "
            f"{len(sheet.labels) - sheet.frames} of {len(sheet.labels)}"
        )
    return code


def _configuration(
    name: str | None, model: Path | None, config: Path | None, assignments: list[str]
) -> "Configuration":
    from lkas.config import ConfigError, load
    from lkas.detection.parameters import METHODS, DetectionParameters
    from lkas.vehicle import CameraConfig

    if name is not None and name not in METHODS and not is_plugin_name(name):
        _refuse(f"--method {name}: no such detection method; known are {', '.join(METHODS)}, or {PATTERN}")
    flags = {
        "--method": ("detection.method", name),
        "--model": ("detection.model", None if model is None else str(model)),
    }
    try:
        sections = {"camera": CameraConfig, "detection": DetectionParameters}
        return load(sections, file=config, assignments=assignments, flags=flags)
    except ConfigError as error:
        _refuse(str(error))


def _contender(name: str, configuration: "Configuration") -> "Contender":
    from lkas.detection import create_detector
    from lkas.detection.methods.plugin import try_detector
    from lkas.detection.net.runtime import ModelError
    from lkas.detection.offline.detect import Contender

    parameters, camera = configuration["detection"], configuration["camera"]
    try:
        detector = create_detector(parameters.method, parameters, camera)
        try_detector(detector, camera)
    except (ModelError, PluginError) as error:
        _refuse(str(error))
    return Contender(name, detector)


def _run(job: "OfflineRun", clips: "list[Clip]") -> int:
    """Run all frames, with a progress bar on a terminal; returns the exit code. Outputs are kept after an interrupt."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from lkas.detection.offline.detect import OutputError

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
            return EXIT_FAILED
        except KeyboardInterrupt:
            console.print(f"interrupted after {job.done} frames")
            return EXIT_INTERRUPTED
    for contender in job.contenders:
        for text, times in contender.detector.failures.items():
            frames = "1 frame" if times == 1 else f"{times} frames"
            console.print(f"{text}; {frames} of {contender.name} without lanes because of it", markup=False)
    if job.failed or any(contender.failed for contender in job.contenders):
        return EXIT_FAILED if job.done else EXIT_USAGE
    return 0


def _report_no_score(sheet: "ScoreSheet") -> int:
    """Print why no frame could be scored; returns the exit code."""
    seen = f"{sheet.unlabelled[0]} has no label" if sheet.unlabelled else "no frame could be read"
    typer.echo(
        f"{sheet.labels.path}: none of the frames is labelled ({seen}; its first label is for "
        f"{sheet.labels.first_name}); run from the folder that these names start in",
        err=True,
    )
    return EXIT_FAILED


def _refuse(text: str) -> NoReturn:
    """Exit with one sentence about wrong usage."""
    typer.echo(f"lkas: {text}", err=True)
    raise typer.Exit(EXIT_USAGE)
