"""How the ground looks under a condition: the figures the kernel wants, and the beam of the headlights."""

from typing import NamedTuple

import numpy as np

from simulation.conditions import Condition, Rgb

VERGE, PAVEMENT, TRACK, STAIN = (142, 138, 122), (104, 105, 108), (99, 100, 103), (72, 72, 74)
WHITE, YELLOW = (232, 233, 230), (226, 178, 54)
WORN_PAVEMENT = (122, 121, 119)  # old asphalt is paler
MIRRORED_SKY = (176, 184, 190)
BEAM_UP_RAD, BEAM_DOWN_RAD = 0.012, 0.11  # where dipped headlights end above, and fade out below
BEAM_SIDE_RAD = 0.30


class Look(NamedTuple):
    """The kernel's figures, by its names and in its order (a test compares)."""

    verge_r: float
    verge_g: float
    verge_b: float
    pavement_r: float
    pavement_g: float
    pavement_b: float
    track_r: float
    track_g: float
    track_b: float
    stain_r: float
    stain_g: float
    stain_b: float
    white_r: float
    white_g: float
    white_b: float
    yellow_r: float
    yellow_g: float
    yellow_b: float
    haze_r: float
    haze_g: float
    haze_b: float
    haze_m: float
    grain: float
    wear: float
    shadow: float
    wet: float
    sky_r: float
    sky_g: float
    sky_b: float
    ambient: float
    lamps: float


def look_of(condition: Condition) -> Look:
    """Colours before light falls on them, and how much of what."""
    old = condition.wear
    pavement, track = _between(PAVEMENT, WORN_PAVEMENT, old), _between(TRACK, WORN_PAVEMENT, old)
    return Look(
        *VERGE,
        *pavement,
        *track,
        *STAIN,
        *WHITE,
        *YELLOW,
        *condition.haze,
        haze_m=condition.haze_m,
        grain=1.0,
        wear=condition.wear,
        shadow=condition.shadow,
        wet=condition.wet,
        sky_r=MIRRORED_SKY[0],
        sky_g=MIRRORED_SKY[1],
        sky_b=MIRRORED_SKY[2],
        ambient=condition.ambient,
        lamps=condition.lamps,
    )


def _between(one: Rgb, other: Rgb, share: float) -> Rgb:
    r, g, b = (a + (c - a) * share for a, c in zip(one, other, strict=True))
    return r, g, b


def beam_of(rays_ego: np.ndarray) -> np.ndarray:
    """(H, W) uint8: how bright own headlights are in the direction of each pixel, at no distance.

    `rays_ego`: (H, W, 3) directions, ego axes. Dipped beam: cut off just below the horizon, wide, fading at the feet.
    """
    azimuth = np.arctan2(rays_ego[..., 1], rays_ego[..., 0])
    down = -np.arctan2(rays_ego[..., 2], np.hypot(rays_ego[..., 0], rays_ego[..., 1]))
    # On the right side it reaches a little higher, so as not to dazzle those who come from the left.
    cut = np.clip((down + 0.004 - 0.008 * np.clip(-azimuth / 0.1, 0, 1)) / BEAM_UP_RAD, 0, 1)
    feet = 0.25 + 0.75 / (1 + (np.maximum(down, 0) / BEAM_DOWN_RAD) ** 2)
    side = np.exp(-((azimuth / BEAM_SIDE_RAD) ** 2)) + 0.12
    return np.rint(np.clip(cut * feet * side, 0, 1) * 255).astype(np.uint8)
