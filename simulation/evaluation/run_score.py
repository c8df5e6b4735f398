"""The score of one run: the drive's own (score.py), comfort, honesty of the detection, and when it is over.

Counting starts with the first control that was applied. Truth comes from the world at each of its ticks.
"""

import math
from collections import defaultdict
from typing import Any

import numpy as np
from msgspec import Struct, structs

from lkas.health import Percentiles
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, DetectionMessage
from simulation.evaluation.comfort import felt, felt_r79
from simulation.evaluation.perception import line_errors
from simulation.evaluation.results import Details, Place, Trace
from simulation.score import DriveScore
from simulation.world import Tick, Truth

LOST_OFFSET_M, LOST_S = 1.75, 3.0  # further out, or a departure that lasts longer: the run is over
STANDING_MPS, STANDING_S = 0.1, 3.0  # a car that drove and then stood for so long will not go on by itself
CONFIDENT = 0.5
WRONG_OFFSET_M, WRONG_HEADING_RAD = 0.3, math.radians(2.0)  # of a line beside the car
REVERSAL_RAD = math.radians(2.0) / 15.0  # 2 degrees at a steering wheel, geared 15 : 1
CLOSING_MPS = 0.05  # a slower approach to a line crosses it in no time that matters
TRACE_S = 0.2


class Sample(Struct, frozen=True):
    """One counted tick."""

    step_m: float
    truth: Truth


class Goal(Struct, frozen=True, kw_only=True):
    """How far, or for how long; one of both is None. On excused stretches (way driven) no departure counts."""

    distance_m: float | None
    duration_s: float | None
    excused: tuple[tuple[float, float], ...] = ()

    def is_excused(self, distance_m: float) -> bool:
        return any(from_m <= distance_m < to_m for from_m, to_m in self.excused)


