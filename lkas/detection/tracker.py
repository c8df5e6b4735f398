"""What one frame of a film tells the next: where to expect the lines, and for how long each has been followed.

It never smooths: it only lets the line that was there win between two of like strength. After a gap, a jump back
in time or a frame without a lane it knows nothing, so a cut costs nothing.
"""

import math
from collections.abc import Sequence

from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.detection.lane_fit.search import LaneGuess

MEMORY_S = 0.3  # older frames tell nothing about this one
SAME_LINE_M = 0.4  # a line's largest step between two frames; a lane change moves it by more


class LaneTracker:
    """Memory of one frame."""

    def __init__(self) -> None:
        self._timestamp: float | None = None
        self._guess: LaneGuess | None = None
        self._ages = [0, 0]
        self._offs: list[float] = [math.inf, math.inf]

    def expected(self, timestamp: float) -> LaneGuess | None:
        """Where the lines were in a frame just before this one."""
        if self._timestamp is None or not 0 < timestamp - self._timestamp <= MEMORY_S:
            return None
        return self._guess

    @staticmethod
    def is_followed(before: LaneGuess, fit: RoadFit | None) -> bool:
        """Whether both lines are where they were."""
        if fit is None:
            return False
        return _is_same(before.left_m, _place_m(fit.left)) and _is_same(before.right_m, _place_m(fit.right))

    def least_off(self, place_m: float, off: float) -> float:
        """How far a line that is `off` now was off at the least while it was followed, on either side of the car.

        Only where `expected` knows something."""
        assert self._guess is not None
        olds = zip((self._guess.left_m, self._guess.right_m), self._offs, strict=True)
        return min([off, *(old_off for old_m, old_off in olds if _is_same(old_m, place_m))])

    def follow(
        self, timestamp: float, guess: LaneGuess | None, fit: RoadFit | None, offs: Sequence[float]
    ) -> tuple[int, int]:
        """Remember this frame, and how far its lines were off; returns for how many frames (left, right) were there
        before it."""
        before = self.expected(timestamp)
        places: list[float | None] = []
        for side, line in enumerate((fit.left, fit.right) if fit else (None, None)):
            place = _place_m(line)
            old = None if before is None else (before.left_m, before.right_m)[side]
            self._ages[side] = self._ages[side] + 1 if _is_same(old, place) else 0
            places.append(place)
        self._timestamp = timestamp
        self._offs = list(offs)
        self._guess = None if guess is None else LaneGuess(guess.course, places[0], places[1])
        return self._ages[0], self._ages[1]


def _place_m(line: FittedLine | None) -> float | None:
    return None if line is None else float(line.coefficients[0])


def _is_same(old_m: float | None, new_m: float | None) -> bool:
    return old_m is not None and new_m is not None and abs(new_m - old_m) < SAME_LINE_M
