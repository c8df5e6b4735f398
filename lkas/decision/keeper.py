"""LaneKeeper: from lane measurements and the car's state to one command, in world time, without I/O.

    vehicle state -> estimator predicts to now -> detection corrects it -> ladder picks the mode
        -> controller and speed -> limiter -> ControlMessage

Inside, left is positive; the message's fields for people are turned at the end, in outputs.py.
"""

import math
from typing import Any

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.departure import Departure, DepartureWarning
from lkas.decision.driver import Driver
from lkas.decision.estimator import LaneEstimator
from lkas.decision.inputs import Break, VehicleInput
from lkas.decision.lane import LaneState
from lkas.decision.limiter import Limiter, Wish
from lkas.decision.outputs import control_message, timeline_message
from lkas.decision.parameters import DecisionParameters
from lkas.decision.sight import Sight
from lkas.decision.speed import SpeedController
from lkas.decision.state_machine import DRIVING, ENGAGED, Event, Situation, StateMachine
from lkas.decision.steering import Steering
from lkas.decision.timeline import expected_lanes
from lkas.frames import left_rad_from_steering
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    TimelineMessage,
    VehicleState,
)
from lkas.parameters import ParameterError, changed, is_read_by, offered
from lkas.plugins.names import short_name
from lkas.vehicle import CameraConfig, VehicleConfig

FORGET_AFTER_S = 2.0  # without a step: too long to bridge
VALID_FOR_S = 0.2
AT_THE_WHEEL = (*DRIVING, ControlMode.MINIMUM_RISK)


