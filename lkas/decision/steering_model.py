"""Model of the steering and yaw response: predicts the lane state to the time at which a new command takes effect.

A command waits for a dead time, then the wheel follows with a first-order lag, and so does the yaw rate (bicycle.py).
The lag of the wheel is estimated from its measured response (steering_lag.py). The difference between the measured
yaw rate and the model's is estimated as a curvature offset ("trim"): steering misalignment, side wind, a banked road.
Left is positive.
"""

import math
from collections import deque

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.decision.steering_lag import SteeringLag
from lkas.decision.steering_side import SteeringSide

PREDICTION_STEP_S = 0.02
TRIM_TIME_CONSTANT_S = 0.1  # short, because a gust acts at once
MAX_TRIM_RADPM = 0.01


class SteeringModel:
    """The wheel angle, the commands in transit to it, and the trim."""

    def __init__(
        self,
        bicycle: Bicycle,
        delay_s: float,
        steering_lag_s: float,
        trim_mps2: float,
        side: SteeringSide | None = None,
    ) -> None:
        """`delay_s` is the dead time, `steering_lag_s` the configured lag, `trim_mps2` the largest trim.

        `side` receives what each command should do.
        """
        self._bicycle = bicycle
        self._delay_s = delay_s
        self._lag = SteeringLag(steering_lag_s)
        self._trim_mps2 = trim_mps2
        self._side = side or SteeringSide()
        self.reset(0.0)

    def reset(self, steer_rad: float) -> None:
        """Start with the wheel at rest at this angle."""
        self._commands: deque[tuple[float, float]] = deque()  # (world time, steering angle)
        self._wheel_rad = steer_rad
        self._initial_rad = steer_rad
        self._model_yaw_radps = 0.0
        self.trim_radpm = 0.0

    def add_command(self, now_s: float, steer_rad: float) -> None:
        """Record the command that was just sent, and drop those that later ones have replaced at the wheel."""
        self._commands.append((now_s, steer_rad))
        while len(self._commands) > 1 and self._commands[1][0] <= now_s - self._delay_s:
            self._commands.popleft()

    def rewind(self, now_s: float) -> None:
        """Set world time back to `now_s`: commands sent later count as sent now, and the last one acts."""
        self._commands = deque((min(sent_s, now_s), steer_rad) for sent_s, steer_rad in self._commands)

    def advance(
        self,
        now_s: float,
        dt_s: float,
        speed_mps: float,
        yaw_rate_radps: float | None,
        wheel_rad: float | None,
    ) -> None:
        """Advance the model by dt. A measured wheel angle replaces the modelled one."""
        command_rad = self._command_at_wheel_rad(now_s)
        self._lag.update(command_rad, wheel_rad, dt_s)
        self._bicycle.set_steering_lag(self._lag.lag_s)
        if wheel_rad is None:
            wheel_rad = _low_pass(self._wheel_rad, command_rad, self._lag.lag_s, dt_s)
        self._wheel_rad = wheel_rad
        steady_radps = speed_mps * self._bicycle.curvature_radpm(wheel_rad, speed_mps)
        yaw_lag_s = self._bicycle.yaw_lag_s(speed_mps)
        commanded_radpm = self._bicycle.curvature_radpm(command_rad, speed_mps)
        self._side.advance(
            dt_s,
            (self._lag.lag_s, yaw_lag_s),
            commanded_radpm,
            speed_mps,
            yaw_rate_radps,
            self._bicycle.scale.time,
        )
        self._model_yaw_radps = _low_pass(self._model_yaw_radps, steady_radps, yaw_lag_s, dt_s)
        if yaw_rate_radps is None or speed_mps < self._bicycle.kinematic_below_mps:
            return
        residual_radpm = (yaw_rate_radps - self._model_yaw_radps) / speed_mps
        trim_radpm = _low_pass(self.trim_radpm, residual_radpm, TRIM_TIME_CONSTANT_S, dt_s)
        limit_radpm = min(MAX_TRIM_RADPM / self._bicycle.scale.length, self._trim_mps2 / speed_mps**2)
        self.trim_radpm = min(limit_radpm, max(-limit_radpm, trim_radpm))

    def predict(self, lane: LaneState, now_s: float, speed_mps: float, *, past_lag: bool) -> LaneState:
        """Return the lane state when a command sent now reaches the wheel; with `past_lag` when the car has responded.

        Until then the commands in transit act, and the last of them is held.
        """
        bicycle = self._bicycle
        yaw_lag_s = bicycle.yaw_lag_s(speed_mps)
        horizon_s = self._delay_s + (bicycle.lag_s(speed_mps) if past_lag else 0.0)
        steps = max(1, math.ceil(horizon_s / PREDICTION_STEP_S))
        h_s = horizon_s / steps
        wheelbase_m = bicycle.effective_wheelbase_m(speed_mps)
        slip_m = bicycle.slip_per_curvature_m(speed_mps)
        wheel_ratio, yaw_ratio = _step_response(self._lag.lag_s, h_s), _step_response(yaw_lag_s, h_s)
        wheel_rad, yaw_radps = self._wheel_rad, lane.yaw_rate_radps
        offset_m, heading_rad, curvature_radpm = lane.offset_m, lane.heading_rad, lane.curvature_radpm
        in_transit = list(self._commands)
        command_rad = self._command_at_wheel_rad(now_s)
        index = 0
        for step in range(steps):
            sent_before_s = now_s + (step + 0.5) * h_s - self._delay_s
            while index < len(in_transit) and in_transit[index][0] <= sent_before_s:
                command_rad = in_transit[index][1]
                index += 1
            wheel_rad += (command_rad - wheel_rad) * wheel_ratio
            steady_radps = speed_mps * (math.tan(wheel_rad) / wheelbase_m + self.trim_radpm)
            yaw_radps += (steady_radps - yaw_radps) * yaw_ratio
            offset_m += (speed_mps * heading_rad + yaw_radps * slip_m) * h_s
            heading_rad += (yaw_radps - speed_mps * curvature_radpm) * h_s
            curvature_radpm += lane.curvature_rate_radpm2 * speed_mps * h_s
        return structs.replace(
            lane,
            offset_m=offset_m,
            heading_rad=heading_rad,
            curvature_radpm=curvature_radpm,
            yaw_rate_radps=yaw_radps,
        )

    def _command_at_wheel_rad(self, now_s: float) -> float:
        """The command that reaches the wheel now, one dead time after it was sent."""
        for sent_s, steer_rad in reversed(self._commands):
            if sent_s <= now_s - self._delay_s:
                return steer_rad
        return self._initial_rad


def _step_response(lag_s: float, dt_s: float) -> float:
    """The part of a step that a first-order lag has followed after dt; in (0, 1]."""
    return 1.0 - math.exp(-dt_s / lag_s) if lag_s > 0 else 1.0


def _low_pass(value: float, target: float, lag_s: float, dt_s: float) -> float:
    return value + (target - value) * _step_response(lag_s, dt_s)
