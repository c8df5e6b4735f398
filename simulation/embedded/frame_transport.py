"""Transport of frames from exposure to publication: delays them and drops some."""

from collections import deque
from typing import Generic, Protocol, TypeVar

import numpy as np


class Timestamped(Protocol):
    """What the transport needs to know of a frame."""

    timestamp: float  # s, world time of the exposure


FrameT = TypeVar("FrameT", bound=Timestamped)


class FrameTransport(Generic[FrameT]):
    """Returns frames in order, `delay_s` after their exposure; drops each with probability `drop_ratio`."""

    def __init__(self, delay_s: float, drop_ratio: float, seed: int) -> None:
        self._delay_s, self._drop_ratio = delay_s, drop_ratio
        self._random = np.random.default_rng([seed, 4])
        self._in_transit: deque[FrameT] = deque()

    def step(self, exposed: FrameT | None, now_s: float) -> FrameT | None:
        """Accept the frame exposed at this tick, if any; return the frame that is published at it, if any."""
        if exposed is not None and self._random.random() >= self._drop_ratio:
            self._in_transit.append(exposed)
        if self._in_transit and self._in_transit[0].timestamp + self._delay_s <= now_s + 1e-9:
            return self._in_transit.popleft()
        return None

    def clear(self) -> None:
        """Discard all frames in transit."""
        self._in_transit.clear()
