"""Benchmark of the embedded world: CPU time of images by condition and stage, of ticks, and of the ground truth."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct, structs

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.embedded.renderer.view import View
from simulation.embedded.world import EmbeddedFrame, EmbeddedWorld
from simulation.world import Tick, WorldEnded

SPEED_MPS = 16.0
LOOK_AHEAD_S = 0.8
WARM_UP_FRAMES = 5
IMAGE_AT_S = 6.6
SHEET_COLUMNS, SHEET_WIDTH_PX, LABEL_PX = 3, 480, 26


class Percentiles(Struct, frozen=True):
    """Percentiles of many timings, ms."""

    p50: float
    p99: float


class ConditionTimings(Struct, frozen=True, kw_only=True):
    """Timings under one condition."""

    condition: str
    frames: int
    frame_ms: Percentiles
    stages_ms: dict[str, Percentiles]
    tick_ms: Percentiles  # of 10 ms of world time, without the image
    truth_ms: Percentiles  # the part of a tick that locates the car in its lane
    build_s: float  # from the road file to the first frame


def measure(
    name: str, config: SimulationConfig, camera: CameraConfig, frames: int, on_frame: Callable[[], None] = lambda: None
) -> ConditionTimings:
    """Drive along the route under one condition and measure image and tick times."""
    began = time.process_time()
    drive = _Drive(name, config, camera)
    tick_ms: list[float] = []
    frame_ms: list[float] = []
    stages_ms: dict[str, list[float]] = {stage: [] for stage, _ in drive.world.renderer.stages}
    build_s = time.process_time() - began
    for count in range(frames + WARM_UP_FRAMES):
        view, ticks = drive.next_view()
        stages = drive.draw(view)
        if count >= WARM_UP_FRAMES:
            tick_ms += ticks
            frame_ms.append(sum(stages.values()))
            for stage, took_ms in stages.items():
                stages_ms[stage].append(took_ms)
            on_frame()
    return ConditionTimings(
        condition=name,
        frames=frames,
        frame_ms=_percentiles(frame_ms),
        stages_ms={stage: _percentiles(values) for stage, values in stages_ms.items()},
        tick_ms=_percentiles(tick_ms),
        truth_ms=_percentiles([drive.time_truth() for _ in range(50)]),
        build_s=build_s,
    )


def write_images(folder: Path, config: SimulationConfig, camera: CameraConfig) -> Iterator[Path]:
    """Write one image per condition and a contact sheet; yields each file after it was written."""
    folder.mkdir(parents=True, exist_ok=True)
    small = []
    for name in CONDITIONS:
        drive = _Drive(name, config, camera)
        view, _ = drive.next_view()
        while view.time_s < IMAGE_AT_S:
            view, _ = drive.next_view()
        drive.draw(view)
        image = cv2.cvtColor(drive.image, cv2.COLOR_RGB2BGR)
        small.append(_labelled(image, name))
        yield _write_image(folder / f"{name}.jpg", image)
    while len(small) % SHEET_COLUMNS:
        small.append(np.zeros_like(small[0]))
    rows = [np.hstack(small[i : i + SHEET_COLUMNS]) for i in range(0, len(small), SHEET_COLUMNS)]
    yield _write_image(folder / "sheet.jpg", np.vstack(rows))


class _Drive:
    """A world, its camera image, and a driver that follows the ground truth."""

    def __init__(self, name: str, config: SimulationConfig, camera: CameraConfig) -> None:
        self._settings = (structs.replace(config, condition=name, start_speed_mps=SPEED_MPS), camera, VehicleConfig())
        self.world = EmbeddedWorld(*self._settings)
        self.image = np.zeros((camera.height_px, camera.width_px, 3), np.uint8)
        self._tick: Tick | None = None

    def next_view(self) -> tuple[View, list[float]]:
        """Advance to the next exposure; returns the view and the duration of each tick, ms."""
        took_ms = []
        while True:
            control = self._control()
            began = time.process_time()
            try:
                self._tick = self.world.tick(control)
            except WorldEnded:
                self.world = EmbeddedWorld(*self._settings)
                self._tick = None
                continue
            took_ms.append((time.process_time() - began) * 1e3)
            if isinstance(self._tick.frame, EmbeddedFrame):
                return self._tick.frame.view, took_ms

    def draw(self, view: View) -> dict[str, float]:
        """Render stage by stage; returns the duration of each stage, ms."""
        renderer = self.world.renderer
        began = time.process_time()
        view = renderer.start_frame(self.image, view)
        took_ms = {}
        for stage, draw in renderer.stages:
            draw(view)
            now = time.process_time()
            took_ms[stage] = (now - began) * 1e3
            began = now
        return took_ms

    def time_truth(self) -> float:
        """Duration of locating the car in its lane once, ms."""
        tick, lane = self._tick, self.world.lane_truth
        assert tick is not None
        assert tick.state.pose is not None
        s_m = lane.route.curve.nearest_s_m(tick.state.pose.x_m, tick.state.pose.y_m)
        began = time.process_time()
        lane.at(tick.state.pose, s_m, timestamp=0.0, distance_m=0.0, speed_mps=0.0, lateral_acceleration_mps2=0.0)
        return (time.process_time() - began) * 1e3

    def _control(self) -> ControlMessage | None:
        """Pure pursuit on the ground truth."""
        if self._tick is None or self._tick.truth is None:
            return None
        truth, state = self._tick.truth, self._tick.state
        ahead_m = max(4.0, LOOK_AHEAD_S * truth.speed_mps)
        bearing_rad = wrap_rad(truth.heading_error_rad + truth.offset_m / ahead_m - truth.curvature_radpm * ahead_m / 2)
        steer_rad = -2 * VehicleConfig().wheelbase_m * bearing_rad / ahead_m
        return ControlMessage(
            steering=-steer_rad / (state.max_steer_rad or 1.0),
            throttle=0.3 if truth.speed_mps < SPEED_MPS else 0.0,
            brake=0.0,
            timestamp=state.timestamp,
            valid_until=state.timestamp + 0.2,
        )


def _percentiles(values_ms: list[float]) -> Percentiles:
    p50, p99 = np.percentile(values_ms, [50, 99])
    return Percentiles(round(float(p50), 4), round(float(p99), 4))


def _labelled(image: np.ndarray, text: str) -> np.ndarray:
    height_px = SHEET_WIDTH_PX * image.shape[0] // image.shape[1]
    small = cv2.resize(image, (SHEET_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
    small[:LABEL_PX] //= 3
    cv2.putText(small, text, (10, LABEL_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return small


def _write_image(path: Path, image: np.ndarray) -> Path:
    if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise OSError(f"{path}: cannot be written")
    return path