class LaneKeeper:
    """Call `decide` for each detection and at least every 10 ms of world time."""

    def __init__(self, parameters: DecisionParameters, vehicle: VehicleConfig, camera: CameraConfig) -> None:
        self._parameters = parameters
        self._offered = offered("decision", parameters)  # no other own law than the one it begins with
        self._camera = camera.geometry()
        self._bicycle = Bicycle(vehicle, parameters)
        self._steering = Steering(parameters, vehicle, self._bicycle, self._note_trouble)
        self._sight = Sight()
        self._estimator = LaneEstimator(self._bicycle, parameters.measurement_sigma_ratio)
        self._speed = SpeedController(parameters)
        self._limiter = Limiter(self._bicycle, parameters.full_brake_mps2)
        self._machine = StateMachine(parameters)
        self._departure = DepartureWarning(vehicle.width_m, self._bicycle)
        self._driver = Driver()
        self._input = VehicleInput()
        self._last: ControlMessage | None = None
        self._now_s = 0.0  # of the last decision
        self._restored_steering: float | None = None

    # ------------------------------------------------------------ what others may change

    def resume(self) -> None:
        """Leave the minimum risk stop, once standing."""
        self._machine.resume()

    def override(self, active: Any) -> None:
        """The driver takes the wheel (True) or lets go of it. Raises ValueError."""
        self._driver.override(active)

    def set_indicator(self, side: Any) -> None:
        """The indicator is `left`, `right` or `off`. Raises ValueError."""
        self._driver.set_indicator(side)

    def update_parameter(self, name: str, value: Any) -> None:
        """Change one live parameter of section `decision`. Raises ParameterError."""
        parameters = changed("decision", self._parameters, name, value, self._offered)
        declaration = self._offered[name]
        if not declaration.live:
            raise ParameterError(f"decision.{name} is read once, at the start: set it with --set and start again")
        if name == "controller" or (declaration.used_by and is_read_by(declaration, parameters.controller)):
            self._steering.use(parameters)
        self._parameters = parameters
        self._machine.parameters = self._speed.parameters = parameters
        self._estimator.sigma_ratio = parameters.measurement_sigma_ratio
        self._limiter.full_brake_mps2 = parameters.full_brake_mps2

    def restore(self, last: ControlMessage) -> None:
        """Take over from a keeper that is gone: begin with its last command and mode."""
        self._restored_steering = last.steering if math.isfinite(last.steering) else 0.0
        self._speed.restore(last.throttle, last.brake)
        self._steering.held_radpm = last.curvature or 0.0
        self._input.session = last.session
        self._machine.restore(last.mode)
        self._driver.override(last.mode is ControlMode.MANUAL)

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        return self._machine.take_events()

    # ------------------------------------------------------------ one step

    def decide(self, now_s: float, detection: DetectionMessage | None, vehicle: VehicleState | None) -> ControlMessage:
        """The command for now. `detection` is the newest one not given before, `vehicle` the newest state."""
        if vehicle is not None and vehicle.paused and self._last is not None and vehicle.session == self._last.session:
            return structs.replace(self._last, valid_until=now_s + VALID_FOR_S)
        dt_s, void = self._input.take(now_s, vehicle)
        if void is Break.STALL:
            self._rewind(now_s)
        elif void is not Break.NONE or dt_s > FORGET_AFTER_S:
            self._start_again(void)
        if self._restored_steering is not None and self._input.max_steer_rad is not None:
            self._limiter.restore(left_rad_from_steering(self._restored_steering, self._input.max_steer_rad))
            self._steering.reset(self._limiter.steer_rad)
            self._restored_steering = None
        self._driver.advance(dt_s)
        self._estimator.predict(now_s, self._input.speed_mps, self._input.yaw_rate_radps)
        if detection is not None:
            camera = self._input.camera or self._camera
            self._sight.take(now_s, detection, self._input.session, camera, self._estimator)
        self._sight.advance(now_s, dt_s)
        if self._input.is_fresh:
            self._estimator.keep()
        lane = self._estimator.state()
        mode = self._machine.update(self._situation(now_s, dt_s, lane))
        wish = self._wish(now_s, dt_s, mode, lane)
        limited = self._limiter.apply(
            wish, dt_s, self._input.speed_mps, self._input.speed_age_s, self._input.max_steer_rad
        )
        self._steering.sent(now_s, limited.steer_rad, limited.flags)
        reported = lane if self._sight.is_lane_known(now_s) else None
        self._last = control_message(
            now_s,
            self._sight.newest,
            self._input.session or 0,
            limited,
            mode,
            reported,
            self._warn(reported, dt_s),
            self._steering.terms,
            self._machine.reason,
            VALID_FOR_S,
        )
        self._now_s = now_s
        return self._last

    def timeline(self) -> TimelineMessage:
        """The next 3 s from the last decision on; its `timestamp` is that of the first point. No points: no lane."""
        lane, last = self._estimator.state(), self._last
        if lane is None or last is None or not self._sight.is_lane_known(self._now_s):
            return TimelineMessage(session=last.session if last is not None else 0, timestamp=self._now_s)
        controller = self._steering.forecaster if last.mode in AT_THE_WHEEL else None
        expected = expected_lanes(lane, self._input.speed_mps or 0.0, self._bicycle, controller)
        return timeline_message(self._now_s, last, expected, self._departure)

    def _rewind(self, now_s: float) -> None:
        """The world stood still while time was counted on without it: the car is where it was."""
        self._estimator.rewind(now_s)
        self._sight.rewind(now_s)
        self._steering.rewind(now_s)
        self._machine.note("break", "info", f"the world stood still: {self._now_s - now_s:.2f} s are taken back")

    def _start_again(self, void: Break) -> None:
        """The lane is unknown; after a break in world or place so is the mode, but no stop is cancelled by time."""
        self._estimator.reset()
        self._departure.reset()
        self._steering.rest()
        self._sight.forget()
        self._steering.reset(self._limiter.steer_rad)
        if void is Break.WORLD:
            self._limiter.restore(0.0)
            self._steering.reset(0.0)
            self._restored_steering = None
            self._sight.newest = None
            self._driver.reset()
        if void in (Break.WORLD, Break.PLACE):
            self._limiter.forget_speed()
        if void in (Break.WORLD, Break.PLACE) or (void is Break.TIME and self._machine.mode in ENGAGED):
            self._machine.reset(void.value)
            self._speed.reset(0.0)
        if void is not Break.NONE:
            self._machine.note("break", "info", f"lane forgotten: {void.value}")

    def _situation(self, now_s: float, dt_s: float, lane: LaneState | None) -> Situation:
        return Situation(
            dt_s=dt_s,
            vehicle_age_s=self._input.age_s,
            speed_mps=self._input.speed_mps,
            sees_left=self._sight.sees_left(now_s),
            sees_right=self._sight.sees_right(now_s),
            offset_sigma_m=lane.offset_sigma_m if lane is not None else None,
            is_in_lane=lane is not None and abs(lane.offset_m) < lane.width_m / 2,
            offset_m=lane.offset_m if lane is not None else None,
            driver_steers=self._driver.steers,
            doubts_speed=self._limiter.doubts_speed,
        )

    # ------------------------------------------------------------ steering and speed

    def _wish(self, now_s: float, dt_s: float, mode: ControlMode, lane: LaneState | None) -> Wish:
        steering, speed_mps = self._steering, self._input.speed_mps or 0.0
        steering.advance(now_s, dt_s, speed_mps, self._input.yaw_rate_radps, self._input.wheel_rad)
        throttle, brake = self._speed.pedals(mode, lane, self._sight.steadiness, self._input.speed_mps, dt_s)
        last_rad = self._limiter.steer_rad
        is_at_the_wheel = mode in AT_THE_WHEEL
        if lane is not None and is_at_the_wheel and (mode in ENGAGED or self._sight.is_lane_known(now_s)):
            steer_rad, needed_radpm = steering.follow(lane, now_s, dt_s, speed_mps)
        elif is_at_the_wheel:
            # Engaged, but without a lane: a keeper that has just taken over waits first.
            steer_rad, needed_radpm = steering.hold(last_rad, dt_s, speed_mps, fades=mode not in ENGAGED)
        else:
            is_fading = mode is ControlMode.MANUAL or not self._parameters.enabled
            steer_rad, needed_radpm = steering.release(last_rad, dt_s, fades=is_fading)
        return Wish(steer_rad=steer_rad, throttle=throttle, brake=brake, needed_curvature_radpm=needed_radpm)

    def _note_trouble(self, trouble: str | None) -> None:
        """A controller that can not do its work lets another law steer, and says so."""
        name = short_name(self._parameters.controller)
        text = f"{name} steers again" if trouble is None else f"{name} does not steer, its fallback does: {trouble}"
        self._machine.note("controller", "info" if trouble is None else "warning", text)

    def _warn(self, lane: LaneState | None, dt_s: float) -> Departure | None:
        """The departure figures, None without a lane; the begin of a warning is an event."""
        if lane is None:
            self._departure.reset()
            return None
        was = self._departure.status
        found = self._departure.judge(lane, self._input.speed_mps or 0.0, dt_s, self._parameters, self._driver)
        if found.status is not was and found.status is not DepartureStatus.CENTERED:
            self._machine.note("departure", "warning", found.sentence)
        return found
