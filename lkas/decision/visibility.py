"""Visibility of the lane: which detections are used, which lines are visible now, and how continuously.

A detection is used unless it belongs to another session, comes from the future, was exposed more than `LOST_AFTER_S`
ago or before one that was used already. The visibility ratio is a moving average of "a line measurement was accepted
within `MAX_GAP_S`": 1 in good visibility at any frame rate from 7 Hz on, less when frames are lost.
"""

import math

from lkas.decision.estimator import LaneEstimator
from lkas.decision.measurement import LineExtractor
from lkas.decision.vehicle_input import MAX_FUTURE_S
from lkas.integration.shared_memory.messages import CameraGeometry, DetectionMessage
from lkas.integration.shared_memory.stamps import is_unstamped, stamped
from lkas.scale import FULL_SIZE, Scale

LOST_AFTER_S = 0.5  # an exposure older than this counts as lost
VISIBLE_FOR_S = 0.3  # a line counts as visible for this time after a measurement of it was accepted
MAX_GAP_S = 0.15  # visibility is interrupted after this time without an accepted line
RATIO_TIME_CONSTANT_S = 2.0


class LaneVisibility:
    """Passes detections to the estimator and records which lines it accepted, and when."""

    def __init__(self, scale: Scale = FULL_SIZE) -> None:
        """`scale` is the car's."""
        self.set_scale(scale)
        self.newest: DetectionMessage | None = None
        self.refusal: str | None = None  # why the newest detection was not used
        self._heading: tuple[float, float, float] | None = None
        self.reset()

    def set_scale(self, scale: Scale) -> None:
        """Judge lines for a car of this scale."""
        self._extractor = LineExtractor(scale)

    def reset(self) -> None:
        """Forget what was visible. The newest detection is kept for its frame id."""
        self._left_s = self._right_s = -math.inf  # world time at which a measurement of the line was accepted
        self._newest_exposed_s = self._accepted_exposed_s = -math.inf
        self.ratio = 1.0

    def forget_newest(self) -> None:
        """Forget the newest detection as well: it belongs to an earlier session."""
        self.newest = None

    def rewind(self, now_s: float) -> None:
        """Set world time back to `now_s`: what was accepted later counts as accepted now."""
        self._left_s, self._right_s = min(self._left_s, now_s), min(self._right_s, now_s)

    def update(
        self,
        now_s: float,
        detection: DetectionMessage,
        session: int | None,
        camera: CameraGeometry,
        estimator: LaneEstimator,
    ) -> None:
        """Use a detection if it qualifies. `session` is the car's; `camera` is for detections without a lane model."""
        if session is not None and detection.session not in (0, session):
            self.refusal = f"its session {detection.session} is not the current one ({session}) nor 0"
            return
        if is_unstamped(detection) and not _is_timely(detection.timestamp, now_s):
            age_s = max(0.0, detection.processing_time_ms / 1000)  # the age that the writer itself states
            detection = stamped(detection, now_s - age_s, session or 0)
        elif session is not None:
            detection = stamped(detection, detection.timestamp, session)
        exposed_s = detection.timestamp
        if not _is_timely(exposed_s, now_s):
            self.refusal = f"its timestamp is {exposed_s:.3f} s, the world's time {now_s:.3f} s"
            return
        self.refusal = None
        if exposed_s <= self._newest_exposed_s:
            return
        self._newest_exposed_s = exposed_s
        self.newest = detection
        lines = self._extractor.lines(detection, camera)
        if detection.lane_model is not None and lines:
            slopes, curvatures = zip(*(line.coefficients[1:3] for line in lines), strict=True)
            self._heading = exposed_s, -sum(slopes) / len(lines), sum(curvatures) / len(lines)
        left, right = estimator.measure(exposed_s, lines)
        self._left_s = now_s if left else self._left_s
        self._right_s = now_s if right else self._right_s
        if left or right:
            self._accepted_exposed_s = exposed_s

    def take_heading(self) -> tuple[float, float, float] | None:
        """Return exposure time, heading to the lane (left positive) and its curvature of a new lane model, or None."""
        heading, self._heading = self._heading, None
        return heading

    def advance(self, now_s: float, dt_s: float) -> None:
        """Update the visibility ratio after dt."""
        is_visible = now_s - max(self._left_s, self._right_s) <= MAX_GAP_S
        self.ratio += (is_visible - self.ratio) * (1 - math.exp(-dt_s / RATIO_TIME_CONSTANT_S))

    def is_lane_known(self, now_s: float) -> bool:
        """Return whether the newest accepted exposure is at most `LOST_AFTER_S` old."""
        return now_s - self._accepted_exposed_s <= LOST_AFTER_S

    def is_left_visible(self, now_s: float) -> bool:
        """Return whether the left line is visible."""
        return self.is_lane_known(now_s) and now_s - self._left_s <= VISIBLE_FOR_S

    def is_right_visible(self, now_s: float) -> bool:
        """Return whether the right line is visible."""
        return self.is_lane_known(now_s) and now_s - self._right_s <= VISIBLE_FOR_S


def _is_timely(exposed_s: float, now_s: float) -> bool:
    return now_s - LOST_AFTER_S <= exposed_s <= now_s + MAX_FUTURE_S
