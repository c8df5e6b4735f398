"""Drawn patches of the rectified road view, each with the truth about its lines.

A patch looks like what `lkas.detection.lane_fit.rectify.RoadView` samples: rows are even steps in
1/sqrt(distance) with the far one first, columns even steps across the road with the leftmost first. Everything on the
road lies in metres;
objects above it (vehicles, rails, poles) are projected along the camera's rays, as the resampling does.
The input is random numbers only: no photographs, no third-party labels. A line that is invisible in the finished
patch is removed from the truth; otherwise the network would learn to see lines on bare roads.
"""

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_ROWS
from training.patch_camera import bonnet, image_borders, light, optics, shadows
from training.patch_lines import draw_lines, remove_invisible_lines
from training.patch_scene import ACROSS_M, SHAPE, PatchScene, chance, cloud
from training.patch_surroundings import beside_the_road, distractors, rails_and_poles, vehicles


def draw_patch(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """-> (rows, columns, 3) uint8 RGB patch, (rows, columns) uint8 truth (255 on a line's middle)."""
    scene = _empty_road(random)
    _surface(scene)
    outer = draw_lines(scene)
    beside_the_road(scene, outer)
    distractors(scene)
    shadows(scene)
    rails_and_poles(scene, outer)
    vehicles(scene)
    light(scene)
    bonnet(scene)
    image_borders(scene)
    optics(scene)
    remove_invisible_lines(scene)
    return np.clip(scene.image, 0, 255).astype(np.uint8), np.round(scene.truth * 255).astype(np.uint8)


def _empty_road(random: np.random.Generator) -> PatchScene:
    near_m, far_m = random.uniform(1.8, 7.0), random.uniform(28.0, 75.0)
    ahead_m = np.linspace(far_m**-0.5, near_m**-0.5, NET_ROWS, dtype=np.float32)[:, None] ** -2
    camera_m = random.uniform(1.0, 1.9)
    heading = random.normal(0, 0.012) if chance(random, 0.85) else random.uniform(-0.07, 0.07)
    curvature = random.normal(0, 1 / 1200) if chance(random, 0.75) else random.uniform(-1 / 100, 1 / 100)
    # A pitch error of e radians stretches the far road by the ratio e x / camera_m: lines close or open like a V.
    stretch = 1 + np.clip(random.normal(0, 0.008), -0.02, 0.02) * ahead_m / camera_m
    course_m = heading * ahead_m + curvature / 2 * ahead_m**2 + random.normal(0, 1e-6) * ahead_m**3
    road_m = (ACROSS_M - course_m) / np.maximum(stretch, 0.4)
    lane_m = random.uniform(2.6, 4.2)
    is_fair = chance(random, 0.35)
    return PatchScene(
        random=random,
        ahead_m=ahead_m,
        road_m=road_m.astype(np.float32),
        camera_m=camera_m,
        image=np.empty((*SHAPE, 3), np.float32),
        truth=np.zeros(SHAPE, np.float32),
        lane_m=lane_m,
        middle_m=random.uniform(-0.4, 0.4) * lane_m,
        far_ratio=np.linspace(1, 0, NET_ROWS, dtype=np.float32)[:, None],
        pixel_m=ahead_m**2 / (camera_m * random.uniform(500, 1600)),
        is_fair=is_fair,
        is_night=not is_fair and chance(random, 0.18),
    )


def _surface(scene: PatchScene) -> None:
    """Asphalt or concrete: grain, patches, wheel tracks, steps of the pavement, seams, joints, cracks."""
    random, road_m = scene.random, scene.road_m
    base = random.choice([random.uniform(25, 70), random.uniform(60, 125), random.uniform(110, 205)])
    grey = np.full(SHAPE, base, np.float32)
    grey *= 1 + 0.06 * cloud(random, 30, 60) + random.uniform(0, 0.08) * cloud(random, 6, 12)
    grain = cloud(random, 1, 1) * random.uniform(0, 0.10)
    grey *= 1 + grain * (1 - 0.6 * scene.far_ratio)
    for _ in range(random.integers(0, 3)):
        track = np.exp(-0.5 * ((road_m - random.uniform(-6, 6)) / random.uniform(0.2, 0.8)) ** 2)
        grey *= 1 - random.uniform(-0.12, 0.2) * track
    for _ in range(random.integers(0, 3)):
        grey[road_m > random.uniform(-6, 6)] *= random.uniform(0.75, 1.3)
    for _ in range(random.integers(0, 4)):
        wobble = cv2.resize(random.standard_normal((9, 1)).astype(np.float32), (1, NET_ROWS)) * 0.06
        distance = np.abs(road_m - random.uniform(-6, 6) - wobble)
        grey *= 1 - random.uniform(-0.12, 0.5) * (distance < random.uniform(0.02, 0.08))
    if chance(random, 0.25):
        spacing_m = random.uniform(4, 12)
        grey *= 1 - random.uniform(0.05, 0.3) * ((scene.ahead_m / spacing_m + random.random()) % 1 < 0.05)
    if chance(random, 0.15):  # a patch of newer asphalt
        start_m, length_m, left_m = random.uniform(3, 40), random.uniform(3, 40), random.uniform(-6, 4)
        here = (scene.ahead_m > start_m) & (scene.ahead_m < start_m + length_m)
        here = here & (road_m > left_m) & (road_m < left_m + random.uniform(0.8, 4))
        grey[here] *= random.uniform(0.6, 1.25)
    tint = np.array([random.uniform(0.92, 1.1), 1, random.uniform(0.9, 1.12)], np.float32)
    scene.image = grey[..., None] * tint
