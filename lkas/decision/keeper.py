"""LaneKeeper: from lane measurements and the vehicle state to one command, in world time, without I/O.

    vehicle state -> estimator predicts to now -> detection corrects it -> state machine selects the mode
        -> steering and speed -> limiter -> ControlMessage

Inside the package left is positive; outputs.py converts to the right-positive fields of the messages.
"""

import math
from typing import Any

from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.departure import Departure, DepartureWarning
from lkas.decision.driver_input import DriverInput
from lkas.decision.estimator import LaneEstimator
from lkas.decision.events import DecisionEvent
from lkas.decision.lane import LaneState
from lkas.decision.limiter import ControlRequest, Limiter
from lkas.decision.model_car import tuned_for
from lkas.decision.outputs import control_message, timeline_message
from lkas.decision.parameters import DecisionParameters
from lkas.decision.speed import SpeedController
from lkas.decision.state_machine import DRIVING, ENGAGED, Situation, StateMachine
from lkas.decision.steering import Steering
from lkas.decision.steering_side import REMEDIES, SteeringFault
from lkas.decision.timeline import predicted_lanes
from lkas.decision.vehicle_facts import with_facts
from lkas.decision.vehicle_input import Discontinuity, VehicleInput
from lkas.decision.visibility import LaneVisibility
from lkas.frames import left_rad_from_steering
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    TimelineMessage,
    VehicleFacts,
    VehicleState,
)
from lkas.parameters import Parameter, ParameterError, changed, is_read_by, offered
from lkas.plugins.names import short_name
from lkas.vehicle import CameraConfig, VehicleConfig

MAX_STEP_S = 2.0  # a longer time without a step cannot be bridged: the lane is forgotten
VALID_FOR_S = 0.2
STEERING_MODES = (*DRIVING, ControlMode.MINIMUM_RISK)


