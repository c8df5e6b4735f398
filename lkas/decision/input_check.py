"""Which input decision lacks: the reason why nothing steers, reported once for each cause."""

from lkas.decision.events import DecisionEvent
from lkas.integration.shared_memory.messages import DetectionMessage, VehicleState

SILENT_S = 1.0  # monotonic; an input is missing after this time without a message
REPORT_AFTER_S = 2.0  # a cause that lasts is reported
START_S = 10.0  # at a start the processes come up one after another: an input that never came is reported after this

NO_STATE = "no vehicle_state"
NO_RANGE = "no max_steer_rad in vehicle_state"
NO_DETECTION = "no detection"
REMEDIES = {
    NO_STATE: "no process writes it: start the simulation, or write VehicleState(speed_mps=, max_steer_rad=, ...)",
    NO_RANGE: "write the road-wheel angle of steering = 1 with each state; without it nothing steers",
    NO_DETECTION: "lane_detection is silent: see whether detection runs and camera_feed is written (lkas status)",
}


class InputCheck:
    """Judges the newest messages by their monotonic age."""

    def __init__(self) -> None:
        self._cause: str | None = None
        self._since_ns = 0
        self._is_reported = False
        self._start_ns: int | None = None
        self._detection_ns = 0  # arrival of the newest; 0: there was none
        self._had_state = False
        self._events: list[DecisionEvent] = []

    def update(
        self, now_ns: int, vehicle: VehicleState | None, detection: DetectionMessage | None, refusal: str | None
    ) -> str | None:
        """Return the cause in a few words, or None. `detection` is a new one; `refusal` says why it is not used."""
        if self._start_ns is None:
            self._start_ns = now_ns
        if detection is not None:
            self._detection_ns = now_ns
        self._had_state |= vehicle is not None
        cause, remedy = self._missing(now_ns, vehicle, refusal)
        if cause != self._cause:
            self._cause, self._since_ns, self._is_reported = cause, now_ns, False
        is_start = not (self._had_state and self._detection_ns) and now_ns - self._start_ns < START_S * 1e9
        is_lasting = now_ns - self._since_ns >= REPORT_AFTER_S * 1e9
        if cause is not None and not self._is_reported and is_lasting and not is_start:
            self._is_reported = True
            self._events.append(DecisionEvent(name="input", level="warning", text=f"{cause}; {remedy}"))
        return cause

    def take_events(self) -> list[DecisionEvent]:
        """Return the reports since the last call."""
        events, self._events = self._events, []
        return events

    def _missing(self, now_ns: int, vehicle: VehicleState | None, refusal: str | None) -> tuple[str | None, str]:
        if vehicle is None or now_ns - vehicle.publish_ns > SILENT_S * 1e9:
            return NO_STATE, REMEDIES[NO_STATE]
        if vehicle.max_steer_rad is None:
            return NO_RANGE, REMEDIES[NO_RANGE]
        if vehicle.paused:
            return None, ""
        if now_ns - self._detection_ns > SILENT_S * 1e9:
            return NO_DETECTION, REMEDIES[NO_DETECTION]
        if refusal is not None:
            return "detections are refused", f"{refusal}; leave timestamp and session out, or copy those of the image"
        return None, ""
