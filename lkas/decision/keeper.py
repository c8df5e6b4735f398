"""LaneKeeper: from lane measurements and the car's state to one command, in world time, without I/O.

    vehicle state -> estimator predicts to now -> detection corrects it -> ladder picks the mode
        -> controller and speed -> limiter -> ControlMessage

Inside, left is positive; the message's fields for people are turned at the end, in `_message`.
"""

import math
from typing import Any

from msgspec import structs

from lkas.decision.bicycle import Bicycle, SteeringModel
from lkas.decision.controllers import create_controller
from lkas.decision.controllers.handover import Handover
from lkas.decision.departure import Departure, DepartureWarning
from lkas.decision.driver import Driver
from lkas.decision.estimator import LaneEstimator
from lkas.decision.inputs import FUTURE_S, Break, VehicleInput
from lkas.decision.lane import LaneState
from lkas.decision.limiter import Limited, Limiter, Wish
from lkas.decision.measurement import LineReader
from lkas.decision.parameters import DecisionParameters
from lkas.decision.speed import STANDSTILL_MPS, SpeedController, target_speed_mps
from lkas.decision.state_machine import DRIVING, ENGAGED, Event, Situation, StateMachine
from lkas.decision.timeline import SPACING_S, expected_lanes
from lkas.frames import left_rad_from_steering, rightward, rightward_deg
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    LimiterFlag,
    TimelineMessage,
    TimelinePoint,
    VehicleState,
)
from lkas.parameters import ParameterError, changed, declared
from lkas.vehicle import CameraConfig, VehicleConfig

LOST_AFTER_S = 0.5  # an exposure older than this counts as lost
SEEN_FOR_S = 0.3  # a line counts as seen for so long after a measurement of it was believed
VALID_FOR_S = 0.2
FORGET_AFTER_S = 2.0  # without a step: too long to bridge
AT_THE_WHEEL = (*DRIVING, ControlMode.MINIMUM_RISK)
CUTS = (
    LimiterFlag.STEERING_ANGLE
    | LimiterFlag.LATERAL_ACCELERATION
    | LimiterFlag.LATERAL_JERK
    | LimiterFlag.STEERING_RATE
    | LimiterFlag.NO_STEERING_RANGE
)  # what is sent is not what was asked for
FADE_S = 0.5  # from the last command to the curvature that is held, or to straight ahead


