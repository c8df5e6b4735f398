"""Drawn patches of the rectified road view, each with the truth about its lines.

A patch looks like what `lkas.detection.rectify.RoadView` samples: rows are even steps in 1/sqrt(distance) with the
far one first, columns even steps across the road with the leftmost first. Everything on the road lies in metres;
what stands on it (vehicles, rails, poles) is cast along the camera's rays, as the resampling would cast it.
Only random numbers go in: no photograph, no other people's labels. A line that nobody could see in the finished
patch is not in the truth: taught otherwise, a network sees lines on bare roads.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMN_M, NET_COLUMNS, NET_ROWS

ACROSS_M = (NET_COLUMN_M * (NET_COLUMNS // 2 - 0.5 - np.arange(NET_COLUMNS, dtype=np.float32)))[None]
LINE_SIGMA_M = 0.09  # the truth is a soft ridge of this width on a line's middle
SHAPE = (NET_ROWS, NET_COLUMNS)
SEEN_SIGMAS = 2.0  # paint less different from the road beside it than so many sigmas can not be seen
BESIDE_COLUMNS = 6  # from a line's middle to the road beside it
SPECKS_PER_WITNESS = 4  # neighbouring pixels are alike: so many of them count as one
# Period in metres and painted share of dashes as roads have them: North America's 3 m of 12, Europe's 6 of 18 and of
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


@dataclass(slots=True)
class Scene:
    """A patch being drawn. picture: (rows, columns, 3) float32 RGB levels; truth: (rows, columns) float32 [0, 1];
    ahead_m: (rows, 1); road_m: (rows, columns) lateral place on the road, the bends and the car's heading taken out.
    """

    random: np.random.Generator
    ahead_m: np.ndarray
    road_m: np.ndarray
    camera_m: float
    picture: np.ndarray
    truth: np.ndarray
    lane_m: float
    middle_m: float  # of the ego lane
    far_ratio: np.ndarray  # (rows, 1), 0 near .. 1 far
    pixel_m: np.ndarray  # (rows, 1), how much of the road's length one pixel of the image shows
    is_fair: bool  # an evenly lit road and a good camera, as most are by day
    is_night: bool
    painted: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Per line, (rows, columns): bool where its paint is, and float32 its share of the truth."""


