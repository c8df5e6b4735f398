"""State machine of the modes: LANE_KEEPING -> SINGLE_LINE -> HOLD -> DEGRADED -> MINIMUM_RISK; STANDBY; MANUAL.

| Mode | Meaning | Left when |
|---|---|---|
| STANDBY | does not drive | lanes valid for `engage_time_s` |
| LANE_KEEPING | both lines visible | one line or none visible |
| SINGLE_LINE | one line and the remembered width | both lines, or none |
| HOLD | no line; dead reckoning | a line again, or two sigma of the offset exceed `hold_offset_m` |
| DEGRADED | lane or motion of the car uncertain: coasts | certain again, or after `degraded_time_s` |
| MINIMUM_RISK | stops in the lane | 1 s of valid lanes while rolling; `resume` at standstill |
| MANUAL | the driver steers; from any mode | the driver releases: STANDBY for `rearm_time_s` near a lane's centre |

The inputs are the visibility of the lines and the estimator's covariance. Each change is an event with its reason.
"""

from msgspec import Struct

from lkas.decision.events import DecisionEvent, Level
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode
from lkas.scale import FULL_SIZE, Scale

MAX_VEHICLE_AGE_S = 0.5
HOLD_RECOVERY_S = 0.1
DEGRADED_RECOVERY_S = 0.3
BOTH_LINES_S = 0.2  # before a second line counts
ROLLING_WITHOUT_LANE_S = 2.0  # in standby, before a rolling car is stopped
TAKE_OVER_S = 0.7  # a keeper that has just started may not know the lane yet
NO_LANE_AT_STANDSTILL_S = 0.5
MAX_REARM_OFFSET_M = 0.5  # from the lane centre, after the driver has steered
CERTAIN_AGAIN_RATIO = 0.8  # of hold_offset_m
STANDSTILL_MPS = 0.3

