"""The measurement of `lkas bench detection`: time per stage of each detection method, on the same frames."""

import os
import subprocess
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np

from lkas.detection.offline.media import MediaError, MediaFrame, open_inputs
from lkas.detection.stages import StageTime, StageTimer
from lkas.detection.types import LaneDetector
from lkas.integration.shared_memory import ImageChannel, VehicleChannel
from lkas.integration.shared_memory.messages import VehicleState
from lkas.runtime.processes import python_command

SPEED_MPS = 20
START_TIMEOUT_S, FRAME_TIMEOUT_S = 60.0, 20.0
WARM_UP_FRAMES = 5  # the first frames create views and buffers that later ones reuse

TimedFrame = tuple[np.ndarray, float | None, VehicleState | None]  # the arguments of LaneDetector.detect
Statistics = dict[str, float]


class SimulationFailure(Exception):
    """The simulation ended or rendered no frame in time; the text gives the reason."""


def measure(detectors: list[LaneDetector], timers: list[StageTimer], frames: list[TimedFrame]) -> None:
    """Run each frame through every detector in turn, so that other load on the machine affects all of them.

    `timers`: the hooks that the detectors were made with; afterwards they hold one entry per frame."""
    for measured in (frames[:WARM_UP_FRAMES], frames):
        for detector, timer in zip(detectors, timers, strict=True):
            detector.reset()
            timer.frames.clear()
        for frame in measured:
            for detector, timer in zip(detectors, timers, strict=True):
                timer.time_frame(detector.detect, *frame)


def frames_from_disk(path: str, rate_hz: float, count: int) -> list[TimedFrame]:
    """The first frames of a video or a folder of images. Raises MediaError."""
    clips = open_inputs([path], sequence=True, rate_hz=rate_hz)
    items = (item for clip in clips for item in clip.frames() if isinstance(item, MediaFrame))
    frames: list[TimedFrame] = [(item.image, item.timestamp, None) for item in islice(items, count)]
    if not frames:
        raise MediaError(f"{path}: no frame could be read")
    return frames


def rendered_frames(config: str | None, assignments: list[str], count: int) -> Iterator[TimedFrame]:
    """The first frames of a drive in the embedded world, with the vehicle's state, from a simulation started here.

    Raises SimulationFailure.
    """
    instance = f"bench-{os.getpid()}"
    options = ["--backend", "embedded", "--instance", instance, "--speed", str(SPEED_MPS), "--seed", "1"]
    options += [] if config is None else ["--config", config]
    options += [word for text in assignments for word in ("--set", text)]
    images, vehicles = ImageChannel(instance=instance), VehicleChannel(instance=instance)
    world = subprocess.Popen(
        python_command("simulation.cli", *options), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        timeout_s = START_TIMEOUT_S
        for _ in range(count):
            start_s = time.monotonic()
            while (message := images.read(timeout=0.2)) is None:
                if world.poll() is not None:
                    reason = world.stderr.read().strip() if world.stderr else ""
                    raise SimulationFailure(f"the simulation ended with code {world.returncode}: {reason}")
                if time.monotonic() - start_s > timeout_s:
                    raise SimulationFailure(f"the simulation rendered no frame for {timeout_s:g} s")
            timeout_s = FRAME_TIMEOUT_S
            yield message.image, message.timestamp, vehicles.latest()
    finally:
        world.terminate()
        world.communicate()
        images.close()
        vehicles.close()


def statistics(timer: StageTimer) -> dict[str, Statistics]:
    """Stage -> p50 and p99 of CPU and wall time over the frames; a stage that did not run in a frame took no time."""
    stages = dict.fromkeys(stage for frame in timer.frames for stage in frame)
    result = {}
    for stage in stages:
        times = [frame.get(stage, StageTime()) for frame in timer.frames]
        result[stage] = {
            f"{kind}_p{percent}": round(float(np.percentile([getattr(one, kind) for one in times], percent)), 3)
            for kind in ("cpu_ms", "wall_ms")
            for percent in (50, 99)
        }
    return result
