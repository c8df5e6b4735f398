"""Appearance of the ground under a condition, as the C kernel takes it, and the beam of the headlights."""

from typing import NamedTuple

import numpy as np

from simulation.conditions import Condition, Rgb

VERGE, PAVEMENT, TRACK, STAIN = (142, 138, 122), (104, 105, 108), (99, 100, 103), (72, 72, 74)
WHITE, YELLOW = (232, 233, 230), (226, 178, 54)
WORN_PAVEMENT = (122, 121, 119)  # old asphalt is paler
REFLECTED_SKY = (176, 184, 190)
BEAM_UP_RAD, BEAM_DOWN_RAD = 0.012, 0.11  # cut-off of dipped headlights above, and fading below
BEAM_SIDE_RAD = 0.30


class GroundAppearance(NamedTuple):
    """Parameters of the kernel, with its names and in its order (compared by a test)."""

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


def appearance_of(condition: Condition) -> GroundAppearance:
    """Unlit colours and the strength of each effect."""
    pavement = _blend(PAVEMENT, WORN_PAVEMENT, condition.wear)
    track = _blend(TRACK, WORN_PAVEMENT, condition.wear)
    return GroundAppearance(
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
        sky_r=REFLECTED_SKY[0],
        sky_g=REFLECTED_SKY[1],
        sky_b=REFLECTED_SKY[2],
        ambient=condition.ambient,
        lamps=condition.lamps,
    )


def _blend(first: Rgb, second: Rgb, ratio: float) -> Rgb:
    r, g, b = (a + (c - a) * ratio for a, c in zip(first, second, strict=True))
    return r, g, b


def headlight_beam(rays_ego: np.ndarray) -> np.ndarray:
    """(H, W) uint8: intensity of the ego headlights in the direction of each pixel, without distance attenuation.

    `rays_ego`: (H, W, 3) directions in ego axes. A dipped beam: cut off just below the horizon, wide, and weaker near
    the car.
    """
    azimuth = np.arctan2(rays_ego[..., 1], rays_ego[..., 0])
    down = -np.arctan2(rays_ego[..., 2], np.hypot(rays_ego[..., 0], rays_ego[..., 1]))
    # The cut-off is a little higher on the right side, away from oncoming traffic.
    cut = np.clip((down + 0.004 - 0.008 * np.clip(-azimuth / 0.1, 0, 1)) / BEAM_UP_RAD, 0, 1)
    near = 0.25 + 0.75 / (1 + (np.maximum(down, 0) / BEAM_DOWN_RAD) ** 2)
    side = np.exp(-((azimuth / BEAM_SIDE_RAD) ** 2)) + 0.12
    return np.rint(np.clip(cut * near * side, 0, 1) * 255).astype(np.uint8)
