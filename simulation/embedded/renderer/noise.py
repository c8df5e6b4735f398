"""Periodic random fields, for asphalt, grass and clouds."""

import numpy as np


def periodic_field(random: np.random.Generator, height: int, width: int, falloff: float, coarsest: float) -> np.ndarray:
    """(height, width) float32 periodic field with mean 0 and standard deviation 1.

    Its amplitude falls with frequency ** -falloff (0: white noise, 1 and more: clouds); structures are at most
    1 / `coarsest` of the tile in size.
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None, :] * width)
    with np.errstate(divide="ignore"):
        amplitude = np.where(frequency < coarsest, 0.0, np.maximum(frequency, 1.0) ** -falloff)
    field = np.fft.irfft2(np.fft.rfft2(random.standard_normal((height, width))) * amplitude, s=(height, width))
    return (field / field.std()).astype(np.float32)


def as_uint8(field: np.ndarray, middle: float) -> np.ndarray:
    """A field as uint8 grey values around `middle`, clipped."""
    return np.clip(np.rint(middle + field), 0, 255).astype(np.uint8)
