"""Frames with known lines, for fitting and judging the confidence: rendered drives, images without a lane, photographs.

A line is right if it lies within 20 px (of an image 1280 px wide) of the true line of its side, on average over the
rows it reaches; and, where the camera is known, within 0.3 m and 2 degrees of it beside the car.
"""

import json
import math
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lkas.frames import PinholeCamera, line_pixels
from lkas.integration.shared_memory.messages import LaneLine, LaneModel, Pose, VehicleState
from lkas.vehicle import CameraConfig
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.view import View
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import chosen_route
from simulation.opendrive.writer import bend, road_xml, straight

RIGHT_PX = 20.0
RIGHT_OFFSET_M, RIGHT_HEADING_RAD = 0.3, math.radians(2.0)
MIN_COMMON_ROWS = 4
FRAME_S = 1 / 30
RUN_OUT_M = 90.0
PART_FRAMES = 9  # of a long clip
LABELS, MANIFEST = "labels.json", "manifest.json"
SIZES_PX = ((800, 600), (640, 360), (640, 480))


@dataclass(frozen=True, slots=True)
class TrueLine:
    pixels: np.ndarray  # (N, 2), from near to far
    beside: tuple[float, float] | None = None  # position (m) and slope beside the car, if the camera is known

    def is_matched_by(self, line: LaneLine, model: LaneModel, width_px: int, height_px: int) -> bool:
        """Whether a detected line is right."""
        if self.beside is not None:
            turned_rad = math.atan(line.c1) - math.atan(self.beside[1])
            if abs(line.c0 - self.beside[0]) > RIGHT_OFFSET_M or abs(turned_rad) > RIGHT_HEADING_RAD:
                return False
        found = line_pixels(line, model.calibration, height_px, points=80)[::-1]
        if len(found) < 2:
            return False
        columns = np.interp(self.pixels[:, 1], found[:, 1], found[:, 0], left=np.nan, right=np.nan)
        off_px = np.abs(columns - self.pixels[:, 0])
        off_px = off_px[np.isfinite(off_px)]
        return len(off_px) >= MIN_COMMON_ROWS and float(off_px.mean()) * 1280 / width_px < RIGHT_PX


@dataclass(frozen=True, slots=True)
class KnownFrame:
    """One image, and the true ego lines (left, right); None where there is none."""

    clip: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    lines: tuple[TrueLine | None, TrueLine | None]
    timestamp: float | None = None  # None: a single image
    vehicle: VehicleState | None = None


def rendered_drive(seed: int, count: int) -> Iterator[KnownFrame]:
    """A part of a random road of random appearance: every second one a video, every third with an unknown camera."""
    rng = np.random.default_rng([seed, 77])
    width_px, height_px = SIZES_PX[rng.integers(len(SIZES_PX))]
    height_m, pitch_deg, hfov_deg = rng.uniform((1.2, 2, 55), (1.8, 6, 85)).tolist()
    geometry = CameraConfig(height_m=height_m, pitch_deg=pitch_deg, hfov_deg=hfov_deg).geometry(width_px, height_px)
    lane_width_m, speed_mps, s_m = rng.uniform((2.9, 6, 15), (3.9, 33, 45)).tolist()
    xml = _random_road(rng, lane_width_m)
    with tempfile.NamedTemporaryFile("w", suffix=".xodr") as file:
        file.write(xml)
        file.flush()
        road = read_map(Path(file.name))
    curve = chosen_route(road, None, seed).curve
    renderer = Renderer(road, geometry, width_px, height_px, seed)
    appearance = _Appearance(rng, width_px, height_px)
    phase = rng.uniform(0, 6.28, 2)
    is_video, is_known = seed % 2 == 0, seed % 3 != 0
    image = np.empty((height_px, width_px, 3), np.uint8)
    ahead_m = np.concatenate([np.arange(-4.0, 4.0), 4 * 12 ** np.linspace(0, 1, 20)])
    for k in range(count):
        x_m, y_m = curve.to_world(s_m, 0.4 * math.sin(s_m / 23 + phase[0]))
        yaw_rad = curve.pose(s_m)[2] + math.radians(1.5) * math.sin(s_m / 17 + phase[1])
        renderer.render_into(image, View(Pose(x_m=x_m, y_m=y_m, z_m=0.0, yaw_rad=yaw_rad), k + 1, k * FRAME_S))
        to_ego = np.array([[math.cos(yaw_rad), -math.sin(yaw_rad)], [math.sin(yaw_rad), math.cos(yaw_rad)]])
        lines = []
        for place_m, mark in ((lane_width_m / 2, 'type="broken"'), (-lane_width_m / 2, 'type="solid"')):
            if mark not in xml:
                lines.append(None)
                continue
            line = (np.array([curve.to_world(s_m + ahead, place_m) for ahead in ahead_m]) - (x_m, y_m)) @ to_ego
            slope = np.gradient(line[:8, 1], line[:8, 0])
            beside = [float(np.interp(0.0, line[:8, 0], values)) for values in (line[:8, 1], slope)]
            pixels = PinholeCamera(geometry).image_from_ground(*line[8:].T)
            seen = np.isfinite(pixels).all(axis=1) & (pixels[:, 0] > 0) & (pixels[:, 0] < width_px)
            lines.append(TrueLine(pixels[seen & (pixels[:, 1] < height_px)], tuple(beside) if is_known else None))
        vehicle = VehicleState(camera=geometry if is_known else None, speed_mps=speed_mps)
        stamp = k * FRAME_S if is_video else None
        yield KnownFrame(f"rendered {seed}", appearance.apply(image, k), (lines[0], lines[1]), stamp, vehicle)
        s_m += speed_mps * FRAME_S * (1 if is_video else 5)


