"""What the embedded world costs: pictures by condition and stage, ticks and truth. CPU time of one thread."""

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
PICTURE_AT_S = 6.6
SHEET_COLUMNS, SHEET_WIDTH_PX, LABEL_PX = 3, 480, 26


class Spread(Struct, frozen=True):
    """Of many timings, ms."""

    p50: float
    p99: float


class ConditionFigures(Struct, frozen=True, kw_only=True):
    """One condition: whole frames, and their stages."""

    condition: str
    frames: int
    frame_ms: Spread
    stages_ms: dict[str, Spread]
    tick_ms: Spread  # of 10 ms of world time, without the picture
    truth_ms: Spread  # the part of a tick that finds the car in its lane
    build_s: float  # from the road file to the first frame


def measure(
    name: str, config: SimulationConfig, camera: CameraConfig, frames: int, on_frame: Callable[[], None] = lambda: None
) -> ConditionFigures:
    """Drive along the route under one condition, and time the pictures on the way."""
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
    return ConditionFigures(
        condition=name,
        frames=frames,
        frame_ms=_spread(frame_ms),
        stages_ms={stage: _spread(values) for stage, values in stages_ms.items()},
        tick_ms=_spread(tick_ms),
        truth_ms=_spread([drive.time_truth() for _ in range(50)]),
        build_s=build_s,
    )


def pictures(folder: Path, config: SimulationConfig, camera: CameraConfig) -> Iterator[Path]:
    """Write one picture per condition, and a sheet of all; yields each file as soon as it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    small = []
    for name in CONDITIONS:
        drive = _Drive(name, config, camera)
        view, _ = drive.next_view()
        while view.time_s < PICTURE_AT_S:
            view, _ = drive.next_view()
        drive.draw(view)
        picture = cv2.cvtColor(drive.image, cv2.COLOR_RGB2BGR)
        small.append(_labelled(picture, name))
        yield _written(folder / f"{name}.jpg", picture)
    while len(small) % SHEET_COLUMNS:
        small.append(np.zeros_like(small[0]))
    rows = [np.hstack(small[i : i + SHEET_COLUMNS]) for i in range(0, len(small), SHEET_COLUMNS)]
    yield _written(folder / "sheet.jpg", np.vstack(rows))


class _Drive:
    """A world with a driver that knows the truth, and the image of its camera."""

    def __init__(self, name: str, config: SimulationConfig, camera: CameraConfig) -> None:
        self._settings = (structs.replace(config, condition=name, start_speed_mps=SPEED_MPS), camera, VehicleConfig())
        self.world = EmbeddedWorld(*self._settings)
        self.image = np.zeros((camera.height_px, camera.width_px, 3), np.uint8)
        self._tick: Tick | None = None

    def next_view(self) -> tuple[View, list[float]]:
        """Drive on to the next exposure; with what each tick on the way took, ms."""
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
        """Draw it stage by stage; what each took, ms."""
        renderer = self.world.renderer
        began = time.process_time()
        renderer.begin(self.image, view)
        took_ms = {}
        for stage, draw in renderer.stages:
            draw(view)
            now = time.process_time()
            took_ms[stage] = (now - began) * 1e3
            began = now
        return took_ms

    def time_truth(self) -> float:
        """One look for the car in its lane, ms."""
        tick, lane = self._tick, self.world.lane_truth
        assert tick is not None
        assert tick.state.pose is not None
        s_m = lane.route.curve.nearest_s_m(tick.state.pose.x_m, tick.state.pose.y_m)
        began = time.process_time()
        lane.at(tick.state.pose, s_m, timestamp=0.0, distance_m=0.0, speed_mps=0.0, lateral_acceleration_mps2=0.0)
        return (time.process_time() - began) * 1e3

    def _control(self) -> ControlMessage | None:
        """Pure pursuit on the truth."""
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


def _spread(values_ms: list[float]) -> Spread:
    p50, p99 = np.percentile(values_ms, [50, 99])
    return Spread(round(float(p50), 4), round(float(p99), 4))


def _labelled(picture: np.ndarray, text: str) -> np.ndarray:
    height_px = SHEET_WIDTH_PX * picture.shape[0] // picture.shape[1]
    small = cv2.resize(picture, (SHEET_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA)
    small[:LABEL_PX] //= 3
    cv2.putText(small, text, (10, LABEL_PX - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return small


def _written(path: Path, picture: np.ndarray) -> Path:
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise OSError(f"{path}: can not be written")
    return path
