"""Measures the latency of the running pipeline from the stamps in its channels."""

import time
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, wait_any
from lkas.integration.zmq.pipeline_latency import STAGES, PipelineLatency

WAIT_S = 0.1


def measure(duration_s: float, attach_limit_s: float, *, show_progress: bool) -> tuple[PipelineLatency, float]:
    """Read the channels for `duration_s` from the first frame, and return the latencies and the time it took in s.

    Without any frame within `attach_limit_s` it ends early.
    """
    latency = PipelineLatency()
    images, detections, controls = ImageChannel(), DetectionChannel(), ControlChannel()
    start_s = time.monotonic()
    try:
        with Progress(console=Console(stderr=True), transient=True, disable=not show_progress) as progress:
            task = progress.add_task("measuring", total=duration_s)
            while (elapsed_s := time.monotonic() - start_s) < (duration_s if latency.frames else attach_limit_s):
                wait_any([images, detections, controls], WAIT_S)
                with images.view() as image:
                    if image is not None:
                        if not latency.frames:
                            start_s, elapsed_s = time.monotonic(), 0.0
                        latency.add_image(image)
                detection = detections.read()
                if detection is not None:
                    latency.add_detection(detection)
                control = controls.read()
                if control is not None:
                    latency.add_control(control)
                progress.update(task, completed=elapsed_s)
    finally:
        for channel in (images, detections, controls):
            channel.close()
    return latency, time.monotonic() - start_s


def report(latency: PipelineLatency, took_s: float) -> dict[str, Any]:
    """Return the counts and latencies for `--json`."""
    return {
        "duration_s": took_s,
        "frames": latency.frames,
        "detections": latency.detections,
        "controls": latency.controls,
        "missed_frames": latency.missed_frames,
        "latency_ms": latency.percentiles(),
    }


def table(latency: PipelineLatency) -> Table:
    """Return a table of all stages."""
    stages = Table("stage", box=None, pad_edge=False)
    stages.add_column("p50 ms", justify="right")
    stages.add_column("p99 ms", justify="right")
    stages.add_column("includes", style="dim")
    percentiles = latency.percentiles()
    for stage, meaning in STAGES.items():
        known = percentiles.get(stage)
        values = ("-", "-") if known is None else (f"{known.p50:.2f}", f"{known.p99:.2f}")
        stages.add_row(stage, *values, meaning)
    return stages


def summary(latency: PipelineLatency, took_s: float) -> str:
    """Return the message rates as a sentence."""
    return (
        f"{took_s:.0f} s: {latency.frames / took_s:.1f} frames, {latency.detections / took_s:.1f} detections and "
        f"{latency.controls / took_s:.1f} commands a second, {latency.missed_frames} frames skipped"
    )
