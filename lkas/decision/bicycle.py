"""The vehicle model of the decision package: a single track with understeer, side slip and lags. Left is positive.

Steady state:  curvature = tan(steer) / (L + K v²),  side slip at the centre of gravity = curvature (b - C v²),
with L the wheelbase, b the distance from the rear axle, K the understeer gradient and C the rear tyres' slip
(C = mass x front share / rear cornering stiffness). Below 3 m/s both are purely kinematic. On the way there the
command waits for a dead time, the wheel follows with a first-order lag, and so does the yaw rate.
"""

import math
from collections import deque

from msgspec import structs

from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.decision.steering_lag import SteeringLag
from lkas.vehicle import VehicleConfig

KINEMATIC_BELOW_MPS = 3.0
PREDICTION_STEP_S = 0.02
TRIM_TIME_S = 0.1  # how fast a steering offset is learned: a gust does not wait
TRIM_LIMIT_RADPM = 0.01


class Bicycle:
    """Steady-state relations between steering angle, curvature and side slip."""

    def __init__(self, vehicle: VehicleConfig, parameters: DecisionParameters) -> None:
        self.wheelbase_m = vehicle.wheelbase_m
        self.cg_to_front_axle_m = vehicle.wheelbase_m - vehicle.cg_to_rear_axle_m
        self.steering_lag_s = vehicle.steering_lag_s  # the configured one, until SteeringModel has learned better
        self._rear_m = vehicle.cg_to_rear_axle_m
        self._understeer_s2pm = parameters.understeer_s2pm
        self._rear_slip_s2pm = parameters.rear_slip_s2pm
        self._yaw_lag_s2pm = parameters.yaw_lag_s2pm

    def curvature_radpm(self, steer_rad: float, speed_mps: float) -> float:
        """Curvature of the path that a steering angle leads to."""
        return math.tan(steer_rad) / self.effective_wheelbase_m(speed_mps)

    def steer_rad(self, curvature_radpm: float, speed_mps: float) -> float:
        """The inverse: the steering angle that a curvature needs."""
        return math.atan(curvature_radpm * self.effective_wheelbase_m(speed_mps))

    def effective_wheelbase_m(self, speed_mps: float) -> float:
        """L + K v², the kinematic wheelbase below 3 m/s."""
        return max(0.2 * self.wheelbase_m, self.wheelbase_m + self._understeer_s2pm * _dynamic(speed_mps))

    def slip_per_curvature_m(self, speed_mps: float) -> float:
        """Side slip angle at the ego origin per curvature: its velocity points this much left of the x axis."""
        return self._rear_m - self._rear_slip_s2pm * _dynamic(speed_mps)

    def yaw_lag_s(self, speed_mps: float) -> float:
        return self._yaw_lag_s2pm * speed_mps

    def lag_s(self, speed_mps: float) -> float:
        """From a command that has arrived at the wheel to the yaw rate."""
        return self.steering_lag_s + self.yaw_lag_s(speed_mps)


def _dynamic(speed_mps: float) -> float:
    """v² beyond the kinematic range, without a step at its border."""
    return max(0.0, speed_mps * speed_mps - KINEMATIC_BELOW_MPS * KINEMATIC_BELOW_MPS)


