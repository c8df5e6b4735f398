"""`lkas bench pipeline`: where the time goes in the processes that run now, measured at their channels."""

import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from lkas.cli.settings import InstanceOption, JsonOption, checked_instance, fail
from lkas.runtime.exit_codes import EXIT_UNREACHABLE

if TYPE_CHECKING:
    from lkas.integration.zmq.pipeline_latency import PipelineLatency

ATTACH_LIMIT_S = 3.0
WAIT_S = 0.1


def bench_pipeline(
    duration: Annotated[float, typer.Option(metavar="SECONDS", min=1, max=3600, help="How long to listen.")] = 10.0,
    as_json: JsonOption = False,
    instance: InstanceOption = "default",
) -> None:
    """Latency of each stage of the running pipeline, from the stamps in its channels; disturbs nobody.

    Needs a simulation and lkas at work (for instance `lkas demo`), but no broker.

    Example: lkas bench pipeline --duration 30
    """
    instance = checked_instance(instance)
    latency, took_s = _listened(duration, is_quiet=as_json)
    if not latency.frames:
        fail(
            f"no frame within {ATTACH_LIMIT_S:g} s on instance {instance!r}; start `lkas demo`, or `simulation` and "
            "`lkas`, and look with `lkas doctor`",
            EXIT_UNREACHABLE,
        )
    if as_json:
        typer.echo(msgspec.json.encode(_report(latency, took_s)).decode())
    else:
        _print(latency, took_s)


def _listened(duration_s: float, *, is_quiet: bool) -> "tuple[PipelineLatency, float]":
    """What the channels said for so long, counted from the first frame; given up early when there is none."""
    from rich.console import Console
    from rich.progress import Progress

    from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, wait_any
    from lkas.integration.zmq.pipeline_latency import PipelineLatency

    latency = PipelineLatency()
    images, detections, controls = ImageChannel(), DetectionChannel(), ControlChannel()
    begin_s = time.monotonic()
    try:
        with Progress(console=Console(stderr=True), transient=True, disable=is_quiet) as progress:
            task = progress.add_task("listening", total=duration_s)
            while (past_s := time.monotonic() - begin_s) < (duration_s if latency.frames else ATTACH_LIMIT_S):
                wait_any([images, detections, controls], WAIT_S)
                with images.view() as image:
                    if image is not None:
                        if not latency.frames:
                            begin_s, past_s = time.monotonic(), 0.0
                        latency.add_image(image)
                detection = detections.read()
                if detection is not None:
                    latency.add_detection(detection)
                control = controls.read()
                if control is not None:
                    latency.add_control(control)
                progress.update(task, completed=past_s)
    finally:
        for channel in (images, detections, controls):
            channel.close()
    return latency, time.monotonic() - begin_s


def _report(latency: "PipelineLatency", took_s: float) -> dict:
    return {
        "duration_s": took_s,
        "frames": latency.frames,
        "detections": latency.detections,
        "controls": latency.controls,
        "missed_frames": latency.missed_frames,
        "latency_ms": latency.percentiles(),
    }


def _print(latency: "PipelineLatency", took_s: float) -> None:
    from rich.table import Table

    from lkas.cli.tables import wide_console
    from lkas.integration.zmq.pipeline_latency import STAGES

    table = Table("stage", box=None, pad_edge=False)
    table.add_column("p50 ms", justify="right")
    table.add_column("p99 ms", justify="right")
    table.add_column("what it is", style="dim")
    percentiles = latency.percentiles()
    for stage, meaning in STAGES.items():
        known = percentiles.get(stage)
        figures = ("-", "-") if known is None else (f"{known.p50:.2f}", f"{known.p99:.2f}")
        table.add_row(stage, *figures, meaning)
    console = wide_console()
    console.print(table)
    console.print(
        f"{took_s:.0f} s: {latency.frames / took_s:.1f} frames, {latency.detections / took_s:.1f} detections and "
        f"{latency.controls / took_s:.1f} commands a second, {latency.missed_frames} frames passed over"
    )
