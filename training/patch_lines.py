"""Lane lines of a drawn patch: paint, dashes, wear, the seams beside them, and their visibility."""

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMN_M, NET_COLUMNS, NET_ROWS
from training.patch_scene import SHAPE, PatchScene, chance, cloud

LINE_SIGMA_M = 0.09  # the truth is a soft ridge of this width on a line's middle
VISIBLE_SIGMAS = 2.0  # paint with less contrast to the road beside it is invisible
BESIDE_COLUMNS = 6  # from a line's middle to the road beside it
PIXELS_PER_SAMPLE = 4  # neighbouring pixels are correlated: so many count as one sample
# Period in metres and painted share of the dashes on real roads: North America's 3 m of 12, Europe's 6 of 18 and of
# 12 and 3 of 9 and of 12, China's 6 of 15 and 2 of 6, Japan's 8 of 20 and 6 of 15, merging lanes' 6 of 9.
DASHES = (
    (12.2, 0.25),
    (12.2, 0.25),
    (18, 0.33),
    (12, 0.5),
    (9, 0.33),
    (12, 0.25),
    (15, 0.4),
    (6, 0.33),
    (20, 0.4),
    (9, 0.67),
)


def draw_lines(scene: PatchScene) -> tuple[float, float]:
    """Draw the ego lines and their neighbours, some missing; returns the outermost positions (right, left), metres."""
    random, lane_m, middle_m = scene.random, scene.lane_m, scene.middle_m
    places = [middle_m - lane_m / 2, middle_m + lane_m / 2]
    for side in (-1.5, 1.5):
        if chance(random, 0.6):
            places.append(middle_m + side * lane_m * random.uniform(0.93, 1.07))
    outer = min(places), max(places)
    if chance(random, 0.35):
        _slab_seams(scene, places)
    if chance(random, 0.1):
        return outer
    for place_m in places:
        if chance(random, 0.1):
            continue
        _line(scene, place_m)
    return outer


def _slab_seams(scene: PatchScene, places: list[float]) -> None:
    """Draw seams between separately paved lanes: dark, close to the lines, some sealed with tar, with a bright rim."""
    random = scene.random
    aside_m = random.uniform(-0.35, 0.35)
    for place_m in places:
        if chance(random, 0.3):
            continue
        off_m = scene.road_m - place_m - aside_m - random.uniform(-0.05, 0.05)
        half_m = random.uniform(0.01, 0.06)
        depth = random.uniform(0.1, 0.7) * np.clip(0.8 + 0.4 * cloud(random, 6, NET_COLUMNS), 0, 1)
        shade = np.clip((half_m - np.abs(off_m)) / NET_COLUMN_M + 0.5, 0, 1)
        rim = np.exp(-0.5 * ((np.abs(off_m) - half_m - 0.06) / 0.05) ** 2) * random.uniform(0, 0.15)
        scene.image *= (1 - depth * shade + rim)[..., None]


def _line(scene: PatchScene, place_m: float) -> None:
    random, road_m = scene.random, scene.road_m
    width_m = random.uniform(0.08, 0.22)
    twins = random.uniform(0.12, 0.2) if chance(random, 0.14) else 0.0
    paint = np.zeros(SHAPE, np.float32)
    kind = random.random()
    if kind < 0.36:
        dash = np.ones((NET_ROWS, 1), np.float32)
    else:
        if kind < 0.44:  # dots
            period_m, share = random.uniform(1.5, 4), 0.12
        elif kind < 0.52:  # short blocks beside ramps
            period_m, share = random.uniform(1.5, 4), random.uniform(0.3, 0.6)
        elif kind < 0.85:
            period_m, share = np.array(DASHES[random.integers(len(DASHES))]) * random.uniform(0.85, 1.15, 2)
        else:
            period_m, share = random.uniform(5, 20), random.uniform(0.15, 0.6)
        phase = random.random()
        dash = _painted_share(scene, period_m, share, phase)
        if chance(random, 0.25):  # reflectors or buttons in the gaps
            dash = np.maximum(dash, _painted_share(scene, period_m / 4, 0.12, 4 * phase))
    for k, twin_m in enumerate((-twins, twins) if twins else (0.0,)):
        stripe = np.clip((width_m / 2 - np.abs(road_m - place_m - twin_m)) / NET_COLUMN_M + 0.5, 0, 1)
        stripe *= 1.0 if k else dash  # of a double line one part may be dashed
        paint = np.maximum(paint, stripe)
    worn = np.clip(1 + random.uniform(0, 0.9) * cloud(random, 3, 3), 0, 1)
    if chance(random, 0.15):
        worn *= np.clip(0.6 + cloud(random, 12, NET_COLUMNS), 0, 1)  # long parts are missing
    cover = (paint * worn * random.uniform(0.15, 1.0))[..., None]
    if chance(random, 0.3):
        colour = np.array([random.uniform(170, 245), random.uniform(135, 205), random.uniform(20, 130)], np.float32)
    else:
        colour = np.full(3, random.uniform(175, 255), np.float32)
    if scene.image.mean() < 80:
        colour *= random.uniform(0.5, 1.0)
    scene.image = scene.image * (1 - cover) + cover * np.maximum(scene.image * 1.1, colour)
    middles = (-twins, twins) if twins > 0.15 else (0.0,)
    ridges = [np.exp(-0.5 * ((road_m - place_m - middle) / LINE_SIGMA_M) ** 2) for middle in middles]
    ridge = np.maximum.reduce(ridges)
    scene.truth = np.maximum(scene.truth, ridge)
    scene.painted.append((cover[..., 0] > 0.1, ridge))


def _painted_share(scene: PatchScene, period_m: float, share: float, phase: float) -> np.ndarray:
    """Share of the road within a row's pixel that dashes paint: (rows, 1) float32 [0, 1].

    Far dashes are shorter than a pixel and fade, as a camera sees them.
    """

    def painted_periods(place: np.ndarray) -> np.ndarray:
        whole = np.floor(place)
        return whole * share + np.minimum(place - whole, share)

    middle, half = scene.ahead_m / period_m + phase, scene.pixel_m / period_m / 2
    return (painted_periods(middle + half) - painted_periods(middle - half)) / (2 * half)


def remove_invisible_lines(scene: PatchScene) -> None:
    """Remove lines from the truth whose paint is neither brighter nor yellower than the road on both of its sides."""
    red, green, blue = cv2.split(scene.image)
    planes = (red + green) / 2, np.minimum(red, green) - blue
    for paint, ridge in scene.painted:
        row, column = np.nonzero(paint & (scene.truth > 0.5))
        if not any(_stands_out(plane, row, column) for plane in planes):
            scene.truth[ridge > 0.02] = 0


def _stands_out(plane: np.ndarray, row: np.ndarray, column: np.ndarray) -> bool:
    """Whether the pixels (row, column) of a (rows, columns) plane are higher than the pixels beside them."""
    samples = len(row) / PIXELS_PER_SAMPLE
    if samples < 2:
        return False
    left = plane[row, np.maximum(column - BESIDE_COLUMNS, 0)]
    right = plane[row, np.minimum(column + BESIDE_COLUMNS, NET_COLUMNS - 1)]
    noise = 1.0 + float(np.std(left - right)) / np.sqrt(2)
    # The maximum of two samples of one distribution is about half a sigma above its mean.
    step = float(np.mean(plane[row, column] - np.maximum(left, right))) + 0.5 * noise
    return step * np.sqrt(samples) > VISIBLE_SIGMAS * noise