def image_without_lane(seed: int) -> KnownFrame:
    """Noise, clouds and edges, without a lane."""
    rng = np.random.default_rng([seed, 78])
    width_px, height_px = (int(v) for v in rng.integers((64, 36), (1280, 720)))
    levels = rng.normal(0, 1, (height_px, width_px, 3)).astype(np.float32)
    image = np.zeros_like(levels)
    for _ in range(rng.integers(1, 4)):
        image += cv2.GaussianBlur(levels, (0, 0), float(rng.uniform(0.3, 12))) * float(rng.uniform(10, 300))
    for _ in range(rng.integers(0, 8)):
        ends = rng.integers(0, (width_px, height_px), (2, 2)).tolist()
        cv2.line(image, ends[0], ends[1], rng.uniform(-200, 200, 3).tolist(), int(rng.integers(1, 30)))
    image = np.clip(image + rng.uniform(20, 200), 0, 255).astype(np.uint8)
    return KnownFrame(f"bare {seed}", image, (None, None))


def photographs(folder: Path) -> Iterator[KnownFrame]:
    """Labelled single images with labels in TuSimple's format."""
    labels = [json.loads(text) for text in (folder / LABELS).read_text().splitlines() if text]
    clips = clips_of_photographs(folder)
    for label in labels:
        image = cv2.cvtColor(cv2.imread(str(folder / label["raw_file"])), cv2.COLOR_BGR2RGB)
        yield KnownFrame(clips[label["raw_file"]], image, _ego_lines(label, image.shape[1], image.shape[0]))


def clips_of_photographs(folder: Path) -> dict[str, str]:
    """The clip of every labelled file; a long clip counts as several."""
    manifest = {entry["file"]: entry for entry in json.loads((folder / MANIFEST).read_text())["files"]}
    names = sorted(json.loads(text)["raw_file"] for text in (folder / LABELS).read_text().splitlines() if text)
    clips, frames_of = {}, Counter()
    for name in names:
        clip = manifest[name]["clip"]
        clips[name] = f"{clip} {frames_of[clip] // PART_FRAMES}"
        frames_of[clip] += 1
    return clips


def is_held_back(clip: str) -> bool:
    """Every second clip, chosen by its name: never fitted on."""
    return zlib.crc32(clip.encode()) % 2 == 1


