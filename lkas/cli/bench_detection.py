"""`lkas bench detection`: time per frame and stage of each detection method on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lkas.cli.settings import MODEL_HELP, ConfigOption, JsonOption, SetOption, check_model_is_read, fail, load_settings
from lkas.plugins.guard import PluginError
from lkas.plugins.names import PATTERN, short_names
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.threads import use_one_thread


def bench_detection(
    video: Annotated[
        str | None,
        typer.Argument(metavar="[VIDEO]", help="Video or folder of images.  [default: frames of the embedded world]"),
    ] = None,
    methods: Annotated[
        str, typer.Option("--method", metavar="NAMES", help=f"Methods, separated by commas; {PATTERN} is a plugin.")
    ] = "cv,hybrid,hough",
    model: Annotated[str | None, typer.Option(metavar="FILE", help=MODEL_HELP)] = None,
    frames: Annotated[int, typer.Option(min=10, max=2000, help="Frames to measure each method on.")] = 150,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """CPU and wall milliseconds per frame and stage, p50 and p99, of each method on the same frames, in one thread.

    The frames are loaded into memory first. All methods process a frame before the next one, so that other load on the
    machine affects all of them.

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

    from lkas.bench.detection import SimulationFailure, frames_from_disk, measure, rendered_frames, statistics
    from lkas.cli.machine import machine
    from lkas.detection import create_detector
    from lkas.detection.methods.plugin import try_detector
    from lkas.detection.net.runtime import ModelError
    from lkas.detection.offline.media import MediaError
    from lkas.detection.stages import StageTimer

    cv2.setNumThreads(1)
    timers = [StageTimer() for _ in names]
    detectors = []
    try:
        for one, timer in zip(settings, timers, strict=True):
            detectors.append(create_detector(one["detection"].method, one["detection"], one["camera"], timer))
            try_detector(detectors[-1], one["camera"])
        if video is None:
            taken = list(rendered_frames(config, assignments or [], frames))
        else:
            taken = frames_from_disk(video, settings[0]["camera"].rate_hz, frames)
    except (ModelError, PluginError, MediaError) as error:
        fail(str(error), EXIT_USAGE)
    except SimulationFailure as error:
        fail(str(error), EXIT_FAILED)
    measure(detectors, timers, taken)
    report = {
        "machine": machine(),
        "frames": len(taken),
        "size": [taken[0][0].shape[1], taken[0][0].shape[0]],
        "source": video or "embedded world",
        "methods": {name: statistics(timer) for name, timer in zip(short_names(names), timers, strict=True)},
    }
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report).decode())
    else:
        _print_table(report)


def _print_table(report: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from lkas.cli.tables import wide_console
    from lkas.detection.stages import WHOLE, Stage

    console = wide_console()
    table = Table("method", "stage", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("CPU p50 ms", "p99", "wall p50 ms", "p99"):
        table.add_column(column, justify="right")
    for method, times in report["methods"].items():
        order = [WHOLE, *(stage for stage in [*Stage, *times] if stage in times and stage != WHOLE)]
        for stage in dict.fromkeys(order):
            values = [f"{value:.2f}" for value in times[stage].values()]
            table.add_row(method if stage == WHOLE else "", stage, *values, style="bold" if stage == WHOLE else None)
        table.add_section()
    console.print(table)
    width_px, height_px = report["size"]
    of = report["machine"]
    console.print(
        f"{report['frames']} frames of {Path(report['source']).name}, {width_px}x{height_px}; {of['processor']}, "
        f"{of['cpus']} CPUs, load {of['load']:.1f}, Python {of['python']}. One thread. On a busy machine, trust CPU "
        "times and compare rows of one run. Timing costs about 2 us per call."
    )