def draw_patch(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """-> (rows, columns, 3) uint8 RGB patch, (rows, columns) uint8 truth (255 on a line's middle)."""
    scene = _empty_road(random)
    _surface(scene)
    outer = _lines(scene)
    _beside_the_road(scene, outer)
    _distractors(scene)
    _shadows(scene)
    _rails_and_poles(scene, outer)
    _vehicles(scene)
    _light(scene)
    _bonnet(scene)
    _image_borders(scene)
    _optics(scene)
    _forget_unseen_lines(scene)
    return np.clip(scene.picture, 0, 255).astype(np.uint8), np.round(scene.truth * 255).astype(np.uint8)


def cloud(random: np.random.Generator, rows: float, columns: float) -> np.ndarray:
    """Smooth noise of standard deviation near 1 with grains of so many rows and columns; (rows, columns) float32."""
    height, width = int(NET_ROWS / rows) + 2, int(NET_COLUMNS / columns) + 2
    grains = random.standard_normal((height, width), dtype=np.float32)
    return cv2.resize(grains, (NET_COLUMNS, NET_ROWS), interpolation=cv2.INTER_LINEAR)


def chance(random: np.random.Generator, share: float) -> bool:
    return bool(random.random() < share)


def _empty_road(random: np.random.Generator) -> Scene:
    near_m, far_m = random.uniform(1.8, 7.0), random.uniform(28.0, 75.0)
    ahead_m = np.linspace(far_m**-0.5, near_m**-0.5, NET_ROWS, dtype=np.float32)[:, None] ** -2
    camera_m = random.uniform(1.0, 1.9)
    heading = random.normal(0, 0.012) if chance(random, 0.85) else random.uniform(-0.07, 0.07)
    bend = random.normal(0, 1 / 1200) if chance(random, 0.75) else random.uniform(-1 / 100, 1 / 100)
    # A pitch error of e radians stretches the far road by the ratio e x / camera_m: lines close or open like a V.
    stretch = 1 + np.clip(random.normal(0, 0.008), -0.02, 0.02) * ahead_m / camera_m
    course_m = heading * ahead_m + bend / 2 * ahead_m**2 + random.normal(0, 1e-6) * ahead_m**3
    road_m = (ACROSS_M - course_m) / np.maximum(stretch, 0.4)
    lane_m = random.uniform(2.6, 4.2)
    is_fair = chance(random, 0.35)
    return Scene(
        random=random,
        ahead_m=ahead_m,
        road_m=road_m.astype(np.float32),
        camera_m=camera_m,
        picture=np.empty((*SHAPE, 3), np.float32),
        truth=np.zeros(SHAPE, np.float32),
        lane_m=lane_m,
        middle_m=random.uniform(-0.4, 0.4) * lane_m,
        far_ratio=np.linspace(1, 0, NET_ROWS, dtype=np.float32)[:, None],
        pixel_m=ahead_m**2 / (camera_m * random.uniform(500, 1600)),
        is_fair=is_fair,
        is_night=not is_fair and chance(random, 0.18),
    )


def _surface(scene: Scene) -> None:
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
    scene.picture = grey[..., None] * tint


def _lines(scene: Scene) -> tuple[float, float]:
    """The ego lane's lines and their neighbours, some of them missing; -> outermost places (right, left), metres."""
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


def _slab_seams(scene: Scene, places: list[float]) -> None:
    """Lanes are paved one by one: dark seams close beside the lines, some sealed with tar, with a bright rim."""
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
        scene.picture *= (1 - depth * shade + rim)[..., None]


def _line(scene: Scene, place_m: float) -> None:
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
        worn *= np.clip(0.6 + cloud(random, 12, NET_COLUMNS), 0, 1)  # whole stretches are gone
    cover = (paint * worn * random.uniform(0.15, 1.0))[..., None]
    if chance(random, 0.3):
        colour = np.array([random.uniform(170, 245), random.uniform(135, 205), random.uniform(20, 130)], np.float32)
    else:
        colour = np.full(3, random.uniform(175, 255), np.float32)
    if scene.picture.mean() < 80:
        colour *= random.uniform(0.5, 1.0)
    scene.picture = scene.picture * (1 - cover) + cover * np.maximum(scene.picture * 1.1, colour)
    middles = (-twins, twins) if twins > 0.15 else (0.0,)
    ridges = [np.exp(-0.5 * ((road_m - place_m - middle) / LINE_SIGMA_M) ** 2) for middle in middles]
    ridge = np.maximum.reduce(ridges)
    scene.truth = np.maximum(scene.truth, ridge)
    scene.painted.append((cover[..., 0] > 0.1, ridge))


def _painted_share(scene: Scene, period_m: float, share: float, phase: float) -> np.ndarray:
    """How much of the road within a row's pixel is painted by dashes: (rows, 1) float32 [0, 1].

    Far dashes are shorter than a pixel and fade, as a camera sees them.
    """

    def painted_periods(place: np.ndarray) -> np.ndarray:
        whole = np.floor(place)
        return whole * share + np.minimum(place - whole, share)

    middle, half = scene.ahead_m / period_m + phase, scene.pixel_m / period_m / 2
    return (painted_periods(middle + half) - painted_periods(middle - half)) / (2 * half)


def _forget_unseen_lines(scene: Scene) -> None:
    """Take lines out of the truth whose paint is neither brighter nor yellower than the road on both of its sides."""
    red, green, blue = cv2.split(scene.picture)
    planes = (red + green) / 2, np.minimum(red, green) - blue
    for paint, ridge in scene.painted:
        row, column = np.nonzero(paint & (scene.truth > 0.5))
        if not any(_stands_out(plane, row, column) for plane in planes):
            scene.truth[ridge > 0.02] = 0


def _stands_out(plane: np.ndarray, row: np.ndarray, column: np.ndarray) -> bool:
    """Whether the places (row, column) of a (rows, columns) plane are higher than what lies beside them."""
    witnesses = len(row) / SPECKS_PER_WITNESS
    if witnesses < 2:
        return False
    left = plane[row, np.maximum(column - BESIDE_COLUMNS, 0)]
    right = plane[row, np.minimum(column + BESIDE_COLUMNS, NET_COLUMNS - 1)]
    noise = 1.0 + float(np.std(left - right)) / np.sqrt(2)
    # The greater one of two like numbers lies about half a sigma above their mean.
    step = float(np.mean(plane[row, column] - np.maximum(left, right))) + 0.5 * noise
    return step * np.sqrt(witnesses) > SEEN_SIGMAS * noise


def _beside_the_road(scene: Scene, outer: tuple[float, float]) -> None:
    """Shoulder, kerb, gutter, verge: another texture from some place outwards; a kerb's top can look like a line."""
    random = scene.random
    for side, place_m in ((-1, outer[0]), (1, outer[1])):
        if not chance(random, 0.75):
            continue
        beyond_m = side * (scene.road_m - place_m) - random.uniform(0.25, 3.5)
        if chance(random, 0.4):  # kerb: one or two strips
            width_m = random.uniform(0.12, 0.4)
            here = (beyond_m > -width_m) & (beyond_m <= 0)
            scene.picture[here] = scene.picture[here] * random.uniform(0.5, 1.9)
            if chance(random, 0.5):
                here = (beyond_m > -width_m - 0.15) & (beyond_m <= -width_m)
                scene.picture[here] *= random.uniform(0.4, 0.9)
        if chance(random, 0.5):
            colour = (random.uniform(20, 210) * random.uniform(0.75, 1.15, 3)).astype(np.float32)
        else:
            colour = np.array([130, 110, 60] if chance(random, 0.5) else [70, 105, 55]) * random.uniform(0.4, 1.6)
        texture = 1 + 0.35 * cloud(random, random.uniform(1.2, 6), random.uniform(2, 12))
        verge = (colour.astype(np.float32) * texture[..., None]).astype(np.float32)
        here = beyond_m > 0
        scene.picture[here] = verge[here]
        scene.truth[here] = 0


def _distractors(scene: Scene) -> None:
    """Arrows, stop lines, crossings, manholes, oil, leaning cracks and tar: paint and dirt that is no lane line."""
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
        scene.picture = scene.picture * (1 - mask + mask * random.uniform(0.5, 1.9))


def _shadows(scene: Scene) -> None:
    """Of bridges and vehicles (polygons), of trees (blobs), of poles and rails (stripes)."""
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
        scene.picture = scene.picture * (1 - random.uniform(0.2, 0.78) * dark[..., None])


def _rails_and_poles(scene: Scene, outer: tuple[float, float]) -> None:
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
            scene.picture[here] = random.uniform(20, 235) * (1 + 0.2 * cloud(random, 4, 6)[here][:, None])
            scene.truth[here] = 0
    for _ in range(random.integers(0, 2)):
        ray = ACROSS_M / scene.ahead_m
        at = random.uniform(-0.5, 0.5)
        here = (np.abs(ray - at) < random.uniform(0.002, 0.008)) & (scene.ahead_m > random.uniform(8, 60))
        scene.picture[here] = random.uniform(10, 230)


def _wall(scene: Scene, side: int, foot_m: float) -> None:
    """A concrete barrier, parapet or fence: gutter, face (with bars, if it is a fence), and a lit top like a line."""
    random = scene.random
    out_m = side * scene.road_m
    height_ratio = random.uniform(0.3, 0.85)  # of the camera's height
    reach_m = abs(foot_m) * height_ratio / (1 - height_ratio)  # a ray over its top meets the road so much farther out
    level = random.uniform(30, 190)
    gutter = (out_m > foot_m - random.uniform(0.05, 0.4)) & (out_m <= foot_m)
    scene.picture[gutter] *= random.uniform(0.4, 1.1)
    face = (out_m > foot_m) & (out_m < foot_m + reach_m)
    grey = level * (1 + 0.15 * cloud(random, random.uniform(1, 8), 8))
    if chance(random, 0.4):
        bars = (scene.ahead_m / random.uniform(0.4, 3) + out_m * random.uniform(-2, 2)) % 1 < random.uniform(0.15, 0.5)
        face &= bars
    scene.picture[face] = grey[face][:, None]
    top = (out_m > foot_m + reach_m) & (out_m < foot_m + reach_m + random.uniform(0.08, 0.5))
    scene.picture[top] = min(250.0, level * random.uniform(1.0, 2.2))
    scene.truth[out_m > foot_m] = 0


def _vehicles(scene: Scene) -> None:
    """Boxes standing on the road, cast along the camera's rays, with a shadow under them and lamps."""
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
        scene.picture[under] *= random.uniform(0.15, 0.7)
        scene.picture[body] = (colour * (1 + 0.3 * cloud(random, 5, 6)[..., None]))[body]
        scene.truth[body] = 0
        if chance(random, 0.4):
            for side in (-0.75, 0.75):
                lamp = np.exp(-(((ACROSS_M / growth - place_m - side * half_m) / 0.2) ** 2))
                lamp = lamp * np.exp(-(((np.log(growth) - 0.35) / 0.1) ** 2))
                scene.picture += lamp[..., None] * np.array([200, random.uniform(0, 190), random.uniform(0, 160)])


def _light(scene: Scene) -> None:
    """Dusk gradients; at night headlamps and lit paint; on wet road the mirror of what stands ahead; haze."""
    random = scene.random
    ray = ACROSS_M / scene.ahead_m
    if scene.is_night:
        cone = np.exp(-0.5 * ((ray - random.uniform(-0.08, 0.05)) / random.uniform(0.15, 0.5)) ** 2)
        cone = cone * np.exp(-scene.ahead_m / random.uniform(8, 45)) * random.uniform(0.4, 1.6)
        light = random.uniform(0.04, 0.3) + cone
        tint = np.array([1, random.uniform(0.8, 1), random.uniform(0.5, 1.05)], np.float32)
        scene.picture = scene.picture * light[..., None] * tint
    else:
        slope = random.uniform(-0.35, 0.35) * (1 - 2 * scene.far_ratio) + random.uniform(-0.2, 0.2) * ACROSS_M / 6
        scene.picture = scene.picture * (1 + slope)[..., None]
    if scene.is_fair:
        return
    if chance(random, 0.3 if scene.is_night else 0.12):  # mirrored lamps and sky run along the rays
        beams = random.uniform(-0.6, 0.6, random.integers(1, 7)), random.uniform(0.004, 0.05)
        glow = np.zeros(SHAPE, np.float32)
        for at in beams[0]:
            glow += np.exp(-0.5 * ((ray - at) / beams[1]) ** 2) * random.uniform(0.2, 1)
        glow *= np.clip(0.6 + 0.5 * cloud(random, 3, 20), 0, 1.5)
        colour = random.uniform(60, 200, 3) * [1, random.uniform(0.6, 1), random.uniform(0.4, 1)]
        scene.picture = scene.picture * random.uniform(0.5, 1) + glow[..., None] * colour
    if chance(random, 0.15):
        haze = 1 - np.exp(-scene.ahead_m / random.uniform(12, 90))[..., None]
        scene.picture = scene.picture * (1 - haze) + haze * random.uniform(90, 215)


def _bonnet(scene: Scene) -> None:
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
    scene.picture[here] = metal[here]
    scene.truth[here] = 0


def _image_borders(scene: Scene) -> None:
    """Beyond the image's sides the outermost pixel is repeated, as RoadView.sample does."""
    random = scene.random
    left_ray, right_ray = random.uniform(0.3, 1.1), -random.uniform(0.3, 1.1)
    ray = ACROSS_M / scene.ahead_m
    left = np.argmax(ray <= left_ray, axis=1)
    right = NET_COLUMNS - 1 - np.argmax(ray[:, ::-1] >= right_ray, axis=1)
    columns = np.arange(NET_COLUMNS)[None]
    inside = np.clip(columns, left[:, None], right[:, None])
    scene.picture = np.take_along_axis(scene.picture, inside[..., None], axis=1)
    scene.truth[columns != inside] = 0


def _optics(scene: Scene) -> None:
    """Far rows are blurred by the resampling; exposure, contrast, defocus, motion, dirt and drops, noise, JPEG."""
    random = scene.random
    picture = scene.picture.astype(np.float32)
    widest = int(1 + 2 * random.integers(0, 3))
    picture = cv2.blur(picture, (widest, 1)) * scene.far_ratio[..., None] + picture * (1 - scene.far_ratio[..., None])
    if chance(random, 0.4):
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.4))
    if chance(random, 0.15):
        picture = cv2.blur(picture, (1, int(random.integers(2, 8))))
    for _ in range(random.integers(1, 5) if chance(random, 0.1) else 0):
        spot = np.zeros(SHAPE, np.float32)
        centre = int(random.integers(0, NET_COLUMNS)), int(random.integers(0, NET_ROWS))
        cv2.ellipse(spot, centre, (int(random.integers(3, 25)), int(random.integers(3, 15))), 0, 0, 360, 1, -1)
        spot = cv2.GaussianBlur(spot, (0, 0), random.uniform(1, 4))[..., None] * random.uniform(0.3, 0.95)
        picture = picture * (1 - spot) + spot * cv2.blur(picture, (31, 31)) * random.uniform(0.4, 1.3)
    if scene.is_fair:
        picture *= random.uniform(0.75, 1.25)
        noise = random.uniform(0, 3)
    else:
        picture *= random.uniform(0.1, 0.35) if chance(random, 0.1) else random.uniform(0.45, 1.5)
        if chance(random, 0.3):
            picture = picture * random.uniform(0.25, 1) + random.uniform(0, 120)
        noise = random.uniform(0, 7) if chance(random, 0.9) else random.uniform(7, 20)
    picture += random.standard_normal(picture.shape, dtype=np.float32) * noise
    picture = np.clip(picture, 0, 255)
    if chance(random, 0.2):
        packed = cv2.imencode(
            ".jpg", picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 80))]
        )
        picture = cv2.imdecode(packed[1], cv2.IMREAD_COLOR).astype(np.float32)
    scene.picture = picture