KEEPING = (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
ENGAGED = (*KEEPING, ControlMode.HOLD)
DRIVING = (*ENGAGED, ControlMode.DEGRADED)
LEVELS: dict[ControlMode, Level] = {
    ControlMode.HOLD: "warning",
    ControlMode.DEGRADED: "warning",
    ControlMode.MINIMUM_RISK: "error",
}


class Situation(Struct, frozen=True, kw_only=True):
    """Inputs of the state machine in one step."""

    dt_s: float
    vehicle_age_s: float | None  # world time since the newest vehicle state; None: there was none yet
    speed_mps: float | None
    is_left_visible: bool  # an accepted measurement is recent
    is_right_visible: bool
    offset_sigma_m: float | None  # None: the lane is unknown
    is_in_lane: bool  # the ego origin is between the lines
    offset_m: float | None  # of the ego origin from the lane centre
    driver_reason: str | None = None  # why the driver steers; None: the driver does not
    is_speed_implausible: bool = False  # it fell faster than the car can brake
    steering_fault: str = ""  # what the drive has shown to be wrong with the steering


class StateMachine:
    """The mode, its reason and the timers of its hysteresis."""

    def __init__(self, parameters: DecisionParameters, scale: Scale = FULL_SIZE) -> None:
        """`scale` is the car's."""
        self._events: list[DecisionEvent] = []
        self.set_scale(scale)
        self.configure(parameters)
        self.reset("starting")

    def configure(self, parameters: DecisionParameters) -> None:
        """Use these parameters from the next step on."""
        self._parameters = parameters

    def set_scale(self, scale: Scale) -> None:
        """Judge standstill and offset for a car of this scale."""
        self._scale = scale

    def reset(self, reason: str) -> None:
        """Return to standby without an event, such as in a new session."""
        self.mode = ControlMode.STANDBY
        self.reason = reason
        self._mode_s = 0.0
        self._valid_s = 0.0
        self._both_s = 0.0
        self._is_resume_requested = False
        self._is_taking_over = False
        self._is_rearming = False
        self._stands = False

    def restore(self, mode: ControlMode) -> None:
        """Continue in the mode of a predecessor; when it was driving, in HOLD until the lane is known."""
        self.reset("taken over")
        self.mode = ControlMode.HOLD if mode in ENGAGED else mode
        self._is_taking_over = self.mode is ControlMode.HOLD
        self.add_event("mode", "info", f"taken over in {self.mode}")

    @property
    def is_standing(self) -> bool:
        """Whether the car was at standstill in the last step."""
        return self._stands

    def resume(self) -> None:
        """Leave MINIMUM_RISK in the next step if the car is at standstill; ignored in any other situation."""
        self._is_resume_requested = True

    def add_event(self, name: str, level: Level, text: str) -> None:
        """Add an event to those that `take_events` returns."""
        self._events.append(DecisionEvent(name=name, level=level, text=text))

    def take_events(self) -> list[DecisionEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def update(self, now: Situation) -> ControlMode:
        """Do one step and return the mode."""
        self._mode_s += now.dt_s
        self._stands = self._is_standing(now)
        is_any_visible = now.is_left_visible or now.is_right_visible
        self._valid_s = self._valid_s + now.dt_s if is_any_visible and self._is_certain(now) else 0.0
        self._both_s = self._both_s + now.dt_s if now.is_left_visible and now.is_right_visible else 0.0
        transition = self._transition(now)
        if transition is not None:
            self._enter(*transition)
        self._is_resume_requested = False
        return self.mode

    def _transition(self, now: Situation) -> tuple[ControlMode, str] | None:
        """The next mode and the reason, or None to stay."""
        if not self._parameters.enabled:
            return (ControlMode.STANDBY, "disabled") if self.mode is not ControlMode.STANDBY else None
        if now.driver_reason is not None:
            return (ControlMode.MANUAL, now.driver_reason) if now.driver_reason != self.reason else None
        if self.mode is ControlMode.MANUAL:
            return ControlMode.STANDBY, "the driver released the steering"
        if now.steering_fault and self.mode in DRIVING:
            return ControlMode.MINIMUM_RISK, now.steering_fault
        if self.mode is ControlMode.STANDBY:
            return self._from_standby(now)
        if self.mode is ControlMode.MINIMUM_RISK:
            return self._from_minimum_risk(now)
        if self.mode is ControlMode.DEGRADED:
            return self._from_degraded(now)
        return self._from_engaged(now)

    def _from_standby(self, now: Situation) -> tuple[ControlMode, str] | None:
        if now.vehicle_age_s is None or now.speed_mps is None or self._is_vehicle_unreliable(now):
            return None
        if now.steering_fault:
            self.reason = now.steering_fault
        if self._may_engage(now):
            return self._keeping(now, "lane found")
        if self._valid_s == 0 and now.speed_mps > STANDSTILL_MPS and self._mode_s > ROLLING_WITHOUT_LANE_S:
            return ControlMode.MINIMUM_RISK, "rolling without a lane"
        return None

    def _may_engage(self, now: Situation) -> bool:
        if now.steering_fault:
            return False
        if self._is_rearming:
            is_centred = now.offset_m is not None and abs(now.offset_m) <= MAX_REARM_OFFSET_M * self._scale.length
            return self._valid_s >= self._parameters.rearm_time_s and is_centred
        return self._valid_s >= self._parameters.engage_time_s and self._valid_s > 0 and now.is_in_lane

    def _from_engaged(self, now: Situation) -> tuple[ControlMode, str] | None:
        if self._is_vehicle_unreliable(now):
            is_old = now.vehicle_age_s is None or now.vehicle_age_s > MAX_VEHICLE_AGE_S
            return ControlMode.DEGRADED, "vehicle state is stale" if is_old else "speed is not plausible"
        if now.offset_sigma_m is None and self._is_taking_over and self._mode_s < TAKE_OVER_S:
            return None
        if now.offset_sigma_m is None or 2 * now.offset_sigma_m >= self._parameters.hold_offset_m:
            return ControlMode.DEGRADED, "position in the lane is uncertain"
        is_any_visible = now.is_left_visible or now.is_right_visible
        if self.mode is ControlMode.HOLD:
            if is_any_visible and self._valid_s >= HOLD_RECOVERY_S:
                return self._keeping(now, "lane found again")
            if not is_any_visible and self._is_standing(now) and self._mode_s >= NO_LANE_AT_STANDSTILL_S:
                return ControlMode.STANDBY, "no lane at standstill"
        elif not is_any_visible:
            return ControlMode.HOLD, "no line visible"
        elif self.mode is ControlMode.LANE_KEEPING and not (now.is_left_visible and now.is_right_visible):
            return ControlMode.SINGLE_LINE, f"only the {'left' if now.is_left_visible else 'right'} line visible"
        elif self.mode is ControlMode.SINGLE_LINE and self._both_s >= BOTH_LINES_S:
            return ControlMode.LANE_KEEPING, "both lines visible"
        return None

    def _from_degraded(self, now: Situation) -> tuple[ControlMode, str] | None:
        if not self._is_vehicle_unreliable(now) and self._valid_s >= DEGRADED_RECOVERY_S:
            return self._keeping(now, "lane found again")
        if self._mode_s >= self._parameters.degraded_time_s:
            return ControlMode.MINIMUM_RISK, self.reason
        return None

    def _from_minimum_risk(self, now: Situation) -> tuple[ControlMode, str] | None:
        if self._is_vehicle_unreliable(now):
            return None
        if self._is_standing(now):
            return (ControlMode.STANDBY, "resumed") if self._is_resume_requested else None
        if self._valid_s >= self._parameters.recovery_time_s and not now.steering_fault:
            return self._keeping(now, "lane found again")
        return None

    def _keeping(self, now: Situation, reason: str) -> tuple[ControlMode, str]:
        is_both = now.is_left_visible and now.is_right_visible
        return (ControlMode.LANE_KEEPING if is_both else ControlMode.SINGLE_LINE), reason

    def _is_certain(self, now: Situation) -> bool:
        limit_m = CERTAIN_AGAIN_RATIO * self._parameters.hold_offset_m
        return now.offset_sigma_m is not None and 2 * now.offset_sigma_m < limit_m

    def _is_vehicle_unreliable(self, now: Situation) -> bool:
        """Whether the vehicle state is missing, stale or implausible."""
        return now.vehicle_age_s is None or now.vehicle_age_s > MAX_VEHICLE_AGE_S or now.is_speed_implausible

    def _is_standing(self, now: Situation) -> bool:
        return now.speed_mps is not None and now.speed_mps < STANDSTILL_MPS * self._scale.speed

    def _enter(self, mode: ControlMode, reason: str) -> None:
        previous, self.mode, self.reason = self.mode, mode, reason
        self._mode_s = 0.0
        self._is_taking_over = False
        if mode is ControlMode.STANDBY:
            self._valid_s = 0.0
        self._is_rearming = previous is ControlMode.MANUAL and mode is ControlMode.STANDBY
        self.add_event("mode", LEVELS.get(mode, "info"), f"{previous} -> {mode}: {reason}")
