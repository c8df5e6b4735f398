"""The vanishing point of a film: the median over what its frames say.

A frame says it twice: by its straight segments (dear, so only at the beginning and when lanes are missing) and by
the two lines fitted in it (free). The camera is bolted on; what moves from frame to frame is the car.
"""

from collections import deque

import numpy as np

from lkas.integration.shared_memory.messages import CalibrationStatus

FULL_SAMPLES = 60  # two-line frames a finished estimate rests on
KEPT_SAMPLES = 300
RENEWED_EVERY = 10  # samples of a finished estimate: it hardly moves any more, and medians take their time
CALIBRATED_SPREAD_RATIO = 0.02  # of the image width
JUMP_RATIO = 0.08  # of the image width: a sample this far from the estimate is of something else
LOST_S = 1.0  # so long without a lane, and the segments are asked again
FIRST_LOOKS = 3  # frames at the beginning that are looked at as if they stood by themselves


class FilmCalibration:
    """Accumulates vanishing points (px) of one film of one image size."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT_SAMPLES)
        self._since_renewed = 0
        self._looks = 0
        self._lane_seen_s: float | None = None
        self._looked_s: float | None = None
        self.estimate_px: tuple[float, float] | None = None
        self.spread_px = 0.0

    @property
    def status(self) -> CalibrationStatus:
        if self.estimate_px is None:
            return CalibrationStatus.UNCALIBRATED
        full = len(self._samples) >= FULL_SAMPLES and self.spread_px < CALIBRATED_SPREAD_RATIO * self.size_px[0]
        return CalibrationStatus.CALIBRATED if full else CalibrationStatus.ESTIMATING

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * len(self._samples) / FULL_SAMPLES)

    def wants_look(self, timestamp: float) -> bool:
        """Whether this frame's segments are worth their time."""
        if self._looks < FIRST_LOOKS or self._looked_s is None or timestamp < self._looked_s:
            return True
        quiet_since_s = max(self._looked_s, self._looked_s if self._lane_seen_s is None else self._lane_seen_s)
        return timestamp - quiet_since_s > LOST_S

    def looked(self, timestamp: float, best_px: tuple[float, float] | None) -> None:
        """The frame was looked at by itself; `best_px` is where a lane was found, if one was."""
        self._looks += 1
        self._looked_s = timestamp
        if best_px is None:
            return
        if self.estimate_px is not None and self._is_jump(best_px):
            self._samples.clear()  # the old estimate found no lane here and this one did: another camera
        self._add(best_px)

    def lane_seen(self, timestamp: float, vanishing_point_px: tuple[float, float] | None) -> None:
        """A frame showed a lane; the point is given when the car drove straight between two sure lines."""
        self._lane_seen_s = timestamp
        if vanishing_point_px is None or (self.estimate_px is not None and self._is_jump(vanishing_point_px)):
            return
        self._add(vanishing_point_px)

    def _is_jump(self, point_px: tuple[float, float]) -> bool:
        assert self.estimate_px is not None
        return float(np.hypot(*np.subtract(point_px, self.estimate_px))) > JUMP_RATIO * self.size_px[0]

    def _add(self, point_px: tuple[float, float]) -> None:
        self._samples.append(point_px)
        self._since_renewed += 1
        if len(self._samples) > FULL_SAMPLES and self._since_renewed < RENEWED_EVERY:
            return
        self._since_renewed = 0
        points = np.array(self._samples)
        median = np.median(points, axis=0)
        self.estimate_px = float(median[0]), float(median[1])
        self.spread_px = float(1.48 * np.median(np.abs(points - median), axis=0).max())
