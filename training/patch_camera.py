"""The camera's effects on a drawn patch: shadows and light, the bonnet, the image's borders, blur, noise and JPEG."""

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMNS, NET_ROWS
from training.patch_scene import ACROSS_M, SHAPE, PatchScene, chance, cloud


def shadows(scene: PatchScene) -> None:
    """Shadows of bridges and vehicles (polygons), of trees (blobs), of poles and rails (stripes)."""
    random = scene.random
    for _ in range(0 if scene.is_fair else random.integers(0, 3)):
        kind = random.random()
        if kind < 0.4:
            corners = random.uniform(-0.2, 1.2, (random.integers(3, 6), 2)) * [NET_COLUMNS, NET_ROWS]
            dark = np.zeros(SHAPE, np.float32)
            cv2.fillPoly(dark, [corners.astype(np.int32)], 1.0)
            dark = cv2.GaussianBlur(dark, (0, 0), random.uniform(0.5, 3))
        elif kind < 0.85:
            blobs = cloud(random, random.uniform(3, 12), random.uniform(6, 30))
            dark = 1 / (1 + np.exp(-blobs * random.uniform(2, 8) + random.uniform(0, 2)))
        else:
            place_m = random.uniform(-6, 6) + random.uniform(-0.3, 0.3) * scene.ahead_m
            dark = (np.abs(scene.road_m - place_m) < random.uniform(0.05, 0.5)).astype(np.float32)
        scene.image = scene.image * (1 - random.uniform(0.2, 0.78) * dark[..., None])


def light(scene: PatchScene) -> None:
    """Dusk gradients; headlamps at night; reflections on a wet road; haze."""
    random = scene.random
    ray = ACROSS_M / scene.ahead_m
    if scene.is_night:
        cone = np.exp(-0.5 * ((ray - random.uniform(-0.08, 0.05)) / random.uniform(0.15, 0.5)) ** 2)
        cone = cone * np.exp(-scene.ahead_m / random.uniform(8, 45)) * random.uniform(0.4, 1.6)
        light = random.uniform(0.04, 0.3) + cone
        tint = np.array([1, random.uniform(0.8, 1), random.uniform(0.5, 1.05)], np.float32)
        scene.image = scene.image * light[..., None] * tint
    else:
        slope = random.uniform(-0.35, 0.35) * (1 - 2 * scene.far_ratio) + random.uniform(-0.2, 0.2) * ACROSS_M / 6
        scene.image = scene.image * (1 + slope)[..., None]
    if scene.is_fair:
        return
    if chance(random, 0.3 if scene.is_night else 0.12):  # reflections of lamps and sky lie along the rays
        beams = random.uniform(-0.6, 0.6, random.integers(1, 7)), random.uniform(0.004, 0.05)
        glow = np.zeros(SHAPE, np.float32)
        for at in beams[0]:
            glow += np.exp(-0.5 * ((ray - at) / beams[1]) ** 2) * random.uniform(0.2, 1)
        glow *= np.clip(0.6 + 0.5 * cloud(random, 3, 20), 0, 1.5)
        colour = random.uniform(60, 200, 3) * [1, random.uniform(0.6, 1), random.uniform(0.4, 1)]
        scene.image = scene.image * random.uniform(0.5, 1) + glow[..., None] * colour
    if chance(random, 0.15):
        haze = 1 - np.exp(-scene.ahead_m / random.uniform(12, 90))[..., None]
        scene.image = scene.image * (1 - haze) + haze * random.uniform(90, 215)


def bonnet(scene: PatchScene) -> None:
    """The car's bonnet at the near end, with reflections."""
    random = scene.random
    if not chance(random, 0.4):
        return
    aside = (np.linspace(-1, 1, NET_COLUMNS) + random.uniform(-0.3, 0.3)) ** 2
    if chance(random, 0.5):
        edge = random.uniform(2, 18) * (1 - random.uniform(0, 0.6) * aside)
    else:  # a camera far back sees a dome
        edge = random.uniform(14, 55) * (1 - random.uniform(0.6, 5) * aside)
    here = np.arange(NET_ROWS)[::-1, None] < edge[None]
    mirrored = cloud(random, random.uniform(2, 8), random.uniform(4, 30))[..., None]
    metal = random.uniform(0, 140) * random.uniform(0.7, 1.2, 3) * (1 + random.uniform(0.1, 0.7) * mirrored)
    scene.image[here] = metal[here]
    scene.truth[here] = 0


def image_borders(scene: PatchScene) -> None:
    """Beyond the image's sides the outermost pixel is repeated, as RoadView.sample does."""
    random = scene.random
    left_ray, right_ray = random.uniform(0.3, 1.1), -random.uniform(0.3, 1.1)
    ray = ACROSS_M / scene.ahead_m
    left = np.argmax(ray <= left_ray, axis=1)
    right = NET_COLUMNS - 1 - np.argmax(ray[:, ::-1] >= right_ray, axis=1)
    columns = np.arange(NET_COLUMNS)[None]
    inside = np.clip(columns, left[:, None], right[:, None])
    scene.image = np.take_along_axis(scene.image, inside[..., None], axis=1)
    scene.truth[columns != inside] = 0


def optics(scene: PatchScene) -> None:
    """Far rows are blurred by the resampling; exposure, contrast, defocus, motion, dirt and drops, noise, JPEG."""
    random = scene.random
    image = scene.image.astype(np.float32)
    widest = int(1 + 2 * random.integers(0, 3))
    image = cv2.blur(image, (widest, 1)) * scene.far_ratio[..., None] + image * (1 - scene.far_ratio[..., None])
    if chance(random, 0.4):
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 1.4))
    if chance(random, 0.15):
        image = cv2.blur(image, (1, int(random.integers(2, 8))))
    for _ in range(random.integers(1, 5) if chance(random, 0.1) else 0):
        spot = np.zeros(SHAPE, np.float32)
        centre = int(random.integers(0, NET_COLUMNS)), int(random.integers(0, NET_ROWS))
        cv2.ellipse(spot, centre, (int(random.integers(3, 25)), int(random.integers(3, 15))), 0, 0, 360, 1, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), random.uniform(1, 4))[..., None] * random.uniform(0.3, 0.95)
        image = image * (1 - spot) + spot * cv2.blur(image, (31, 31)) * random.uniform(0.4, 1.3)
    if scene.is_fair:
        image *= random.uniform(0.75, 1.25)
        noise = random.uniform(0, 3)
    else:
        image *= random.uniform(0.1, 0.35) if chance(random, 0.1) else random.uniform(0.45, 1.5)
        if chance(random, 0.3):
            image = image * random.uniform(0.25, 1) + random.uniform(0, 120)
        noise = random.uniform(0, 7) if chance(random, 0.9) else random.uniform(7, 20)
    image += random.standard_normal(image.shape, dtype=np.float32) * noise
    image = np.clip(image, 0, 255)
    if chance(random, 0.2):
        compressed = cv2.imencode(
            ".jpg", image.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 80))]
        )
        image = cv2.imdecode(compressed[1], cv2.IMREAD_COLOR).astype(np.float32)
    scene.image = image
