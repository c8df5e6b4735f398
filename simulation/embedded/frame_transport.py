"""The way of a frame from its exposure to its publication: it may take time, and it may get lost."""

from collections import deque
from typing import Generic, Protocol, TypeVar

import numpy as np


class Exposed(Protocol):
    """A frame, as far as its way is concerned."""

    timestamp: float  # s, world time of the exposure


AFrame = TypeVar("AFrame", bound=Exposed)


class CameraPath(Generic[AFrame]):
    """Frames come out in order, `delay_s` after their exposure; `drop_ratio` of them, by chance, never."""

    def __init__(self, delay_s: float, drop_ratio: float, seed: int) -> None:
        self._delay_s, self._drop_ratio = delay_s, drop_ratio
        self._random = np.random.default_rng([seed, 4])
        self._on_the_way: deque[AFrame] = deque()

    def step(self, exposed: AFrame | None, now_s: float) -> AFrame | None:
        """Take the frame exposed at this tick, if any; give the one that is published at it, if any."""
        if exposed is not None and self._random.random() >= self._drop_ratio:
            self._on_the_way.append(exposed)
        if self._on_the_way and self._on_the_way[0].timestamp + self._delay_s <= now_s + 1e-9:
            return self._on_the_way.popleft()
        return None

    def clear(self) -> None:
        """Nothing is on its way any more."""
        self._on_the_way.clear()
