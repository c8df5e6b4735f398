"""Whether the given camera pose agrees with the lanes: the pitch with the horizon, the width with the expected one.

A camera at another height or with another field of view measures lanes that are too wide or too narrow, and one that is
pitched otherwise sees both lines meet at another height. The detector corrects the pitch of each frame by itself; what
stays over seconds is not the motion of the car.
"""

import math
from collections import deque
from statistics import median

from lkas.integration.shared_memory.messages import CalibrationStatus, LaneModel

WINDOW_S = 2.0
MIN_FRAMES = 15
MIN_CONFIDENCE = 0.3  # of both lines
MAX_PITCH_ERROR_RAD = math.radians(1.5)  # braking and accelerating pitch a car by about one degree
MAX_WIDTH_RATIO, MIN_WIDTH_RATIO = 1.22, 0.78  # of the expected width; real lanes are 2.75 to 4.2 m wide


class PoseCheck:
    """Call `check` for each lane model. A cause is reported once until it ends."""

    def __init__(self, lane_width_m: float) -> None:
        """`lane_width_m` is the expected width."""
        self.lane_width_m = lane_width_m
        self._frames: deque[tuple[float, float, float]] = deque()
        self._reported: set[str] = set()

    def reset(self) -> None:
        """Start again with another world."""
        self._frames.clear()
        self._reported.clear()

    def check(self, timestamp: float, model: LaneModel, given_pitch_rad: float) -> list[str]:
        """Return one sentence for each cause that has come up. `given_pitch_rad`: of the camera, down is positive."""
        left, right, width_m = model.left, model.right, model.width_m
        if left is None or right is None or width_m is None or model.calibration.status is not CalibrationStatus.GIVEN:
            return []
        if min(left.confidence, right.confidence) < MIN_CONFIDENCE:
            return []
        return self.update(timestamp, width_m, model.calibration.pitch_rad - given_pitch_rad)

    def update(self, timestamp: float, width_m: float, pitch_error_rad: float) -> list[str]:
        """Do as `check` with the measured width and the difference of the found pitch to the given one."""
        self._frames.append((timestamp, width_m, pitch_error_rad))
        while self._frames[0][0] < timestamp - WINDOW_S:
            self._frames.popleft()
        is_long = timestamp - self._frames[0][0] >= 0.8 * WINDOW_S and len(self._frames) >= MIN_FRAMES
        if not is_long:
            return []
        found = dict(self._causes())
        new = [text for cause, text in found.items() if cause not in self._reported]
        self._reported = set(found)
        return new

    def _causes(self) -> list[tuple[str, str]]:
        width_m = median(width for _, width, _ in self._frames)
        pitch_rad = median(pitch for _, _, pitch in self._frames)
        causes = []
        if abs(pitch_rad) > MAX_PITCH_ERROR_RAD:
            where = "lower" if pitch_rad > 0 else "higher"
            causes.append(
                (
                    "pitch",
                    f"the camera looks {abs(math.degrees(pitch_rad)):.1f} degrees {where} than given: the lines meet "
                    "where its pitch and field of view do not say; check camera.pitch_deg and camera.hfov_deg",
                )
            )
        ratio = width_m / self.lane_width_m
        if not MIN_WIDTH_RATIO <= ratio <= MAX_WIDTH_RATIO:
            causes.append(
                (
                    "width",
                    f"the lane looks {width_m:.2f} m wide, expected are {self.lane_width_m:g} m: check "
                    "camera.height_m and camera.hfov_deg, or set detection.lane_width_m to the width of this road",
                )
            )
        return causes