class RunScore:
    """Fed with every tick, and with every detection between its tick and the next."""

    def __init__(self, goal: Goal) -> None:
        self.drive = DriveScore()
        self.end: str | None = None  # why the run is over; None: it goes on
        self.completed_ratio = 0.0
        self.truth_step_s = 0.0
        self.stopped_s = 0.0
        self.minimum_risk_stops = 0
        self._goal = goal
        self._samples: list[Sample] = []
        self._trace: list[tuple[float, float, float, float, float]] = []
        self._places: list[Place] = []
        self._modes: defaultdict[str, float] = defaultdict(float)
        self._last_mode: ControlMode | None = None
        self._last_frame = 0
        self._latencies_ms: list[float] = []
        self._standing_s = 0.0
        self._has_driven = False
        self._last_distance_m = 0.0
        self._steering = _Reversals()
        self._detections = _Detections()
        self._tick: Tick | None = None

    def add_tick(self, tick: Tick, control: ControlMessage | None) -> None:
        """One tick, and the control that was in force for it."""
        truth, step_s = tick.truth, tick.state.tick_s
        assert truth is not None
        self._tick = tick
        self.truth_step_s = step_s
        self.drive.add_tick(self._excused(tick, truth), control)
        if tick.frame is not None:
            self.drive.add_frame(tick.state.session, tick.frame.frame_id, tick.frame.timestamp)
        step_m = max(0.0, truth.distance_m - self._last_distance_m)
        self._last_distance_m = truth.distance_m
        if self.drive.is_counting:
            assert control is not None
            self._samples.append(Sample(step_m, truth))
            self._steering.add(tick.state.steering_angle_rad or 0.0)
            self._note_control(control, truth.timestamp - step_s, step_s)
            self._note_place(tick, truth)
        self._judge(truth, step_s)

    def add_detection(self, detection: DetectionMessage) -> None:
        """What the detector made of this tick's frame."""
        tick = self._tick
        if tick is None or tick.truth is None or not self.drive.is_counting:
            return
        assert tick.state.camera is not None
        errors = line_errors(
            tick.truth, detection.lane_model, detection.left_lane, detection.right_lane, tick.state.camera
        )
        self._detections.frames += 1
        self._detections.with_lane += len(errors) == 2
        self._detections.wrong += any(
            error.confidence >= CONFIDENT
            and (abs(error.offset_m) > WRONG_OFFSET_M or abs(error.heading_rad) > WRONG_HEADING_RAD)
            for error in errors
        )
        if errors:
            self._detections.offsets_m.append(abs(sum(error.offset_m for error in errors)) / len(errors))
            self._detections.headings_rad.append(abs(sum(error.heading_rad for error in errors)) / len(errors))

    def withhold_frame(self) -> None:
        """This tick's frame is kept from the detector, as the scenario asks."""
        if self._tick is not None and self._tick.frame is not None:
            self.drive.withhold_frame(self._tick.state.session, self._tick.frame.frame_id)

    @property
    def driven_s(self) -> float:
        """World time so far."""
        return 0.0 if self._tick is None else self._tick.state.timestamp

    # ------------------------------------------------------------ while driving

    def _excused(self, tick: Tick, truth: Truth) -> Tick:
        """The tick, with nobody beyond a line where that is excused."""
        if not self._goal.is_excused(truth.distance_m):
            return tick
        left_m, right_m = max(0.0, truth.margin_left_m), max(0.0, truth.margin_right_m)
        return structs.replace(tick, truth=structs.replace(truth, margin_left_m=left_m, margin_right_m=right_m))

    def _note_control(self, control: ControlMessage, applied_s: float, step_s: float) -> None:
        self._modes[str(control.mode)] += step_s
        if control.mode is ControlMode.MINIMUM_RISK and self._last_mode is not ControlMode.MINIMUM_RISK:
            self.minimum_risk_stops += 1
        self._last_mode = control.mode
        if control.frame_id > self._last_frame:
            self._last_frame = control.frame_id
            self._latencies_ms.append((applied_s - control.timestamp) * 1e3)

    def _note_place(self, tick: Tick, truth: Truth) -> None:
        pose = tick.state.pose
        assert pose is not None
        if self.drive.departures.count > len(self._places):
            self._places.append(Place(truth.distance_m, pose.x_m, pose.y_m))
        if len(self._trace) * TRACE_S <= (len(self._samples) - 1) * self.truth_step_s + 1e-9:
            self._trace.append((truth.distance_m, truth.offset_m, truth.speed_mps, pose.x_m, pose.y_m))

    def _judge(self, truth: Truth, step_s: float) -> None:
        """Whether the run is over, and how much of it was done."""
        self._has_driven = self._has_driven or truth.distance_m > 1.0
        is_standing = self._has_driven and truth.speed_mps < STANDING_MPS
        self._standing_s = self._standing_s + step_s if is_standing else 0.0
        self.stopped_s += step_s if is_standing else 0.0
        if self._goal.distance_m is not None:
            self.completed_ratio = min(1.0, truth.distance_m / self._goal.distance_m)
        elif self._goal.duration_s is not None:
            self.completed_ratio = min(1.0, (truth.timestamp + 1e-9) / self._goal.duration_s)
        if self.completed_ratio >= 1.0:
            self.end = "completed"
        elif (
            self.drive.is_counting
            and abs(truth.offset_m) > LOST_OFFSET_M
            and not self._goal.is_excused(truth.distance_m)
        ):
            self.end = f"more than {LOST_OFFSET_M:g} m off the lane centre"
        elif self.drive.departures.outside_s > LOST_S:
            self.end = f"outside its lane for more than {LOST_S:g} s"
        elif self._standing_s > STANDING_S:
            self.end = "came to a stop"

    # ------------------------------------------------------------ the figures

    def figures(self) -> dict[str, Any]:
        """Those of RunFigures that this score knows."""
        card = self.drive.card()
        comfort = felt(self._lateral_mps2(), self.truth_step_s)
        offsets_m = np.abs([sample.truth.offset_m for sample in self._samples])
        headings_rad = np.array([sample.truth.heading_error_rad for sample in self._samples])
        steps_m = np.array([sample.step_m for sample in self._samples])
        return {
            "truth_hz": round(1 / self.truth_step_s, 3),
            "distance_m": card.distance_m or 0.0,
            "completed_ratio": self.completed_ratio,
            "stopped_s": self.stopped_s,
            "departures": card.departures or 0,
            "minimum_risk_stops": self.minimum_risk_stops,
            "offset_rms_m": card.offset_rms_m,
            "offset_p95_m": _weighted_percentile(offsets_m, steps_m, 95),
            "offset_max_m": card.offset_max_m,
            "heading_rms_deg": _weighted_rms(np.degrees(headings_rad), steps_m),
            "lat_accel_max_mps2": comfort.accel_mps2,
            "lat_jerk_max_mps3": comfort.jerk_mps3,
            "lost_frame_ratio": card.missed_frames_ratio,
            "latency_ms": _percentiles(self._latencies_ms),
            **self._detections.figures(),
        }

    def details(self) -> Details:
        """What the report adds."""
        card = self.drive.card()
        r79 = felt_r79(self._lateral_mps2(), self.truth_step_s)
        distance, offset, speed, x, y = (
            ([round(value, 3) for value in column] for column in zip(*self._trace, strict=True))
            if self._trace
            else ([], [], [], [], [])
        )
        return Details(
            end=self.end or "out of time",
            mean_speed_mps=card.mean_speed_mps,
            r79_lat_accel_max_mps2=r79.accel_mps2,
            r79_lat_jerk_max_mps3=r79.jerk_mps3,
            steering_reversals_per_min=self._steering.count * 60 / card.duration_s if card.duration_s else None,
            ttlc_min_s=self._ttlc_min_s(),
            withheld_frame_ratio=card.withheld_frames_ratio,
            offset_per_curvature_m2=self._bias(),
            modes={mode: round(seconds, 2) for mode, seconds in self._modes.items()},
            departures=self._places,
            trace=Trace(distance_m=distance, offset_m=offset, speed_mps=speed, x_m=x, y_m=y),
        )

    def _lateral_mps2(self) -> np.ndarray:
        return np.array([sample.truth.lateral_acceleration_mps2 for sample in self._samples])

    def _ttlc_min_s(self) -> float | None:
        smallest_s: float | None = None
        for sample in self._samples:
            truth = sample.truth
            sideways_mps = truth.speed_mps * math.sin(truth.heading_error_rad)
            if abs(sideways_mps) < CLOSING_MPS:
                continue
            margin_m = truth.margin_left_m if sideways_mps > 0 else truth.margin_right_m
            time_s = max(0.0, margin_m) / abs(sideways_mps)
            smallest_s = time_s if smallest_s is None else min(smallest_s, time_s)
        return smallest_s

    def _bias(self) -> float | None:
        """Slope of the offset over the curvature of the lane; None on a straight road."""
        curvature = np.array([sample.truth.curvature_radpm for sample in self._samples])
        offset = np.array([sample.truth.offset_m for sample in self._samples])
        weights = np.array([sample.step_m for sample in self._samples])
        spread = float((weights * curvature**2).sum())
        return float((weights * curvature * offset).sum()) / spread if spread > 1e-6 else None