def _ego_lines(label: dict, width_px: int, height_px: int) -> tuple[TrueLine | None, TrueLine | None]:
    """The labelled lines nearest to the middle of the image, extrapolated to its last row."""
    nearest: list[tuple[float, TrueLine] | None] = [None, None]
    for lane in label["lanes"]:
        points = [(x, y) for x, y in zip(lane, label["h_samples"], strict=True) if x >= 0]
        points.sort(key=lambda point: -point[1])
        if len(points) < 2:
            continue
        (x1, y1), (x2, y2) = points[0], points[min(5, len(points) - 1)]
        right_px = x1 + (x1 - x2) / ((y1 - y2) or 1) * (height_px - 1 - y1) - width_px / 2
        side = int(right_px >= 0)
        best = nearest[side]
        if best is None or abs(right_px) < best[0]:
            nearest[side] = abs(right_px), TrueLine(np.array(points, float))
    return nearest[0] and nearest[0][1], nearest[1] and nearest[1][1]


def _random_road(rng: np.random.Generator, lane_width_m: float) -> str:
    radius_m = float(60 * 40 ** rng.uniform())
    turn_deg = float(np.clip(math.degrees(90 / radius_m), 8, 80))
    clothoid_m = min(radius_m / float(rng.uniform(2.5, 6)), math.radians(turn_deg) * radius_m * 0.45)
    sign = 1 if rng.uniform() < 0.5 else -1
    pieces = [straight(float(rng.uniform(30, 120)))]
    pieces += bend(radius_m, sign * turn_deg, clothoid_m) + bend(radius_m, -sign * turn_deg, clothoid_m)
    pieces += [straight(RUN_OUT_M + 200)]
    xml = road_xml("r", pieces, lane_width_m=lane_width_m, is_closed=False, note="")
    for mark in ("broken", "solid"):
        if rng.uniform() < 0.15:
            xml = xml.replace(f'type="{mark}"', 'type="none"')
    return xml


class _Appearance:
    """Light, weather, lens and objects on the road; constant within a clip."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._rng = rng
        pick = lambda share, low, high, other: float(rng.uniform(low, high)) if rng.uniform() < share else other  # noqa: E731
        self._brightness = pick(0.4, 0.08, 1.5, 1.0)
        self._contrast = pick(0.4, 0.08, 0.8, 1.0)
        self._blur_px = pick(0.3, 0.5, 4.0, 0.0)
        self._noise = pick(0.6, 1.0, 20.0, 0.0)
        self._jpeg = int(pick(0.3, 8, 60, 0))
        self._gain = np.ones((height_px, width_px, 1), np.float32)
        self._strips: list[tuple[np.ndarray, float]] = []
        for _ in range(rng.integers(0, 4)):  # shadows and sheens
            corners = rng.uniform((0, 0.4), (1, 1), (4, 2)) * (width_px, height_px)
            cv2.fillConvexPoly(self._gain, cv2.convexHull(corners.astype(np.int32)), float(rng.uniform(0.3, 1.6)))
        for _ in range(rng.integers(0, 4) if rng.uniform() < 0.5 else 0):  # seams, tracks and poles
            vanish = np.array([0.5, 0.45]) + rng.normal(0, 0.08, 2)
            foot = np.array([rng.uniform(-0.5, 1.5), 1.0])
            ends = np.stack([vanish + (foot - vanish) * rng.uniform(0.02, 0.4), foot]) * (width_px, height_px)
            self._strips.append((ends.astype(np.int32), float(rng.uniform(-70, 90))))

    def apply(self, image: np.ndarray, k: int) -> np.ndarray:
        height_px, width_px = image.shape[:2]
        changed = image.astype(np.float32)
        for (top, bottom), levels in self._strips:
            half = np.array([max(1.0, width_px / 160), 0.0])
            quad = np.array([top, bottom - half, bottom + half]).astype(np.int32)
            mask = np.zeros((height_px, width_px), np.float32)
            cv2.fillConvexPoly(mask, quad, levels)
            changed += mask[..., None]
        changed = changed * self._gain
        mean = changed.mean()
        changed = (mean + (changed - mean) * self._contrast) * self._brightness
        if self._blur_px:
            changed = cv2.GaussianBlur(changed, (0, 0), self._blur_px)
        if self._noise:
            changed += self._rng.normal(0, self._noise, changed.shape).astype(np.float32)
        result = np.clip(changed, 0, 255).astype(np.uint8)
        if self._jpeg:
            _, data = cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, self._jpeg])
            result = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return result
