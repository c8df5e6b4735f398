"""Detection over clips: runs methods on each frame and writes JSON lines, annotated images, counts and scores."""

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import cv2

from lkas.detection.guard import Guard
from lkas.detection.lane_fit.outline import record
from lkas.detection.offline.drawing import annotate, side_by_side
from lkas.detection.offline.media import Clip, MediaFrame, Unreadable
from lkas.detection.scoring.sheet import ScoreSheet
from lkas.detection.types import DetectionResult, LaneDetector, check_image
from lkas.health import LatencyTable, Percentiles

STANDARD_OUTPUT = "-"
JPEG_QUALITY = 90
STAGE = "detection"


class OutputError(Exception):
    """A result that cannot be written; the text names the file and gives the reason."""


class Tally:
    """How often lanes were found, and how fast."""

    def __init__(self) -> None:
        self.by_lines = [0, 0, 0]  # frames with no, one and both lines
        self._latency = LatencyTable(capacity=1_000_000)

    @property
    def frames(self) -> int:
        return sum(self.by_lines)

    def add(self, lines: int, run_time_ms: float) -> None:
        self.by_lines[lines] += 1
        self._latency.add(STAGE, run_time_ms)

    def share(self, lines: int) -> float:
        """Share of the frames with this number of lines."""
        return self.by_lines[lines] / max(1, self.frames)

    def run_time_ms(self) -> Percentiles | None:
        return self._latency.percentiles().get(STAGE)


class JsonLines:
    """A file of JSON lines, flushed after each line; `-` is standard output."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._file: TextIO = sys.stdout
        if target != STANDARD_OUTPUT:
            try:
                self._file = open(target, "w", encoding="utf-8")  # noqa: SIM115 (closed by close)
            except OSError as error:
                raise OutputError(f"{target}: cannot be written: {error.strerror}") from error

    def write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except BrokenPipeError:
            raise  # the reader closed the pipe
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        if self._target != STANDARD_OUTPUT:
            self._file.close()


class Drawings:
    """A folder of annotated frames: images under their own name, frames of videos by number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise OutputError(f"{folder}: cannot write into this folder: {error.strerror}") from error

    def write(self, frame: MediaFrame, results: dict[str, DetectionResult]) -> None:
        """Write one annotated image; several results are placed side by side, with their names."""
        path = self._folder / f"{self._free_stem(frame.stem)}.jpg"
        drawn = {name: annotate(frame.image, result) for name, result in results.items()}
        bgr = cv2.cvtColor(side_by_side(drawn), cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        try:
            path.write_bytes(data.tobytes())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def _free_stem(self, stem: str) -> str:
        """A stem that is not used yet: two folders may contain images of the same name."""
        free, number = stem, 1
        while free in self._taken:
            number += 1
            free = f"{stem}_{number}"
        self._taken.add(free)
        return free


class Contender:
    """One detection method of a run, and its statistics."""

    def __init__(self, name: str, detector: LaneDetector) -> None:
        self.name = name
        self.detector = Guard(detector)
        self.tally = Tally()

    @property
    def failed(self) -> int:
        """Frames in which the detector failed; they count as frames without lanes."""
        return self.detector.causes.total()


class OfflineRun:
    """Runs the contenders in turn on every frame of every clip, and writes the outputs."""

    def __init__(
        self,
        contenders: list[Contender],
        lines: JsonLines | None = None,
        drawings: Drawings | None = None,
        scores: ScoreSheet | None = None,
    ) -> None:
        self.contenders = contenders
        self._lines = lines
        self._drawings = drawings
        self._scores = scores
        self.failed = 0  # frames that could not be read

    @property
    def done(self) -> int:
        """Frames with a result."""
        return self.contenders[0].tally.frames

    def frames(self, clips: Iterable[Clip]) -> Iterator[str | None]:
        """One item per frame: None, or a sentence that says why there is no result. Raises OutputError."""
        for clip in clips:
            for contender in self.contenders:
                contender.detector.reset()
            for frame in clip.frames():
                reason = frame.reason if isinstance(frame, Unreadable) else self._process(frame)
                self.failed += reason is not None
                yield reason

    def _process(self, frame: MediaFrame) -> str | None:
        try:
            check_image(frame.image)
        except ValueError as error:
            return f"{frame.name}: {error}"
        height_px, width_px = frame.image.shape[:2]
        results: dict[str, DetectionResult] = {}
        records = []
        for contender in self.contenders:
            start = time.perf_counter()
            result = contender.detector.detect(frame.image, frame.timestamp) or DetectionResult()
            run_time_ms = (time.perf_counter() - start) * 1e3
            line = record(frame.name, result, width_px, height_px, run_time_ms)
            contender.tally.add(sum(index is not None for index in line["ego"]), run_time_ms)
            results[contender.name] = result
            records.append(line)
            if self._lines is not None:
                self._lines.write(line if len(self.contenders) == 1 else {**line, "method": contender.name})
        if self._scores is not None:
            self._scores.add(frame.name, records, width_px, height_px)
        if self._drawings is not None:
            self._drawings.write(frame, results)
        return None


def protect_inputs(clips: Iterable[Clip], jsonl: str | None, folder: Path | None) -> None:
    """Raise OutputError if a result would overwrite an input or be written among the inputs."""
    files = [path.resolve() for clip in clips for path in clip.files]
    if jsonl is not None and jsonl != STANDARD_OUTPUT and Path(jsonl).resolve() in files:
        raise OutputError(f"{jsonl}: is an input; choose another file for --jsonl")
    if folder is not None and any(path.parent == folder.resolve() for path in files):
        raise OutputError(f"{folder}: contains the inputs; choose another folder for --annotate")
