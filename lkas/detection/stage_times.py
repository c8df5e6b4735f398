"""Where a detector's time goes, measured from outside: its stages are wrapped while a measurement runs.

The detectors themselves carry no clocks. A stage is a function of theirs, named in the table below; the time of one
frame is the sum over its calls.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from msgspec import Struct

from lkas.plugins.load import is_own_name

STAGES = {
    "calibrate": ("lkas.detection.methods.cv", "vanishing_points"),
    "sample the road": ("lkas.detection.lane_fit.rectify", "RoadView.sample"),
    "ridges": ("lkas.detection.methods.{method}", "find_ridges"),
    "network": ("lkas.detection.net.patch_net", "PatchNet.probability"),
    "lane network": ("lkas.detection.net.lane_networks", "LaneNetwork.lanes"),
    "tops": ("lkas.detection.methods.{method}", "find_peaks"),
    "search": ("lkas.detection.methods.cv", "find_course"),
    "choose": ("lkas.detection.methods.cv", "choose_lane"),
    "fit": ("lkas.detection.methods.cv", "fit_road"),
    "confidence": ("lkas.detection.methods.cv", "support_of"),
    "neighbours": ("lkas.detection.lane_fit.result", "neighbour_of"),
    "segments": ("lkas.detection.methods.hough", "find_segments"),
    "lines": ("lkas.detection.methods.hough", "fit_line"),
}
WHOLE, REST = "whole", "the rest"


class Spent(Struct):
    """Milliseconds of one stage in one frame."""

    cpu_ms: float = 0.0
    wall_ms: float = 0.0

    def add(self, cpu_ns: int, wall_ns: int) -> None:
        self.cpu_ms += cpu_ns / 1e6
        self.wall_ms += wall_ns / 1e6


class StageTimes:
    """The stages of every frame measured so far."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Spent]] = []

    def measure(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call once for one frame; its stages and the whole go into `frames`."""
        self.frames.append({})
        result = self.timed(WHOLE, function)(*arguments)
        frame = self.frames[-1]
        whole, parts = frame[WHOLE], [spent for stage, spent in frame.items() if stage != WHOLE]
        frame[REST] = Spent(
            whole.cpu_ms - sum(part.cpu_ms for part in parts), whole.wall_ms - sum(part.wall_ms for part in parts)
        )
        return result

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, adding what it takes to the newest frame's `stage`."""

        def timed(*arguments: Any, **options: Any) -> Any:
            cpu_ns, wall_ns = time.thread_time_ns(), time.perf_counter_ns()
            try:
                return function(*arguments, **options)
            finally:
                spent = self.frames[-1].setdefault(stage, Spent())
                spent.add(time.thread_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns)

        return timed


@contextmanager
def watched(method: str, times: StageTimes) -> Iterator[None]:
    """Within the block the stages of `method` report to `times`; afterwards they are as they were. Own code: none."""
    replaced: list[tuple[Any, str, Any]] = []
    stages = {} if is_own_name(method) else STAGES
    try:
        for stage, (module_name, path) in stages.items():
            owner: Any = import_module(module_name.format(method=method))
            *holders, name = path.split(".")
            for holder in holders:
                owner = getattr(owner, holder)
            function = getattr(owner, name, None)
            if function is not None:  # not every method has every stage
                replaced.append((owner, name, function))
                setattr(owner, name, times.timed(stage, function))
        yield
    finally:
        for owner, name, function in reversed(replaced):
            setattr(owner, name, function)