class LaneKeeper:
    """Call `decide` for each detection and at least every 10 ms of world time."""

    def __init__(self, parameters: DecisionParameters, vehicle: VehicleConfig, camera: CameraConfig) -> None:
        """Raises ParameterError or PluginError if the controller cannot be created."""
        self._parameters = parameters
        self._offered = offered("decision", parameters)  # the only plugin is the one of these parameters
        self._camera = camera.geometry()
        self._config, self._facts = vehicle, VehicleFacts()  # the configured car; what the world says of it
        self._bicycle = Bicycle(vehicle, parameters)
        scale = self._bicycle.scale
        tuned = tuned_for(parameters, scale)
        self._steering = Steering(tuned, vehicle, self._bicycle, self._report_fallback)
        self._visibility = LaneVisibility(scale)
        self._estimator = LaneEstimator(self._bicycle, tuned)
        self._speed = SpeedController(tuned, self._bicycle)
        self._limiter = Limiter(self._bicycle, tuned)
        self._machine = StateMachine(tuned, scale)
        self._departure = DepartureWarning(vehicle.width_m, self._bicycle, tuned)
        self._driver = DriverInput()
        self._vehicle = VehicleInput(scale)
        self._last: ControlMessage | None = None
        self._now_s = 0.0  # of the last decision
        self._restored_steering: float | None = None
        self._is_retry_requested = False

    # ------------------------------------------------------------ actions and parameters

    def resume(self) -> None:
        """At standstill: leave the minimum risk stop, and judge the steering again."""
        self._is_retry_requested = True
        self._machine.resume()

    def override(self, active: Any) -> None:
        """Start (True) or end (False) the driver's override. Raises ValueError."""
        self._driver.override(active)

    def set_indicator(self, side: Any) -> None:
        """Set the indicator to `left`, `right` or `off`. Raises ValueError."""
        self._driver.set_indicator(side)

    def update_parameter(self, name: str, value: Any) -> None:
        """Change one live parameter of section `decision`. Raises ParameterError or PluginError."""
        parameters = changed("decision", self._parameters, name, value, self._offered)
        declaration = self._offered[name]
        if not declaration.live:
            raise ParameterError(f"decision.{name} is read once, at the start: set it with --set and start again")
        if _concerns_controller(declaration, parameters.controller):
            self._steering.configure(tuned_for(parameters, self._bicycle.scale))
        self._parameters = parameters
        self._tune()

    def _tune(self) -> None:
        """Give all parts except the controller the parameters for a car of this scale."""
        tuned = tuned_for(self._parameters, self._bicycle.scale)
        for part in (self._estimator, self._machine, self._speed, self._limiter, self._departure):
            part.configure(tuned)
        self._steering.set_check(tuned.check_steering)

    def restore(self, last: ControlMessage) -> None:
        """Take over from a predecessor: continue with its last command and mode."""
        self._restored_steering = last.steering if math.isfinite(last.steering) else 0.0
        self._speed.restore(last.throttle, last.brake)
        self._steering.restore(last.curvature or 0.0)
        self._vehicle.restore(last.session)
        self._machine.restore(last.mode)
        self._driver.override(last.mode is ControlMode.MANUAL)

    def take_events(self) -> list[DecisionEvent]:
        """Return the events since the last call."""
        return self._machine.take_events()

    # ------------------------------------------------------------ one step

    def decide(self, now_s: float, detection: DetectionMessage | None, vehicle: VehicleState | None) -> ControlMessage:
        """Return the command for `now_s`. `detection` is the newest one not yet given, `vehicle` the newest state."""
        if vehicle is not None and vehicle.paused and self._last is not None and vehicle.session == self._last.session:
            return structs.replace(self._last, valid_until=now_s + VALID_FOR_S)
        dt_s, discontinuity = self._vehicle.update(now_s, vehicle)
        if self._vehicle.facts is not None and self._vehicle.facts != self._facts:
            self._take_facts(self._vehicle.facts)
        if discontinuity is Discontinuity.PAUSE:
            self._rewind(now_s)
        elif discontinuity is not Discontinuity.NONE or dt_s > MAX_STEP_S:
            self._reset_lane(discontinuity)
        if self._restored_steering is not None and self._vehicle.max_steer_rad is not None:
            self._limiter.restore(left_rad_from_steering(self._restored_steering, self._vehicle.max_steer_rad))
            self._steering.reset(self._limiter.steer_rad)
            self._restored_steering = None
        self._driver.advance(dt_s)
        self._estimator.predict(now_s, self._vehicle.speed_mps, self._trusted_yaw_rate_radps)
        if detection is not None:
            camera = self._vehicle.camera or self._camera
            self._visibility.update(now_s, detection, self._vehicle.session, camera, self._estimator)
            heading = self._visibility.take_heading()
            if heading is not None:
                self._steering.see(*heading)
        self._visibility.advance(now_s, dt_s)
        if self._vehicle.is_fresh:
            self._estimator.save_checkpoint()
        lane = self._estimator.state()
        self._report_fault()
        mode = self._machine.update(self._situation(now_s, dt_s, lane))
        is_foreign = mode not in STEERING_MODES and self._steering.fault is SteeringFault.NONE
        if is_foreign or (self._is_retry_requested and self._machine.is_standing):
            self._steering.forget_fault()  # when another steers, its turning does not belong to the commands
        self._is_retry_requested = False
        request = self._request(now_s, dt_s, mode, lane)
        output = self._limiter.apply(
            request, dt_s, self._vehicle.speed_mps, self._vehicle.speed_age_s, self._vehicle.max_steer_rad
        )
        self._steering.add_command(now_s, output.steer_rad, output.flags)
        if self._steering.is_inverted:
            output = structs.replace(output, steering=-output.steering)
        reported = lane if self._visibility.is_lane_known(now_s) else None
        self._last = control_message(
            now_s,
            self._visibility.newest,
            self._vehicle.session or 0,
            output,
            mode,
            reported,
            self._departure_of(reported, dt_s),
            self._steering.terms,
            self._machine.reason,
            VALID_FOR_S,
        )
        self._now_s = now_s
        return self._last

    @property
    def _trusted_yaw_rate_radps(self) -> float | None:
        """The measured yaw rate, unless the drive has shown that its sign is wrong."""
        return None if self._steering.fault is SteeringFault.YAW_RATE else self._vehicle.yaw_rate_radps

    @property
    def detection_refusal(self) -> str | None:
        """Why the newest detection was not used; None: it was."""
        return self._visibility.refusal

    def timeline(self) -> TimelineMessage:
        """Return the next 3 s from the last decision on; `timestamp` is that of the first point. No lane: no points."""
        lane, last = self._estimator.state(), self._last
        if lane is None or last is None or not self._visibility.is_lane_known(self._now_s):
            return TimelineMessage(session=last.session if last is not None else 0, timestamp=self._now_s)
        controller = self._steering.timeline_controller if last.mode in STEERING_MODES else None
        predicted = predicted_lanes(lane, self._vehicle.speed_mps or 0.0, self._bicycle, controller)
        return timeline_message(self._now_s, last, predicted, self._departure)

    def _rewind(self, now_s: float) -> None:
        """The simulation paused while the clock advanced: undo the motion predicted in this time."""
        self._estimator.rewind(now_s)
        self._visibility.rewind(now_s)
        self._steering.rewind(now_s)
        paused_s = self._now_s - now_s
        self._machine.add_event(
            "break", "info", f"simulation paused for {paused_s:.2f} s (no vehicle state); its clock was adjusted"
        )

    def _take_facts(self, facts: VehicleFacts) -> None:
        """Control the car that the world describes from now on."""
        self._facts = facts
        car, self._parameters, refused = with_facts(self._config, self._parameters, facts)
        self._bicycle.configure(car, self._parameters)
        scale = self._bicycle.scale
        self._steering.set_vehicle(tuned_for(self._parameters, scale), car, self._limiter.steer_rad)
        self._departure.set_width(car.width_m)
        for judge in (self._visibility, self._machine, self._vehicle):
            judge.set_scale(scale)
        self._tune()
        for text in refused:
            self._machine.add_event("vehicle", "warning", text)

    def _reset_lane(self, discontinuity: Discontinuity) -> None:
        """Forget the lane. A new session or place also resets the mode; a step in time does not cancel a stop."""
        self._estimator.reset()
        self._departure.reset()
        self._steering.reset_controller()
        self._visibility.reset()
        self._steering.reset(self._limiter.steer_rad)
        if discontinuity is Discontinuity.NEW_SESSION:
            self._limiter.restore(0.0)
            self._steering.reset(0.0)
            self._restored_steering = None
            self._visibility.forget_newest()
            self._driver.reset()
            self._steering.forget_fault()
        is_elsewhere = discontinuity in (Discontinuity.NEW_SESSION, Discontinuity.POSITION)
        if is_elsewhere:
            self._limiter.reset_speed()
        if is_elsewhere or (discontinuity is Discontinuity.TIME and self._machine.mode in ENGAGED):
            self._machine.reset(discontinuity.value)
            self._speed.reset(0.0)
        if discontinuity is not Discontinuity.NONE:
            self._machine.add_event("break", "info", f"lane estimate reset: {discontinuity.value}")

    def _situation(self, now_s: float, dt_s: float, lane: LaneState | None) -> Situation:
        return Situation(
            dt_s=dt_s,
            vehicle_age_s=self._vehicle.age_s,
            speed_mps=self._vehicle.speed_mps,
            is_left_visible=self._visibility.is_left_visible(now_s),
            is_right_visible=self._visibility.is_right_visible(now_s),
            offset_sigma_m=lane.offset_sigma_m if lane is not None else None,
            is_in_lane=lane is not None and abs(lane.offset_m) < lane.width_m / 2,
            offset_m=lane.offset_m if lane is not None else None,
            driver_reason=self._driver.steering_reason,
            is_speed_implausible=self._limiter.is_speed_implausible,
            steering_fault=self._steering.fault.value,
        )

    # ------------------------------------------------------------ steering, speed and warning

    def _request(self, now_s: float, dt_s: float, mode: ControlMode, lane: LaneState | None) -> ControlRequest:
        """The command before the limiter."""
        steering, speed_mps = self._steering, self._vehicle.speed_mps or 0.0
        steering.advance(now_s, dt_s, speed_mps, self._trusted_yaw_rate_radps, self._vehicle.wheel_rad)
        throttle, brake = self._speed.pedals(mode, lane, self._visibility.ratio, self._vehicle.speed_mps, dt_s)
        last_rad = self._limiter.steer_rad
        may_steer = mode in STEERING_MODES and (steering.is_inverted or steering.fault is not SteeringFault.STEERING)
        if lane is not None and may_steer and (mode in ENGAGED or self._visibility.is_lane_known(now_s)):
            steer_rad, needed_radpm = steering.follow(lane, now_s, dt_s, speed_mps)
        elif may_steer:
            # Engaged without a lane: a keeper that has just taken over keeps the last command.
            steer_rad, needed_radpm = steering.hold(last_rad, dt_s, speed_mps, fades=mode not in ENGAGED)
        else:
            fades = mode is ControlMode.MANUAL or not self._parameters.enabled or mode in STEERING_MODES
            steer_rad, needed_radpm = steering.release(last_rad, dt_s, fades=fades)
        return ControlRequest(steer_rad=steer_rad, throttle=throttle, brake=brake, needed_curvature_radpm=needed_radpm)

    def _report_fault(self) -> None:
        """Add an event when the drive has just shown that the steering or the yaw rate has the wrong sign."""
        fault = self._steering.take_new_fault()
        if fault is SteeringFault.NONE:
            return
        if self._steering.is_inverted:
            # The wheel stands on the other side than the commands said; from now on each is sent with the other sign.
            self._limiter.restore(-self._limiter.steer_rad)
            self._steering.reset(self._limiter.steer_rad)
        self._machine.add_event("steering", "error", f"{fault.value}; {REMEDIES[fault]}")

    def _report_fallback(self, reason: str | None) -> None:
        """Add an event when a controller has failed and its fallback steers, or when it steers again (None)."""
        name = short_name(self._parameters.controller)
        text = f"{name} steers again" if reason is None else f"{name} failed, its fallback steers: {reason}"
        self._machine.add_event("controller", "info" if reason is None else "warning", text)

    def _departure_of(self, lane: LaneState | None, dt_s: float) -> Departure | None:
        """Departure margins and status, None without a lane. The start of a warning is an event."""
        if lane is None:
            self._departure.reset()
            return None
        previous = self._departure.status
        found = self._departure.update(lane, self._vehicle.speed_mps or 0.0, dt_s, self._driver)
        if found.status is not previous and found.status is not DepartureStatus.CENTERED:
            self._machine.add_event("departure", "warning", found.description)
        return found


def _concerns_controller(declaration: Parameter, controller: str) -> bool:
    """Whether a change of this parameter requires the controller to be created again."""
    is_read = bool(declaration.used_by) and is_read_by(declaration, controller)
    return declaration.name == "controller" or is_read
