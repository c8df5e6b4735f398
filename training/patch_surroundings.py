"""The surroundings of the lines on a drawn patch: verges, arrows and cracks, rails, poles, walls and vehicles."""

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMNS, NET_ROWS
from training.patch_scene import ACROSS_M, SHAPE, PatchScene, chance, cloud


def beside_the_road(scene: PatchScene, outer: tuple[float, float]) -> None:
    """Shoulder, kerb, gutter, verge: another texture outwards; a kerb's top can look like a line."""
    random = scene.random
    for side, place_m in ((-1, outer[0]), (1, outer[1])):
        if not chance(random, 0.75):
            continue
        beyond_m = side * (scene.road_m - place_m) - random.uniform(0.25, 3.5)
        if chance(random, 0.4):  # kerb: one or two strips
            width_m = random.uniform(0.12, 0.4)
            here = (beyond_m > -width_m) & (beyond_m <= 0)
            scene.image[here] = scene.image[here] * random.uniform(0.5, 1.9)
            if chance(random, 0.5):
                here = (beyond_m > -width_m - 0.15) & (beyond_m <= -width_m)
                scene.image[here] *= random.uniform(0.4, 0.9)
        if chance(random, 0.5):
            colour = (random.uniform(20, 210) * random.uniform(0.75, 1.15, 3)).astype(np.float32)
        else:
            colour = np.array([130, 110, 60] if chance(random, 0.5) else [70, 105, 55]) * random.uniform(0.4, 1.6)
        texture = 1 + 0.35 * cloud(random, random.uniform(1.2, 6), random.uniform(2, 12))
        verge = (colour.astype(np.float32) * texture[..., None]).astype(np.float32)
        here = beyond_m > 0
        scene.image[here] = verge[here]
        scene.truth[here] = 0


def distractors(scene: PatchScene) -> None:
    """Arrows, stop lines, crossings, manholes, oil, leaning cracks and tar: paint and dirt that are not lane lines."""
    random, road_m, ahead_m = scene.random, scene.road_m, scene.ahead_m
    for _ in range(random.integers(0, 3)):
        mask = np.zeros(SHAPE, np.float32)
        kind = random.random()
        row, column = int(random.integers(0, NET_ROWS)), int(random.integers(0, NET_COLUMNS))
        if kind < 0.2:
            axes = int(random.integers(3, 22)), int(random.integers(1, 9))
            cv2.ellipse(mask, (column, row), axes, 0, 0, 360, 1, -1)
        elif kind < 0.45:
            end = column + int(random.integers(-70, 70)), row + int(random.integers(-24, 24))
            cv2.line(mask, (column, row), end, 1, int(random.integers(1, 4)))
        elif kind < 0.6:  # stop line or crossing
            start_m, left_m = random.uniform(4, 30), scene.middle_m + random.uniform(-6, 0)
            here = (ahead_m > start_m) & (ahead_m < start_m + random.uniform(0.4, 3)) & (road_m > left_m)
            here = here & (road_m < left_m + random.uniform(2, 8))
            if chance(random, 0.5):
                here = here & (road_m / 1.0 % 1 < 0.5)
            mask[here] = 1
        else:  # arrow: a stem and a head in the middle of a lane
            start_m, length_m = random.uniform(4, 35), random.uniform(3, 7)
            stem_m = np.abs(road_m - scene.middle_m - scene.lane_m * random.integers(-1, 2))
            along = (ahead_m - start_m) / length_m
            here = (along > 0) & (along < 1) & (stem_m < np.where(along < 0.6, 0.08, 1.2 * (1 - along)))
            mask[here] = 1
        mask = cv2.blur(mask, (3, 1))[..., None]
        scene.image = scene.image * (1 - mask + mask * random.uniform(0.5, 1.9))


