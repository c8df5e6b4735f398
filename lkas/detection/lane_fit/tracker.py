"""Memory of one video frame for the next: where to expect the lines, and for how many frames each was followed.

Nothing is smoothed; among lines of similar strength the one that was there before wins. After a gap, a jump back in
time or a frame without a lane nothing is expected, so a cut in the video has no cost.
"""

import math
from collections.abc import Sequence

from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.detection.lane_fit.search import LaneGuess

MEMORY_S = 0.3  # older frames are ignored
SAME_LINE_M = 0.4  # a line's largest step between two frames; a lane change is a larger one


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

    def min_off(self, place_m: float, off: float) -> float:
        """The smallest distance of a line from its usual place since it is followed, on either side of the car.

        `off`: its distance now. Only where `expected` returns a guess."""
        assert self._guess is not None
        before = zip((self._guess.left_m, self._guess.right_m), self._offs, strict=True)
        return min([off, *(old_off for old_m, old_off in before if _is_same(old_m, place_m))])

    def follow(
        self, timestamp: float, guess: LaneGuess | None, fit: RoadFit | None, offs: Sequence[float]
    ) -> tuple[int, int]:
        """Remember this frame and how far its lines were off; returns for how many earlier frames (left, right) were
        followed."""
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


def is_followed(previous: LaneGuess, fit: RoadFit | None) -> bool:
    """Whether both lines are where they were."""
    if fit is None:
        return False
    return _is_same(previous.left_m, _place_m(fit.left)) and _is_same(previous.right_m, _place_m(fit.right))


def _place_m(line: FittedLine | None) -> float | None:
    return None if line is None else float(line.coefficients[0])


def _is_same(old_m: float | None, new_m: float | None) -> bool:
    return old_m is not None and new_m is not None and abs(new_m - old_m) < SAME_LINE_M
