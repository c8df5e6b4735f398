"""The ladder: LANE_KEEPING -> SINGLE_LINE -> HOLD -> DEGRADED -> MINIMUM_RISK, and STANDBY and MANUAL beside it.

| Mode | Meaning | Left when |
|---|---|---|
| STANDBY | does not drive | lanes valid for `engage_time_s` |
| LANE_KEEPING | both lines seen | one line or none left |
| SINGLE_LINE | one line and the remembered width | both lines, or none |
| HOLD | no line; dead reckoning | a line again, or two sigma of the offset beyond `hold_offset_m` |
| DEGRADED | unsure where the lane is or how the car moves: coasts | certain again, or `degraded_time_s` over |
| MINIMUM_RISK | stops in the lane | 1 s of valid lanes while rolling; `resume` at standstill |
| MANUAL | the driver steers, from any mode | the driver lets go: STANDBY, left by `rearm_time_s` near a lane's centre |

Driven by what was seen lately and by the estimator's covariance; every change is an event with its reason.
"""

from typing import Literal

from msgspec import Struct

from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode

STALE_VEHICLE_S = 0.5
BACK_FROM_HOLD_S = 0.1
BACK_FROM_DEGRADED_S = 0.3
BOTH_LINES_S = 0.2  # before a second line counts
UNSEEN_ROLLING_S = 2.0  # in standby, before a rolling car without lanes is stopped
TAKE_OVER_S = 0.7  # a keeper that has just started may not know the lane yet
STANDSTILL_S = 0.5  # lanes lost while standing still
REARM_OFFSET_M = 0.5  # after the driver has steered: no further from the centre than this
CERTAIN_AGAIN_RATIO = 0.8  # of hold_offset_m
STANDSTILL_MPS = 0.3

