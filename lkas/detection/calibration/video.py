"""The vanishing point of a video: the median over its frames.

A frame provides it in two ways: from straight segments (slow, so only at the start and when lanes are missing) and from
the two lines fitted in it (free). The camera is fixed to the car; what moves from frame to frame is the car.
"""

from collections import deque

import numpy as np

from lkas.integration.shared_memory.messages import CalibrationStatus

FULL_SAMPLES = 60  # frames with two lines that make an estimate complete
KEPT_SAMPLES = 300
UPDATE_EVERY = 10  # samples, once the estimate is complete: it hardly moves, and medians are slow
CALIBRATED_SPREAD_RATIO = 0.02  # of the image width
JUMP_RATIO = 0.08  # of the image width: a sample this far from the estimate is an outlier
LOST_S = 1.0  # without a lane for longer, the segments are searched again
FIRST_SEARCHES = 3  # frames at the start that are searched as single images


class VideoCalibration:
    """Collects vanishing points (px) of one video of one image size."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size_px = size_px
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT_SAMPLES)
        self._since_update = 0
        self._searches = 0
        self._lane_seen_s: float | None = None
        self._searched_s: float | None = None
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

    def needs_search(self, timestamp: float) -> bool:
        """Whether this frame should be searched as a single image."""
        if self._searches < FIRST_SEARCHES or self._searched_s is None or timestamp < self._searched_s:
            return True
        quiet_since_s = max(self._searched_s, self._searched_s if self._lane_seen_s is None else self._lane_seen_s)
        return timestamp - quiet_since_s > LOST_S

    def add_search(self, timestamp: float, best_px: tuple[float, float] | None) -> None:
        """Record a search as a single image; `best_px`: the vanishing point if it found a lane."""
        self._searches += 1
        self._searched_s = timestamp
        if best_px is None:
            return
        if self.estimate_px is not None and self._is_jump(best_px):
            self._samples.clear()  # a lane was found here and not with the old estimate: it is another camera
        self._add(best_px)

    def add_lane(self, timestamp: float, vanishing_point_px: tuple[float, float] | None) -> None:
        """Record a frame with a lane; the point is given if the road was straight enough to determine it."""
        self._lane_seen_s = timestamp
        if vanishing_point_px is None or (self.estimate_px is not None and self._is_jump(vanishing_point_px)):
            return
        self._add(vanishing_point_px)

    def _is_jump(self, point_px: tuple[float, float]) -> bool:
        assert self.estimate_px is not None
        return float(np.hypot(*np.subtract(point_px, self.estimate_px))) > JUMP_RATIO * self.size_px[0]

    def _add(self, point_px: tuple[float, float]) -> None:
        self._samples.append(point_px)
        self._since_update += 1
        if len(self._samples) > FULL_SAMPLES and self._since_update < UPDATE_EVERY:
            return
        self._since_update = 0
        points = np.array(self._samples)
        median = np.median(points, axis=0)
        self.estimate_px = float(median[0]), float(median[1])
        self.spread_px = float(1.48 * np.median(np.abs(points - median), axis=0).max())