class _Detections:
    """How often there was a lane, how often a wrong one, and how far off."""

    def __init__(self) -> None:
        self.frames = self.with_lane = self.wrong = 0
        self.offsets_m: list[float] = []
        self.headings_rad: list[float] = []

    def figures(self) -> dict[str, float | None]:
        return {
            "availability_ratio": self.with_lane / self.frames if self.frames else None,
            "wrong_confident_ratio": self.wrong / self.frames if self.frames else None,
            "detection_offset_p95_m": float(np.percentile(self.offsets_m, 95)) if self.offsets_m else None,
            "detection_heading_p95_deg": (
                math.degrees(np.percentile(self.headings_rad, 95)) if self.headings_rad else None
            ),
        }


class _Reversals:
    """Counts changes of the steering's direction larger than `REVERSAL_RAD`."""

    def __init__(self) -> None:
        self.count = 0
        self._extreme_rad: float | None = None
        self._direction = 0

    def add(self, steer_rad: float) -> None:
        if self._extreme_rad is None:
            self._extreme_rad = steer_rad
        change_rad = steer_rad - self._extreme_rad
        if change_rad * self._direction > 0:
            self._extreme_rad = steer_rad
        elif abs(change_rad) >= REVERSAL_RAD:
            self.count += self._direction != 0
            self._direction = 1 if change_rad > 0 else -1
            self._extreme_rad = steer_rad


def _percentiles(values: list[float]) -> Percentiles | None:
    return Percentiles(*np.percentile(values, [50, 99]).tolist()) if values else None


def _weighted_percentile(values: np.ndarray, weights: np.ndarray, percent: float) -> float | None:
    """The value below which `percent` of the weight lies; None without weight."""
    if weights.sum() <= 0:
        return None
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, percent / 100 * reached[-1])])


def _weighted_rms(values: np.ndarray, weights: np.ndarray) -> float | None:
    return math.sqrt(float((weights * values**2).sum() / weights.sum())) if weights.sum() > 0 else None