KEEPING = (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
ENGAGED = (*KEEPING, ControlMode.HOLD)
DRIVING = (*ENGAGED, ControlMode.DEGRADED)
Level = Literal["info", "warning", "error"]
LEVELS: dict[ControlMode, Level] = {
    ControlMode.HOLD: "warning",
    ControlMode.DEGRADED: "warning",
    ControlMode.MINIMUM_RISK: "error",
}


class Event(Struct, frozen=True, kw_only=True):
    """Something worth telling people: a name, a level (info, warning, error) and one sentence."""

    name: str
    level: Level
    text: str


class Situation(Struct, frozen=True, kw_only=True):
    """What the ladder looks at, once per step."""

    dt_s: float
    vehicle_age_s: float | None  # world time since the newest vehicle state; None: there never was one
    speed_mps: float | None
    sees_left: bool  # lately, by a believed measurement
    sees_right: bool
    offset_sigma_m: float | None  # None: the lane is unknown
    is_in_lane: bool  # the ego origin is between the lines
    offset_m: float | None  # of the ego origin from the lane centre
    driver_steers: str | None = None  # why; None: nobody does
    doubts_speed: bool = False  # it fell faster than the car can brake


class StateMachine:
    """The mode, its reason and the timers of its hysteresis."""

    def __init__(self, parameters: DecisionParameters) -> None:
        self.parameters = parameters
        self._events: list[Event] = []
        self.reset("starting")

    def reset(self, reason: str) -> None:
        """Back to standby without an event: another world, another drive."""
        self.mode = ControlMode.STANDBY
        self.reason = reason
        self._mode_s = 0.0
        self._valid_s = 0.0
        self._both_s = 0.0
        self._resume_asked = False
        self._is_taking_over = False
        self._is_rearming = False

    def restore(self, mode: ControlMode) -> None:
        """Start in the mode somebody else has left; when driving, without a lane for a moment."""
        self.reset("taken over")
        self.mode = ControlMode.HOLD if mode in ENGAGED else mode
        self._is_taking_over = self.mode is ControlMode.HOLD
        self.note("mode", "info", f"taken over in {self.mode}")

    def resume(self) -> None:
        """Leave MINIMUM_RISK at standstill, at the next step; asked for at any other moment it is forgotten."""
        self._resume_asked = True

    def note(self, name: str, level: Level, text: str) -> None:
        self._events.append(Event(name=name, level=level, text=text))

    def take_events(self) -> list[Event]:
        """Events since the last call."""
        events, self._events = self._events, []
        return events

    def update(self, now: Situation) -> ControlMode:
        """One step: the mode for this situation."""
        self._mode_s += now.dt_s
        sees_any = now.sees_left or now.sees_right
        self._valid_s = self._valid_s + now.dt_s if sees_any and self._is_certain(now) else 0.0
        self._both_s = self._both_s + now.dt_s if now.sees_left and now.sees_right else 0.0
        following = self._following(now)
        if following is not None:
            self._enter(*following)
        self._resume_asked = False
        return self.mode

    def _following(self, now: Situation) -> tuple[ControlMode, str] | None:
        """The mode to change to and why, or None to stay."""
        if not self.parameters.enabled:
            return (ControlMode.STANDBY, "disabled") if self.mode is not ControlMode.STANDBY else None
        if now.driver_steers is not None:
            return (ControlMode.MANUAL, now.driver_steers) if now.driver_steers != self.reason else None
        if self.mode is ControlMode.MANUAL:
            return ControlMode.STANDBY, "the driver let go"
        if self.mode is ControlMode.STANDBY:
            return self._from_standby(now)
        if self.mode is ControlMode.MINIMUM_RISK:
            return self._from_minimum_risk(now)
        if self.mode is ControlMode.DEGRADED:
            return self._from_degraded(now)
        return self._from_engaged(now)

    def _from_standby(self, now: Situation) -> tuple[ControlMode, str] | None:
        if now.vehicle_age_s is None or now.speed_mps is None or self._is_stale(now):
            return None
        if self._may_engage(now):
            return self._keeping(now, "lane found")
        if self._valid_s == 0 and now.speed_mps > STANDSTILL_MPS and self._mode_s > UNSEEN_ROLLING_S:
            return ControlMode.MINIMUM_RISK, "rolling without a lane"
        return None

    def _may_engage(self, now: Situation) -> bool:
        if self._is_rearming:
            is_centred = now.offset_m is not None and abs(now.offset_m) <= REARM_OFFSET_M
            return self._valid_s >= self.parameters.rearm_time_s and is_centred
        return self._valid_s >= self.parameters.engage_time_s and self._valid_s > 0 and now.is_in_lane

    def _from_engaged(self, now: Situation) -> tuple[ControlMode, str] | None:
        if self._is_stale(now):
            is_old = now.vehicle_age_s is None or now.vehicle_age_s > STALE_VEHICLE_S
            return ControlMode.DEGRADED, "vehicle state is stale" if is_old else "speed is not believable"
        if now.offset_sigma_m is None and self._is_taking_over and self._mode_s < TAKE_OVER_S:
            return None
        if now.offset_sigma_m is None or 2 * now.offset_sigma_m >= self.parameters.hold_offset_m:
            return ControlMode.DEGRADED, "position in the lane is uncertain"
        sees_any = now.sees_left or now.sees_right
        if self.mode is ControlMode.HOLD:
            if sees_any and self._valid_s >= BACK_FROM_HOLD_S:
                return self._keeping(now, "lane found again")
            if not sees_any and self._stands(now) and self._mode_s >= STANDSTILL_S:
                return ControlMode.STANDBY, "no lane at standstill"
        elif not sees_any:
            return ControlMode.HOLD, "no line seen"
        elif self.mode is ControlMode.LANE_KEEPING and not (now.sees_left and now.sees_right):
            return ControlMode.SINGLE_LINE, f"only the {'left' if now.sees_left else 'right'} line seen"
        elif self.mode is ControlMode.SINGLE_LINE and self._both_s >= BOTH_LINES_S:
            return ControlMode.LANE_KEEPING, "both lines seen"
        return None

    def _from_degraded(self, now: Situation) -> tuple[ControlMode, str] | None:
        if not self._is_stale(now) and self._valid_s >= BACK_FROM_DEGRADED_S:
            return self._keeping(now, "lane found again")
        if self._mode_s >= self.parameters.degraded_time_s:
            return ControlMode.MINIMUM_RISK, self.reason
        return None

    def _from_minimum_risk(self, now: Situation) -> tuple[ControlMode, str] | None:
        if self._is_stale(now):
            return None
        if self._stands(now):
            return (ControlMode.STANDBY, "resumed") if self._resume_asked else None
        if self._valid_s >= self.parameters.recovery_time_s:
            return self._keeping(now, "lane found again")
        return None

    def _keeping(self, now: Situation, reason: str) -> tuple[ControlMode, str]:
        is_both = now.sees_left and now.sees_right
        return (ControlMode.LANE_KEEPING if is_both else ControlMode.SINGLE_LINE), reason

    def _is_certain(self, now: Situation) -> bool:
        limit_m = CERTAIN_AGAIN_RATIO * self.parameters.hold_offset_m
        return now.offset_sigma_m is not None and 2 * now.offset_sigma_m < limit_m

    def _is_stale(self, now: Situation) -> bool:
        """Whether what the car says of itself is no use."""
        return now.vehicle_age_s is None or now.vehicle_age_s > STALE_VEHICLE_S or now.doubts_speed

    def _stands(self, now: Situation) -> bool:
        return now.speed_mps is not None and now.speed_mps < STANDSTILL_MPS

    def _enter(self, mode: ControlMode, reason: str) -> None:
        was, self.mode, self.reason = self.mode, mode, reason
        self._mode_s = 0.0
        self._is_taking_over = False
        if mode is ControlMode.STANDBY:
            self._valid_s = 0.0
        self._is_rearming = was is ControlMode.MANUAL and mode is ControlMode.STANDBY
        self.note("mode", LEVELS.get(mode, "info"), f"{was} -> {mode}: {reason}")
