"""Whether steering acts to the side that the command says: commands against the yaw rate, and against the camera.

A car with the wrong sign leaves its lane faster the more it is corrected. Over windows of 0.2 s the change of
heading that the commands should cause is compared with the integral of the measured yaw rate, and with the change of
heading to the lane that the camera sees, plus the turning of the lane. The two gains are regressions through the origin
with exponential forgetting: about 1 with the right sign, about -1 with the wrong one. Left is positive. Without a yaw
rate nothing is judged: a video, which steers by itself, has none.
"""

import math
from enum import Enum

WINDOW_S = 0.2
MEMORY_S = 2.0
MIN_INFORMATION_RAD2 = 1e-4  # sum of squared expected changes: a camera noise of 0.1 degrees is then a gain of 0.2
AGREED_INFORMATION_RAD2 = 3e-5  # is enough when both witnesses agree on a gain below AGREED_GAIN
AGREED_GAIN = -0.75
MIN_WINDOWS = 3.0  # of about equal weight, for a verdict of one witness alone
WRONG_GAIN = -0.35
RIGHT_GAIN = 0.2
MIN_SPEED_MPS = 0.5


class SteeringFault(Enum):
    """What is wrong; the value is the reason in a command."""

    NONE = ""
    STEERING = "steering acts the other way: the car turns against the command"
    YAW_RATE = "yaw_rate_radps has the wrong sign: the camera sees the other turning"


REMEDIES = {
    SteeringFault.STEERING: "steering = +1 is to the right: check the sign in your simulator or car (left_positive of "
    "SimulationLink, SteeringWiring of a car); `lkas action resume` tries again at standstill",
    SteeringFault.YAW_RATE: "yaw_rate_radps is positive to the left; `lkas action resume` tries again at standstill",
}


class SteeringSide:
    """Call `advance` in each step and `see` for each detection with a lane.

    A fault stays until `reset`. `is_inverted`: the camera has shown that the car steers to the other side, so the car
    can be stopped in its lane with the opposite command.
    """

    def __init__(self) -> None:
        self.is_on = True  # False: the car does not get the commands as they are, so nothing is judged
        self._time_scale = 1.0
        self._yaw = _Gain()
        self._camera = _Gain()
        self.reset()

    def reset(self) -> None:
        """Forget all: another car, place or session."""
        self._wheel_rad = self._yaw_rate_radps = 0.0
        self._expected_rad = self._measured_rad = self._travelled_m = 0.0
        self._window_s = 0.0
        self._start = (0.0, 0.0)
        self._seen: tuple[float, float, float, float, float] | None = None
        self._has_yaw = True
        self._knows_yaw = False
        self._yaw.reset()
        self._camera.reset()
        self.fault = SteeringFault.NONE
        self.is_inverted = False

    def advance(
        self,
        dt_s: float,
        lags_s: tuple[float, float],
        curvature_radpm: float,
        speed_mps: float,
        yaw_rate_radps: float | None,
        time_scale: float = 1.0,
    ) -> None:
        """Advance by dt. `curvature_radpm` belongs to the command that reaches the wheel; `lags_s` of wheel and yaw.

        `time_scale`: of a model car, whose motion is faster.
        """
        if dt_s <= 0:
            return
        self._time_scale, self._knows_yaw = time_scale, yaw_rate_radps is not None
        steady_radps = speed_mps * curvature_radpm
        self._wheel_rad = _low_pass(self._wheel_rad, steady_radps, lags_s[0], dt_s)
        self._yaw_rate_radps = _low_pass(self._yaw_rate_radps, self._wheel_rad, lags_s[1], dt_s)
        if speed_mps < MIN_SPEED_MPS:
            return
        self._expected_rad += self._yaw_rate_radps * dt_s
        self._travelled_m += speed_mps * dt_s
        self._has_yaw &= yaw_rate_radps is not None
        self._measured_rad += (yaw_rate_radps or 0.0) * dt_s
        self._window_s += dt_s
        if self._window_s >= WINDOW_S * time_scale:
            if self._has_yaw:
                self._yaw.add(
                    self._expected_rad - self._start[0],
                    self._measured_rad - self._start[1],
                    self._window_s / time_scale,
                )
            self._start, self._window_s, self._has_yaw = (self._expected_rad, self._measured_rad), 0.0, True
            self._judge()

    def see(self, exposed_s: float, heading_rad: float, lane_curvature_radpm: float) -> None:
        """Use what a detection says: the car's heading relative to the lane, and the lane's curvature at the car."""
        if not self._knows_yaw:
            self._seen = None
            return
        before = self._seen
        now = exposed_s, heading_rad, lane_curvature_radpm, self._expected_rad, self._travelled_m
        if before is None or not 0 < exposed_s - before[0] <= 4 * WINDOW_S * self._time_scale:
            self._seen = now
            return
        if exposed_s - before[0] < WINDOW_S * self._time_scale:
            return
        turned_rad = (before[2] + lane_curvature_radpm) / 2 * (now[4] - before[4])
        self._camera.add(
            now[3] - before[3], heading_rad - before[1] + turned_rad, (exposed_s - before[0]) / self._time_scale
        )
        self._seen = now
        self._judge()

    @property
    def gains(self) -> tuple[float | None, float | None]:
        """The gains of yaw rate and camera; None while the drive does not show it."""
        return self._yaw.value(MIN_INFORMATION_RAD2), self._camera.value(MIN_INFORMATION_RAD2)

    def _judge(self) -> None:
        """Decide once; the camera is the better witness, because a simulator may have both signs wrong."""
        if self.fault is not SteeringFault.NONE or not self.is_on:
            return
        yaw, camera = self.gains
        early = [gain.value(AGREED_INFORMATION_RAD2) for gain in (self._yaw, self._camera)]
        do_agree = all(gain is not None and gain <= AGREED_GAIN for gain in early)
        if do_agree or (camera is not None and camera <= WRONG_GAIN and self._camera.windows >= MIN_WINDOWS):
            self.fault, self.is_inverted = SteeringFault.STEERING, True
        elif yaw is not None and yaw <= WRONG_GAIN:
            if camera is not None and camera >= RIGHT_GAIN:
                self.fault = SteeringFault.YAW_RATE
            elif self._seen is None and self._yaw.windows >= MIN_WINDOWS:
                self.fault = SteeringFault.STEERING


class _Gain:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._xx = self._xy = self._x4 = 0.0

    def add(self, expected_rad: float, found_rad: float, elapsed_s: float) -> None:
        keep = math.exp(-elapsed_s / MEMORY_S)
        self._xx = keep * self._xx + expected_rad**2
        self._xy = keep * self._xy + expected_rad * found_rad
        self._x4 = keep * self._x4 + expected_rad**4

    @property
    def windows(self) -> float:
        """How many windows of equal weight would carry the same information."""
        return self._xx**2 / self._x4 if self._x4 > 0 else 0.0

    def value(self, min_information_rad2: float) -> float | None:
        """Return the gain, or None with less information."""
        return None if self._xx < min_information_rad2 else self._xy / self._xx


def _low_pass(value: float, target: float, lag_s: float, dt_s: float) -> float:
    return value + (target - value) * (1.0 - math.exp(-dt_s / lag_s) if lag_s > 0 else 1.0)
