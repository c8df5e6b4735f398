"""What was seen of the lane, and when: which detections count, which lines are seen now, and how steadily they are.

A detection counts unless it is of another world, from the future, exposed more than `LOST_AFTER_S` ago or before one
that was used already. Steadiness is the share of the last seconds in which a line was believed a moment ago: 1 in
good sight, whatever the frame rate is from 7 Hz on, and less when frames get lost.
"""

import math

from lkas.decision.estimator import LaneEstimator
from lkas.decision.inputs import FUTURE_S
from lkas.decision.measurement import LineReader
from lkas.integration.shared_memory.messages import CameraGeometry, DetectionMessage

LOST_AFTER_S = 0.5  # an exposure older than this counts as lost
SEEN_FOR_S = 0.3  # a line counts as seen for so long after a measurement of it was believed
STEADY_GAP_S = 0.15  # longer without a believed line: sight is interrupted
STEADY_MEMORY_S = 2.0


class Sight:
    """Takes detections into the estimator and remembers what became of them."""

    def __init__(self) -> None:
        self._reader = LineReader()
        self.newest: DetectionMessage | None = None
        self.forget()

    def forget(self) -> None:
        """Nothing was seen yet: another drive. The newest detection is kept for its frame id."""
        self._left_s = self._right_s = -math.inf  # world time at which a measurement of the line was believed
        self._newest_exposed_s = self._believed_exposed_s = -math.inf
        self.steadiness = 1.0

    def rewind(self, now_s: float) -> None:
        """World time is only here: what was believed after it was believed now."""
        self._left_s, self._right_s = min(self._left_s, now_s), min(self._right_s, now_s)

    def take(
        self,
        now_s: float,
        detection: DetectionMessage,
        session: int | None,
        camera: CameraGeometry,
        estimator: LaneEstimator,
    ) -> None:
        """Use a detection, if it counts. `session` is the car's, `camera` serves detections without a lane model."""
        if session is not None and detection.session not in (0, session):
            return
        exposed_s = detection.timestamp
        if not _is_timely(exposed_s, now_s) and _is_unstamped(detection):
            exposed_s = now_s - detection.processing_time_ms / 1000  # its own word for its age
        if not _is_timely(exposed_s, now_s) or exposed_s <= self._newest_exposed_s:
            return
        self._newest_exposed_s = exposed_s
        self.newest = detection
        left, right = estimator.measure(exposed_s, self._reader.lines(detection, camera))
        self._left_s = now_s if left else self._left_s
        self._right_s = now_s if right else self._right_s
        if left or right:
            self._believed_exposed_s = exposed_s

    def advance(self, now_s: float, dt_s: float) -> None:
        """Time goes on: steadiness follows."""
        is_steady = now_s - max(self._left_s, self._right_s) <= STEADY_GAP_S
        self.steadiness += (is_steady - self.steadiness) * (1 - math.exp(-dt_s / STEADY_MEMORY_S))

    def is_lane_known(self, now_s: float) -> bool:
        """Whether the newest believed exposure is young enough for the lane to count as known."""
        return now_s - self._believed_exposed_s <= LOST_AFTER_S

    def sees_left(self, now_s: float) -> bool:
        return self.is_lane_known(now_s) and now_s - self._left_s <= SEEN_FOR_S

    def sees_right(self, now_s: float) -> bool:
        return self.is_lane_known(now_s) and now_s - self._right_s <= SEEN_FOR_S


def _is_timely(exposed_s: float, now_s: float) -> bool:
    return now_s - LOST_AFTER_S <= exposed_s <= now_s + FUTURE_S


def _is_unstamped(detection: DetectionMessage) -> bool:
    """Whether a minimal writer left the stamps to the channel: no session, and monotonic time for world time."""
    return detection.session == 0 and abs(detection.timestamp - detection.capture_ns / 1e9) < 1e-3
