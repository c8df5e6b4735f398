"""`lkas bench detection`: what each stage of a detection method costs, per frame, on this machine."""

import os
import subprocess
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lkas.cli.settings import MODEL_HELP, ConfigOption, JsonOption, SetOption, check_model_is_read, fail, load_settings
from lkas.config import Configuration
from lkas.plugins.load import PATTERN, OwnCodeError, short_names
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.processes import python_command
from lkas.runtime.threads import use_one_thread

if TYPE_CHECKING:
    import numpy as np

    from lkas.detection.stage_times import StageTimes
    from lkas.detection.types import LaneDetector
    from lkas.integration.shared_memory.messages import VehicleState

    TimedFrame = tuple[np.ndarray, float | None, VehicleState | None]

SPEED_MPS = 20
START_LIMIT_S, FRAME_LIMIT_S = 60.0, 20.0
WARM_UP_FRAMES = 5  # the first ones build views and buffers that the others find made


def bench_detection(
    film: Annotated[
        str | None,
        typer.Argument(metavar="[FILM]", help="Film or folder of pictures.  [default: frames of the embedded world]"),
    ] = None,
    methods: Annotated[
        str, typer.Option("--method", metavar="NAMES", help=f"Methods, with commas; {PATTERN} is one of your own.")
    ] = "cv,hybrid,hough",
    model: Annotated[str | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    frames: Annotated[int, typer.Option(min=10, max=2000, help="Frames to measure each method on.")] = 150,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """CPU and wall milliseconds per frame and stage, p50 and p99, of each method on the same frames, in one thread.

    The frames are kept in memory before the clock starts. All methods see a frame before the next one comes, so that
    what else the machine does meets all of them.

    Examples: lkas bench detection; lkas bench detection drive.mp4 --method cv,my_lanes.py:Detector --json
    """
    names = [name.strip() for name in methods.split(",")]
    settings = []
    for name in names:
        flags = {"--method": ("detection.method", name), "--model": ("detection.model", model)}
        settings.append(load_settings(config, assignments, flags))
    check_model_is_read(model, names)
    use_one_thread()
    import cv2

    from lkas.cli.machine import machine
    from lkas.detection import create_detector
    from lkas.detection.methods.plugin import try_detector
    from lkas.detection.net.runtime import ModelError

    cv2.setNumThreads(1)
    try:
        detectors = [create_detector(one["detection"].method, one["detection"], one["camera"]) for one in settings]
        for one, detector in zip(settings, detectors, strict=True):
            try_detector(detector, one["camera"])
    except (ModelError, OwnCodeError) as error:
        fail(str(error), EXIT_USAGE)
    source = _rendered(config, assignments, frames) if film is None else _from_disk(film, settings[0], frames)
    taken = list(source)
    times = _measured(names, detectors, taken)
    report = {
        "machine": machine(),
        "frames": len(taken),
        "size": [taken[0][0].shape[1], taken[0][0].shape[0]],
        "source": film or "embedded world",
        "methods": {name: _figures(stage_times) for name, stage_times in zip(short_names(names), times, strict=True)},
    }
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report).decode())
    else:
        _print(report)


def _measured(methods: list[str], detectors: "list[LaneDetector]", taken: "list[TimedFrame]") -> "list[StageTimes]":
    """Every frame through every method in turn."""
    from lkas.detection.stage_times import StageTimes, watched

    times = [StageTimes() for _ in methods]
    for frames in (taken[:WARM_UP_FRAMES], taken):
        times = [StageTimes() for _ in methods]
        for detector in detectors:
            detector.reset()
        for frame in frames:
            for method, detector, stage_times in zip(methods, detectors, times, strict=True):
                with watched(method, stage_times):
                    stage_times.measure(detector.detect, *frame)
    return times


def _from_disk(film: str, settings: Configuration, frames: int) -> "Iterator[TimedFrame]":
    from lkas.detection.offline.media import Frame, MediaError, open_inputs

    try:
        clips = open_inputs([film], sequence=True, rate_hz=settings["camera"].rate_hz)
        items = (item for clip in clips for item in clip.frames() if isinstance(item, Frame))
        taken = [(item.image, item.timestamp, None) for item in islice(items, frames)]
    except MediaError as error:
        fail(str(error), EXIT_USAGE)
    if not taken:
        fail(f"{film}: no frame could be read", EXIT_USAGE)
    yield from taken


def _rendered(config: str | None, assignments: list[str] | None, frames: int) -> "Iterator[TimedFrame]":
    """The first frames of a drive in the embedded world, with the vehicle's state: a simulation of this run's own."""
    from lkas.integration.shared_memory import ImageChannel, VehicleChannel

    instance = f"bench-{os.getpid()}"
    options = ["--backend", "embedded", "--instance", instance, "--speed", str(SPEED_MPS), "--seed", "1"]
    options += [] if config is None else ["--config", config]
    options += [word for text in assignments or [] for word in ("--set", text)]
    images, vehicles = ImageChannel(instance=instance), VehicleChannel(instance=instance)
    world = subprocess.Popen(
        python_command("simulation.cli", *options), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        limit_s = START_LIMIT_S
        for _ in range(frames):
            begin = time.monotonic()
            while (message := images.read(timeout=0.2)) is None:
                if world.poll() is not None:
                    reason = world.stderr.read().strip() if world.stderr else ""
                    fail(f"the simulation ended with code {world.returncode}: {reason}", EXIT_FAILED)
                if time.monotonic() - begin > limit_s:
                    fail(f"the simulation gave no frame for {limit_s:g} s", EXIT_FAILED)
            limit_s = FRAME_LIMIT_S
            yield message.image, message.timestamp, vehicles.latest()
    finally:
        world.terminate()
        world.communicate()
        images.close()
        vehicles.close()


def _figures(times: "StageTimes") -> dict[str, dict[str, float]]:
    """Stage -> p50 and p99 of CPU and wall time over the frames; a stage that a frame went without took no time."""
    import numpy as np

    from lkas.detection.stage_times import Spent

    stages = dict.fromkeys(stage for frame in times.frames for stage in frame)
    figures = {}
    for stage in stages:
        spent = [frame.get(stage, Spent()) for frame in times.frames]
        figures[stage] = {
            f"{kind}_p{percent}": round(float(np.percentile([getattr(one, kind) for one in spent], percent)), 3)
            for kind in ("cpu_ms", "wall_ms")
            for percent in (50, 99)
        }
    return figures


def _print(report: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from lkas.cli.tables import wide_console
    from lkas.detection.stage_times import STAGES, WHOLE

    console = wide_console()
    table = Table("method", "stage", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("CPU p50 ms", "p99", "wall p50 ms", "p99"):
        table.add_column(column, justify="right")
    for method, figures in report["methods"].items():
        order = [WHOLE, *(stage for stage in [*STAGES, *figures] if stage in figures and stage != WHOLE)]
        for stage in dict.fromkeys(order):
            values = [f"{value:.2f}" for value in figures[stage].values()]
            table.add_row(method if stage == WHOLE else "", stage, *values, style="bold" if stage == WHOLE else None)
        table.add_section()
    console.print(table)
    width_px, height_px = report["size"]
    of = report["machine"]
    console.print(
        f"{report['frames']} frames of {Path(report['source']).name}, {width_px}x{height_px}; {of['processor']}, "
        f"{of['cpus']} CPUs, load {of['load']:.1f}, Python {of['python']}. One thread; on a machine that does other "
        "things too, trust CPU times and compare rows of one run. Timing itself costs about 2 us a call."
    )
