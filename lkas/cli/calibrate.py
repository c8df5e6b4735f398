"""`lkas calibrate`: measure a camera with chessboard images and write the camera section of a configuration file."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lkas.atomic_file import write_atomically
from lkas.cli.settings import fail
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE

if TYPE_CHECKING:
    from lkas.detection.calibration.chessboard import Board, CameraFit
    from lkas.detection.offline.media import MediaFrame

LARGE_RMS_PX = 1.0
SMALL_COVER_RATIO = 0.4


def calibrate(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="IMAGES...", help="Images of one flat chessboard, folders of images, glob patterns."),
    ],
    pattern: Annotated[
        str, typer.Option(metavar="COLUMNSxROWS", help="Inner corners of the board, where four squares meet.")
    ] = "9x6",
    out: Annotated[Path, typer.Option(metavar="FILE", help="Configuration file to write.")] = Path("camera.yaml"),
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each image undistorted, with its corners marked, to DIR."),
    ] = None,
) -> None:
    """Measure a camera's field of view, optical centre and distortion from images of a chessboard.

    The written file is for --config: detection then removes the distortion (at no cost per frame).
    It does not contain height and angles of the camera on the car; add them, or let the angles be estimated.

    \b
    Examples:
    lkas calibrate board/*.jpg
    lkas calibrate board --pattern 7x5 --out dashcam.yaml
    lkas detect drive.mp4 --config dashcam.yaml --annotate out
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    columns, _, rows = pattern.partition("x")
    if not (columns.isdecimal() and rows.isdecimal() and min(int(columns), int(rows)) >= 3):
        fail(f"--pattern {pattern}: expected inner corners as columns x rows, at least 3 each, such as 9x6", EXIT_USAGE)
    size = int(columns), int(rows)
    import cv2

    from lkas.detection.calibration.chessboard import CalibrationError, fit_camera, same_size
    from lkas.detection.calibration.views import check_views

    cv2.setNumThreads(1)
    frames = _frames(inputs)
    boards = _boards(frames, size)
    used, others = same_size(boards)
    for board in others:
        typer.echo(f"{board.name}: ignored, its size differs from that of the others", err=True)
    coverage = out.with_name(f"{out.stem}-coverage.png")
    try:
        fit = fit_camera(used, size)
        with _named_errors(coverage):
            _draw_coverage(coverage, used)
        check_views(used, fit)
    except CalibrationError as error:
        fail(str(error), EXIT_FAILED)
    _print(fit, used, out, coverage)
    with _named_errors(out):
        _write(out, fit)
        if annotate is not None:
            _draw(annotate, frames, used, fit)


@contextlib.contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Exit with one sentence when a file cannot be written."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)  # else a path that cannot be written at any time
        code = EXIT_FAILED if is_full else EXIT_USAGE
        fail(f"{error.filename or path}: cannot be written: {error.strerror}", code)


def _frames(inputs: list[str]) -> "list[MediaFrame]":
    from lkas.detection.offline.media import MediaError, Unreadable, open_inputs

    frames = []
    try:
        clips = open_inputs(inputs, sequence=False, rate_hz=1.0)
    except MediaError as error:
        fail(str(error), EXIT_USAGE)
    for clip in clips:
        for item in clip.frames():
            if isinstance(item, Unreadable):
                typer.echo(item.reason, err=True)
            else:
                frames.append(item)
    return frames


def _boards(frames: "list[MediaFrame]", pattern: tuple[int, int]) -> "list[Board]":
    from rich.console import Console
    from rich.progress import track

    from lkas.detection.calibration.chessboard import Board, find_corners

    boards = []
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for frame in track(frames, "corners", console=console, transient=True, disable=not console.is_terminal):
        corners = find_corners(frame.image, pattern)
        if corners is None:
            console.print(
                f"{frame.name}: ignored, no chessboard with all of its {pattern[0]}x{pattern[1]} inner corners",
                markup=False,
            )
            continue
        boards.append(Board(frame.name, (frame.image.shape[1], frame.image.shape[0]), corners))
    return boards


def _write(out: Path, fit: "CameraFit") -> None:
    lines = [
        f"# Camera measured with `lkas calibrate` on {len(fit.rms_by_name)} images of a chessboard, rms error",
        f"# {fit.rms_px:.2f} px. Use: --config {out.name}. Height and angles on the car are not included.",
        "camera:",
        *(f"  {name}: {value}" for name, value in fit.settings().items()),
    ]
    write_atomically(out, "\n".join(lines) + "\n")


def _draw_coverage(path: Path, boards: "list[Board]") -> None:
    import cv2

    from lkas.detection.calibration.views import coverage_picture

    picture = cv2.cvtColor(coverage_picture(boards), cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def _draw(folder: Path, frames: "list[MediaFrame]", boards: "list[Board]", fit: "CameraFit") -> None:
    """Write the undistorted images: with a good fit, straight edges are straight in them."""
    import cv2
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    by_name = {board.name: board for board in boards}
    matrix = np.array([[fit.focal_px, 0, fit.cx_px], [0, fit.focal_px, fit.cy_px], [0, 0, 1]])
    lens = np.array([fit.k1, fit.k2, fit.p1, fit.p2])
    for frame in frames:
        if frame.name not in by_name:
            continue
        drawn = cv2.undistort(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR), matrix, lens)
        corners = cv2.undistortPoints(by_name[frame.name].corners[:, None], matrix, lens, P=matrix)
        for u, v in corners.reshape(-1, 2):
            cv2.circle(drawn, (round(float(u)), round(float(v))), 5, (60, 60, 255), 2, cv2.LINE_AA)
        path = folder / f"{frame.stem}.jpg"
        if not cv2.imwrite(str(path), drawn):
            raise OSError(0, "the image could not be saved", str(path))


def _print(fit: "CameraFit", boards: "list[Board]", out: Path, coverage: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from lkas.detection.calibration.views import GRID, covered_cells

    console = Console(highlight=False)
    table = Table("image", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("corner error, rms px", justify="right")
    for name, rms_px in fit.rms_by_name.items():
        table.add_row(name, f"{rms_px:.2f}")
    console.print(table)
    width_px, height_px = fit.size_px
    covered_ratio = len(covered_cells(boards)) / GRID**2
    console.print(
        f"{width_px}x{height_px}: horizontal field of view {fit.hfov_deg:.2f} degrees (focal length "
        f"{fit.focal_px:.1f} +- {fit.focal_sigma_px:.1f} px), optical centre {fit.cx_px:.1f}, {fit.cy_px:.1f} px, "
        f"k1 {fit.k1:+.4f}, k2 {fit.k2:+.4f}, p1 {fit.p1:+.5f}, p2 {fit.p2:+.5f}",
        soft_wrap=True,
    )
    console.print(
        f"corner error {fit.rms_px:.2f} px rms, corners in {covered_ratio:.0%} of the image ({coverage}). "
        f"Written: {out}",
        soft_wrap=True,
        markup=False,
    )
    if fit.rms_px > LARGE_RMS_PX:
        console.print("This is a large error: is the board flat, --pattern right, every image sharp?")
    if covered_ratio < SMALL_COVER_RATIO:
        console.print("The edges of the image are hardly covered: hold the board there as well.")