def rails_and_poles(scene: PatchScene, outer: tuple[float, float]) -> None:
    """Rails, walls and fences beside the road: strips along it, smeared outwards, and posts along the rays."""
    random = scene.random
    for side, place_m in ((-1, outer[0]), (1, outer[1])):
        if chance(random, 0.2):
            _wall(scene, side, side * place_m + random.uniform(0.3, 4))
        if not chance(random, 0.2):
            continue
        beyond_m = side * (scene.road_m - place_m) - random.uniform(0.8, 4)
        for _ in range(random.integers(1, 4)):
            start_m = random.uniform(0, 1.0)
            here = (beyond_m > start_m) & (beyond_m < start_m + random.uniform(0.1, 1.2))
            scene.image[here] = random.uniform(20, 235) * (1 + 0.2 * cloud(random, 4, 6)[here][:, None])
            scene.truth[here] = 0
    for _ in range(random.integers(0, 2)):
        ray = ACROSS_M / scene.ahead_m
        at = random.uniform(-0.5, 0.5)
        here = (np.abs(ray - at) < random.uniform(0.002, 0.008)) & (scene.ahead_m > random.uniform(8, 60))
        scene.image[here] = random.uniform(10, 230)


def _wall(scene: PatchScene, side: int, foot_m: float) -> None:
    """A concrete barrier, parapet or fence: gutter, face (with bars, if it is a fence), and a lit top like a line."""
    random = scene.random
    out_m = side * scene.road_m
    height_ratio = random.uniform(0.3, 0.85)  # of the camera's height
    reach_m = abs(foot_m) * height_ratio / (1 - height_ratio)  # a ray over its top meets the road this much farther out
    level = random.uniform(30, 190)
    gutter = (out_m > foot_m - random.uniform(0.05, 0.4)) & (out_m <= foot_m)
    scene.image[gutter] *= random.uniform(0.4, 1.1)
    face = (out_m > foot_m) & (out_m < foot_m + reach_m)
    grey = level * (1 + 0.15 * cloud(random, random.uniform(1, 8), 8))
    if chance(random, 0.4):
        bars = (scene.ahead_m / random.uniform(0.4, 3) + out_m * random.uniform(-2, 2)) % 1 < random.uniform(0.15, 0.5)
        face &= bars
    scene.image[face] = grey[face][:, None]
    top = (out_m > foot_m + reach_m) & (out_m < foot_m + reach_m + random.uniform(0.08, 0.5))
    scene.image[top] = min(250.0, level * random.uniform(1.0, 2.2))
    scene.truth[out_m > foot_m] = 0


def vehicles(scene: PatchScene) -> None:
    """Boxes on the road, projected along the camera's rays, with a shadow under them and lamps."""
    random = scene.random
    for _ in range(random.integers(0, 4)):
        foot_m = random.uniform(4, 45)
        row = int(np.argmin(np.abs(scene.ahead_m - foot_m)))
        lane = random.choice([-1, 0, 0, 1])
        place_m = scene.middle_m + lane * scene.lane_m + random.uniform(-0.5, 0.5)
        place_m += float(ACROSS_M[0, 0] - scene.road_m[row, 0])
        half_m, height_m = random.uniform(0.8, 1.3), random.uniform(1.2, 3.5)
        if lane == 0 and foot_m < 7:
            continue
        growth = scene.ahead_m / foot_m
        top_m = foot_m * scene.camera_m / max(scene.camera_m - height_m, 1e-6) if height_m < scene.camera_m else np.inf
        body = (scene.ahead_m > foot_m) & (scene.ahead_m < top_m) & (np.abs(ACROSS_M / growth - place_m) < half_m)
        under = (
            (scene.ahead_m > 0.86 * foot_m) & (scene.ahead_m <= foot_m) & (np.abs(ACROSS_M - place_m) < 1.1 * half_m)
        )
        colour = (random.uniform(5, 240) * random.uniform(0.5, 1.2, 3)).astype(np.float32)
        scene.image[under] *= random.uniform(0.15, 0.7)
        scene.image[body] = (colour * (1 + 0.3 * cloud(random, 5, 6)[..., None]))[body]
        scene.truth[body] = 0
        if chance(random, 0.4):
            for side in (-0.75, 0.75):
                lamp = np.exp(-(((ACROSS_M / growth - place_m - side * half_m) / 0.2) ** 2))
                lamp = lamp * np.exp(-(((np.log(growth) - 0.35) / 0.1) ** 2))
                scene.image += lamp[..., None] * np.array([200, random.uniform(0, 190), random.uniform(0, 160)])