class LaneKeeper:
    """Call `decide` for each detection and at least every 10 ms of world time."""

    def __init__(self, parameters: DecisionParameters, vehicle: VehicleConfig, camera: CameraConfig) -> None:
        self._parameters = parameters
        self._camera = camera.geometry()
        self._bicycle = Bicycle(vehicle, parameters)
        self._steering = SteeringModel(self._bicycle, vehicle.steering_delay_s, parameters.steering_trim_mps2)
        self._reader = LineReader()
        self._estimator = LaneEstimator(self._bicycle, parameters.measurement_sigma_ratio)
        self._controller = create_controller(parameters, self._bicycle)
        self._handover = Handover()
        self._is_limited = False
        self._trouble: str | None = None
        self._speed = SpeedController(parameters)
        self._limiter = Limiter(self._bicycle, parameters.full_brake_mps2)
        self._machine = StateMachine(parameters)
        self._departure = DepartureWarning(vehicle.width_m, self._bicycle)
        self._driver = Driver()
        self._input = VehicleInput()
        self._newest: DetectionMessage | None = None
        self._last: ControlMessage | None = None
        self._now_s = 0.0  # of the last decision
        self._restored_steering: float | None = None
        self._held_radpm = 0.0
        self._forget_sights()

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
        parameters = changed("decision", self._parameters, name, value)
        declaration = declared("decision", DecisionParameters)[name]
        if not declaration.live:
            raise ParameterError(f"decision.{name} is read once, at the start: set it with --set and start again")
        if name == "controller" or parameters.controller in declaration.used_by:
            self._controller = create_controller(parameters, self._bicycle)
            self._handover.begin()
        self._parameters = parameters
        self._machine.parameters = self._speed.parameters = parameters
        self._estimator.sigma_ratio = parameters.measurement_sigma_ratio
        self._limiter.full_brake_mps2 = parameters.full_brake_mps2

    def restore(self, last: ControlMessage) -> None:
        """Take over from a keeper that is gone: begin with its last command and mode."""
        self._restored_steering = last.steering if math.isfinite(last.steering) else 0.0
        self._speed.restore(last.throttle, last.brake)
        self._held_radpm = last.curvature or 0.0
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
        if void is not Break.NONE or dt_s > FORGET_AFTER_S:
            self._start_again(void)
        if self._restored_steering is not None and self._input.max_steer_rad is not None:
            self._limiter.restore(left_rad_from_steering(self._restored_steering, self._input.max_steer_rad))
            self._steering.reset(self._limiter.steer_rad)
            self._restored_steering = None
        self._driver.advance(dt_s)
        self._estimator.predict(now_s, self._input.speed_mps, self._input.yaw_rate_radps)
        if detection is not None:
            self._take_detection(now_s, detection)
        lane = self._estimator.state()
        mode = self._machine.update(self._situation(now_s, dt_s, lane))
        wish = self._wish(now_s, dt_s, mode, lane)
        limited = self._limiter.apply(
            wish, dt_s, self._input.speed_mps, self._input.speed_age_s, self._input.max_steer_rad
        )
        self._is_limited = bool(limited.flags & CUTS)
        self._steering.sent(now_s, limited.steer_rad)
        self._last = self._message(now_s, dt_s, mode, lane, limited)
        self._now_s = now_s
        return self._last

    def timeline(self) -> TimelineMessage:
        """The next 3 s from the last decision on; its `timestamp` is that of the first point. No points: no lane."""
        lane, last = self._estimator.state(), self._last
        if lane is None or last is None or not self._is_reported(self._now_s):
            return TimelineMessage(session=last.session if last is not None else 0, timestamp=self._now_s)
        controller = self._controller if last.mode in AT_THE_WHEEL else None
        points = []
        for index, ahead in enumerate(expected_lanes(lane, self._input.speed_mps or 0.0, self._bicycle, controller)):
            left_m, right_m = self._departure.margins_m(ahead)
            points.append(
                TimelinePoint(
                    t_s=index * SPACING_S,
                    offset_m=ahead.offset_m,
                    heading_rad=ahead.heading_rad,
                    margin_left_m=left_m,
                    margin_right_m=right_m,
                )
            )
        return TimelineMessage(
            session=last.session,
            frame_id=last.frame_id,
            timestamp=self._now_s,
            capture_ns=last.capture_ns,
            points=tuple(points),
            ttlc_left_s=last.ttlc_left_s,
            ttlc_right_s=last.ttlc_right_s,
        )

    def _start_again(self, void: Break) -> None:
        """The lane is unknown; after a break in world or place so is the mode, but no stop is cancelled by time."""
        self._estimator.reset()
        self._departure.reset()
        self._rest_controller()
        self._forget_sights()
        self._steering.reset(self._limiter.steer_rad)
        if void is Break.WORLD:
            self._limiter.restore(0.0)
            self._steering.reset(0.0)
            self._restored_steering = None
            self._newest = None
            self._driver.reset()
        if void in (Break.WORLD, Break.PLACE):
            self._limiter.forget_speed()
        if void in (Break.WORLD, Break.PLACE) or (void is Break.TIME and self._machine.mode in ENGAGED):
            self._machine.reset(void.value)
            self._speed.reset(0.0)
        if void is not Break.NONE:
            self._machine.note("break", "info", f"lane forgotten: {void.value}")

    def _forget_sights(self) -> None:
        self._left_seen_s = self._right_seen_s = -math.inf
        self._newest_exposed_s = self._believed_exposed_s = -math.inf

    def _take_detection(self, now_s: float, detection: DetectionMessage) -> None:
        """Use a detection, unless it is of another world, from the future, too old or older than one used before."""
        session = self._input.session
        if session is not None and detection.session not in (0, session):
            return
        exposed_s = detection.timestamp
        if not now_s - LOST_AFTER_S <= exposed_s <= now_s + FUTURE_S and _is_unstamped(detection):
            exposed_s = now_s - detection.processing_time_ms / 1000  # its own word for its age
        if not now_s - LOST_AFTER_S <= exposed_s <= now_s + FUTURE_S or exposed_s <= self._newest_exposed_s:
            return
        self._newest_exposed_s = exposed_s
        self._newest = detection
        lines = self._reader.lines(detection, self._input.camera or self._camera)
        left, right = self._estimator.measure(exposed_s, lines)
        self._left_seen_s = now_s if left else self._left_seen_s
        self._right_seen_s = now_s if right else self._right_seen_s
        if left or right:
            self._believed_exposed_s = exposed_s

    def _situation(self, now_s: float, dt_s: float, lane: LaneState | None) -> Situation:
        is_recent = self._is_reported(now_s)
        return Situation(
            dt_s=dt_s,
            vehicle_age_s=self._input.age_s,
            speed_mps=self._input.speed_mps,
            sees_left=is_recent and now_s - self._left_seen_s <= SEEN_FOR_S,
            sees_right=is_recent and now_s - self._right_seen_s <= SEEN_FOR_S,
            offset_sigma_m=lane.offset_sigma_m if lane is not None else None,
            is_in_lane=lane is not None and abs(lane.offset_m) < lane.width_m / 2,
            offset_m=lane.offset_m if lane is not None else None,
            driver_steers=self._driver.steers,
            doubts_speed=self._limiter.doubts_speed,
        )

    def _is_reported(self, now_s: float) -> bool:
        """Whether the newest believed exposure is young enough for the lane to count as known."""
        return now_s - self._believed_exposed_s <= LOST_AFTER_S

    # ------------------------------------------------------------ steering and speed

    def _wish(self, now_s: float, dt_s: float, mode: ControlMode, lane: LaneState | None) -> Wish:
        speed_mps = self._input.speed_mps or 0.0
        self._steering.advance(now_s, dt_s, speed_mps, self._input.yaw_rate_radps, self._input.wheel_rad)
        throttle, brake = self._pedals(mode, lane, speed_mps, dt_s)
        last_rad = self._limiter.steer_rad
        is_lane_used = lane is not None and (mode in ENGAGED or (mode in AT_THE_WHEEL and self._is_reported(now_s)))
        if lane is not None and is_lane_used:
            there = self._steering.predict(lane, now_s, speed_mps, past_lag=not self._controller.models_lag)
            command = self._controller.update(there, speed_mps, dt_s, is_limited=self._is_limited)
            self._note_trouble(command.trouble)
            wanted_radpm = self._handover.follow(command.curvature_radpm, dt_s)
            steer_rad = self._bicycle.steer_rad(wanted_radpm - self._steering.trim_radpm, speed_mps)
            self._held_radpm = lane.curvature_radpm
            needed_radpm = there.curvature_radpm
        elif mode in AT_THE_WHEEL:
            self._rest_controller()
            # Blind: from the last command to the last known bend. A keeper that has just taken over waits first.
            needed_radpm = self._held_radpm
            held_rad = self._bicycle.steer_rad(self._held_radpm - self._steering.trim_radpm, speed_mps)
            share = 0.0 if mode in ENGAGED else 1 - math.exp(-dt_s / FADE_S)
            steer_rad = last_rad + share * (held_rad - last_rad)
        else:
            self._rest_controller()
            needed_radpm = 0.0
            is_fading = mode is ControlMode.MANUAL or not self._parameters.enabled
            steer_rad = last_rad * math.exp(-dt_s / FADE_S) if is_fading else last_rad
        return Wish(steer_rad=steer_rad, throttle=throttle, brake=brake, needed_curvature_radpm=needed_radpm)

    def _note_trouble(self, trouble: str | None) -> None:
        """A controller that can not do its work lets another law steer: say so, and hand over without a bump."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._handover.begin()
            name = self._parameters.controller
            text = f"{name} steers again" if trouble is None else f"{name} does not steer, its fallback does: {trouble}"
            self._machine.note("controller", "info" if trouble is None else "warning", text)

    def _rest_controller(self) -> None:
        self._controller.reset()
        self._handover.reset()

    def _pedals(self, mode: ControlMode, lane: LaneState | None, speed_mps: float, dt_s: float) -> tuple[float, float]:
        parameters = self._parameters
        if mode in ENGAGED:
            target_mps = min(parameters.set_speed_mps, speed_mps)
            if lane is not None:
                target_mps = target_speed_mps(lane, parameters)
            return self._speed.follow(target_mps, speed_mps, dt_s)
        if mode is ControlMode.DEGRADED:
            return self._speed.brake(parameters.degraded_deceleration_mps2, speed_mps, dt_s)
        if mode is ControlMode.MINIMUM_RISK:
            return self._speed.brake(parameters.minimum_risk_deceleration_mps2, speed_mps, dt_s)
        self._speed.reset(0.0)
        is_standing = self._input.speed_mps is not None and speed_mps < STANDSTILL_MPS
        is_ours = parameters.enabled and mode is not ControlMode.MANUAL
        return self._speed.hold() if is_ours and is_standing else (0.0, 0.0)

    # ------------------------------------------------------------ the message

    def _warn(self, lane: LaneState, dt_s: float) -> Departure:
        """The departure figures; the begin of a warning is an event."""
        was = self._departure.status
        found = self._departure.judge(lane, self._input.speed_mps or 0.0, dt_s, self._parameters, self._driver)
        if found.status is not was and found.status is not DepartureStatus.CENTERED:
            is_left = found.margin_left_m < found.margin_right_m
            side, margin_m = ("left", found.margin_left_m) if is_left else ("right", found.margin_right_m)
            self._machine.note("departure", "warning", f"{found.status} to the {side}, {margin_m:.2f} m to the line")
        return found

    def _message(
        self, now_s: float, dt_s: float, mode: ControlMode, lane: LaneState | None, limited: Limited
    ) -> ControlMessage:
        """Left becomes right here, and only here."""
        newest = self._newest
        departure: Departure | None = None
        if lane is None or not self._is_reported(now_s):
            lane = None
            self._departure.reset()
        else:
            departure = self._warn(lane, dt_s)
        return ControlMessage(
            session=newest.session if newest is not None else self._input.session or 0,
            frame_id=newest.frame_id if newest is not None else 0,
            timestamp=newest.timestamp if newest is not None else now_s,
            capture_ns=newest.capture_ns if newest is not None else 0,
            steering=limited.steering,
            throttle=limited.throttle,
            brake=limited.brake,
            mode=mode,
            lateral_offset=rightward(lane.offset_m) / lane.width_m if lane is not None else None,
            lateral_offset_meters=rightward(lane.offset_m) if lane is not None else None,
            heading_angle=rightward_deg(lane.heading_rad) if lane is not None else None,
            lane_width_pixels=_lane_width_pixels(newest) if newest is not None else None,
            departure_status=departure.status if departure is not None else None,
            curvature=lane.curvature_radpm if lane is not None else None,
            ttlc_left_s=departure.ttlc_left_s if departure is not None else None,
            ttlc_right_s=departure.ttlc_right_s if departure is not None else None,
            limiter=int(limited.flags),
            state_reason=self._machine.reason,
            valid_until=now_s + VALID_FOR_S,
        )


def _is_unstamped(detection: DetectionMessage) -> bool:
    """Whether a minimal writer left the stamps to the channel: no session, and monotonic time for world time."""
    return detection.session == 0 and abs(detection.timestamp - detection.capture_ns / 1e9) < 1e-3


def _lane_width_pixels(detection: DetectionMessage) -> float | None:
    """Distance between the two lines in the image, at the lowest row both of them reach."""
    left, right = detection.left_lane, detection.right_lane
    if left is None or right is None or left.y1 == left.y2 or right.y1 == right.y2:
        return None
    row_px = min(left.y1, right.y1)
    left_px, right_px = (
        line.x1 + (row_px - line.y1) * (line.x2 - line.x1) / (line.y2 - line.y1) for line in (left, right)
    )
    return right_px - left_px if math.isfinite(right_px - left_px) else None
