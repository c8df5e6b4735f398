"""Stage times of a detector: hooks around its stages, and a timer that adds up the time spent in them.

A detector calls `with stages(Stage.FIT):` around each stage. `untimed`, the default, does nothing; a StageTimer
measures.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol

from msgspec import Struct


class Stage(StrEnum):
    """Every stage of every method, in the order of reports."""

    CALIBRATE = "calibrate"
    SAMPLE = "sample the road"
    RIDGES = "ridges"
    NETWORK = "network"
    LANE_NETWORK = "lane network"
    PEAKS = "tops"
    SEARCH = "search"
    CHOOSE = "choose"
    FIT = "fit"
    CONFIDENCE = "confidence"
    NEIGHBOURS = "neighbours"
    SEGMENTS = "segments"
    LINES = "lines"


WHOLE, REST = "whole", "the rest"  # the whole frame, and its time outside of all stages


class Stages(Protocol):
    """The hook: a context manager for one pass through a stage. Stages do not nest."""

    def __call__(self, stage: Stage, /) -> AbstractContextManager[None]: ...


_NO_TIMER = nullcontext()


def untimed(stage: Stage, /) -> AbstractContextManager[None]:
    """The hook of a detector whose stages are not timed."""
    return _NO_TIMER


class StageTime(Struct):
    """Milliseconds of one stage in one frame."""

    cpu_ms: float = 0.0
    wall_ms: float = 0.0


class StageTimer:
    """A hook that adds up the times of the stages, frame by frame."""

    def __init__(self) -> None:
        self.frames: list[dict[str, StageTime]] = []

    def __call__(self, stage: str, /) -> AbstractContextManager[None]:
        """Time the block and add it to this stage of the newest frame; ignore it before the first frame."""
        if not self.frames:
            return _NO_TIMER
        return _Timing(self.frames[-1].setdefault(stage, StageTime()))

    def time_frame(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function for one frame; append the times of its stages, of the rest and of the whole."""
        self.frames.append({})
        with self(WHOLE):
            result = function(*arguments)
        frame = self.frames[-1]
        whole, parts = frame[WHOLE], [spent for stage, spent in frame.items() if stage != WHOLE]
        frame[REST] = StageTime(
            whole.cpu_ms - sum(part.cpu_ms for part in parts), whole.wall_ms - sum(part.wall_ms for part in parts)
        )
        return result


class _Timing:
    """Adds the duration of a block to a StageTime, also when the block raises."""

    __slots__ = ("_cpu_ns", "_spent", "_wall_ns")

    def __init__(self, spent: StageTime) -> None:
        self._spent = spent

    def __enter__(self) -> None:
        self._cpu_ns, self._wall_ns = time.thread_time_ns(), time.perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._spent.cpu_ms += (time.thread_time_ns() - self._cpu_ns) / 1e6
        self._spent.wall_ms += (time.perf_counter_ns() - self._wall_ns) / 1e6