class SteeringModel:
    """What the commands already sent will still do: predicts the lane state to where a new command acts.

    The lag of the wheel is learned from what it does with the commands (steering_lag.py). The difference between the
    measured yaw rate and the model's is learned as a curvature offset: a wheel that does not point where it should,
    side wind, a banked road.
    """

    def __init__(self, bicycle: Bicycle, delay_s: float, trim_mps2: float) -> None:
        self._bicycle = bicycle
        self._delay_s = delay_s
        self._lag = SteeringLag(bicycle.steering_lag_s)
        self._trim_mps2 = trim_mps2
        self.reset(0.0)

    def reset(self, steer_rad: float) -> None:
        """Begin with the wheel at rest at this angle."""
        self._sent: deque[tuple[float, float]] = deque()  # (world time, steering angle)
        self._wheel_rad = steer_rad
        self._start_rad = steer_rad
        self._model_yaw_radps = 0.0
        self.trim_radpm = 0.0

    def sent(self, now_s: float, steer_rad: float) -> None:
        """Note the command that was just sent, and drop those that others have overtaken at the wheel."""
        self._sent.append((now_s, steer_rad))
        while len(self._sent) > 1 and self._sent[1][0] <= now_s - self._delay_s:
            self._sent.popleft()

    def rewind(self, now_s: float) -> None:
        """World time is only here: commands sent after it are all on their way now, and the last one counts."""
        self._sent = deque((min(sent_s, now_s), steer_rad) for sent_s, steer_rad in self._sent)

    def advance(
        self,
        now_s: float,
        dt_s: float,
        speed_mps: float,
        yaw_rate_radps: float | None,
        wheel_rad: float | None,
    ) -> None:
        """Move the model on by dt; a measured wheel angle replaces the modelled one."""
        arriving_rad = self._arriving_rad(now_s)
        self._lag.update(arriving_rad, wheel_rad, dt_s)
        self._bicycle.steering_lag_s = self._lag.lag_s
        if wheel_rad is None:
            wheel_rad = _followed(self._wheel_rad, arriving_rad, self._lag.lag_s, dt_s)
        self._wheel_rad = wheel_rad
        steady_radps = speed_mps * self._bicycle.curvature_radpm(wheel_rad, speed_mps)
        self._model_yaw_radps = _followed(self._model_yaw_radps, steady_radps, self._bicycle.yaw_lag_s(speed_mps), dt_s)
        if yaw_rate_radps is None or speed_mps < KINEMATIC_BELOW_MPS:
            return
        residual_radpm = (yaw_rate_radps - self._model_yaw_radps) / speed_mps
        trim_radpm = _followed(self.trim_radpm, residual_radpm, TRIM_TIME_S, dt_s)
        limit_radpm = min(TRIM_LIMIT_RADPM, self._trim_mps2 / speed_mps**2)
        self.trim_radpm = min(limit_radpm, max(-limit_radpm, trim_radpm))

    def predict(self, lane: LaneState, now_s: float, speed_mps: float, *, past_lag: bool) -> LaneState:
        """The lane state when a command sent now arrives at the wheel; `past_lag`: when the car has answered it.

        Until then the commands on their way act, and the last of them is held.
        """
        bicycle = self._bicycle
        yaw_lag_s = bicycle.yaw_lag_s(speed_mps)
        horizon_s = self._delay_s + (bicycle.lag_s(speed_mps) if past_lag else 0.0)
        steps = max(1, math.ceil(horizon_s / PREDICTION_STEP_S))
        h_s = horizon_s / steps
        wheelbase_m = bicycle.effective_wheelbase_m(speed_mps)
        slip_m = bicycle.slip_per_curvature_m(speed_mps)
        wheel_share, yaw_share = _share(self._lag.lag_s, h_s), _share(yaw_lag_s, h_s)
        wheel_rad, yaw_radps = self._wheel_rad, lane.yaw_rate_radps
        offset_m, heading_rad, curvature_radpm = lane.offset_m, lane.heading_rad, lane.curvature_radpm
        on_the_way = list(self._sent)
        arriving_rad = self._arriving_rad(now_s)
        index = 0
        for step in range(steps):
            arrived_s = now_s + (step + 0.5) * h_s - self._delay_s
            while index < len(on_the_way) and on_the_way[index][0] <= arrived_s:
                arriving_rad = on_the_way[index][1]
                index += 1
            wheel_rad += (arriving_rad - wheel_rad) * wheel_share
            steady_radps = speed_mps * (math.tan(wheel_rad) / wheelbase_m + self.trim_radpm)
            yaw_radps += (steady_radps - yaw_radps) * yaw_share
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

    def _arriving_rad(self, now_s: float) -> float:
        """The command that arrives at the wheel now, the dead time after it was sent."""
        for sent_s, steer_rad in reversed(self._sent):
            if sent_s <= now_s - self._delay_s:
                return steer_rad
        return self._start_rad


def _share(lag_s: float, dt_s: float) -> float:
    """How much of a step a first-order lag lets through in dt."""
    return 1.0 - math.exp(-dt_s / lag_s) if lag_s > 0 else 1.0


def _followed(value: float, target: float, lag_s: float, dt_s: float) -> float:
    return value + (target - value) * _share(lag_s, dt_s)
