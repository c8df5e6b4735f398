"""The score of one run: the score of the drive (simulation/score.py), comfort, detection, and the end of the run.

Counting starts with the first applied control. Truth comes from the world at each tick. A world without truth is scored
by its speed, the modes of decision and the answered frames; all else is unknown.
"""

import math
from collections import defaultdict
from typing import Any

import numpy as np
from msgspec import Struct, structs

from lkas.health import Percentiles
from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, ControlMode, DetectionMessage, Pose
from simulation.evaluation.comfort import lateral_comfort, lateral_comfort_r79
from simulation.evaluation.detection_score import DetectionScore
from simulation.evaluation.run_end import Goal, RunEnd
from simulation.evaluation.run_record import Details, Place, Trace
from simulation.evaluation.steering_reversals import SteeringReversals
from simulation.score import DriveScore
from simulation.world import Tick, Truth

MIN_LATERAL_MPS = 0.05  # a slower approach to a line has no relevant time to line crossing
TRACE_PERIOD_S = 0.2
NO_TRUTH = (
    "its ticks carry no truth, so departures, offset, heading, comfort and the accuracy of the detector are unknown; "
    "distance and speed are the car's own"
)


UNKNOWN_POSE = Pose(x_m=0.0, y_m=0.0, z_m=0.0, yaw_rad=0.0)  # a world without a pose has one point for its whole path


class Sample(Struct, frozen=True):
    """One counted tick."""

    step_m: float
    truth: Truth


class RunScore:
    """Computes the metrics of a run. Takes every tick, and each detection before the next tick."""

    def __init__(self, goal: Goal, camera: CameraGeometry | None = None) -> None:
        """`camera` is the configured one, for a world that does not report its own."""
        self._camera = camera
        self.drive = DriveScore()
        self.truth_step_s = 0.0
        self.minimum_risk_stops = 0
        self._goal = goal
        self._end = RunEnd(goal)
        self._samples: list[Sample] = []
        self._trace: list[tuple[float, float, float, float, float]] = []
        self._places: list[Place] = []
        self._modes: defaultdict[str, float] = defaultdict(float)
        self._last_mode: ControlMode | None = None
        self._last_frame = 0
        self._latencies_ms: list[float] = []
        self._last_distance_m = self._own_distance_m = 0.0
        self._reversals = SteeringReversals()
        self._detections = DetectionScore()
        self._tick: Tick | None = None

    def add_tick(self, tick: Tick, control: ControlMessage | None) -> None:
        """Add one tick and the control that was applied to it."""
        truth, step_s = tick.truth, tick.state.tick_s
        self._tick = tick
        self.truth_step_s = step_s
        self.drive.add_tick(tick if truth is None else self._without_excused_departure(tick, truth), control)
        if tick.frame is not None:
            self.drive.add_frame(tick.state.session, tick.frame.frame_id, tick.frame.timestamp)
        if self.drive.is_counting:
            assert control is not None
            self._reversals.add(tick.state.steering_angle_rad or 0.0)
            self._add_control(control, tick.state.timestamp - step_s, step_s)
        if truth is None:
            self._add_own_distance(tick, step_s)
            return
        step_m = max(0.0, truth.distance_m - self._last_distance_m)
        self._last_distance_m = truth.distance_m
        if self.drive.is_counting:
            self._samples.append(Sample(step_m, truth))
            self._add_place(tick, truth)
        self._end.update(
            truth.timestamp,
            truth.distance_m,
            truth.speed_mps,
            truth.offset_m if self.drive.is_counting else None,
            step_s,
            outside_s=self.drive.departures.outside_s,
        )

    def complete(self, reason: str) -> None:
        """Take the end of the world's own road as the goal."""
        self._end.complete(reason)

    def add_detection(self, detection: DetectionMessage) -> None:
        """Add the detection in this tick's frame."""
        tick = self._tick
        if tick is not None and self.drive.is_counting:
            camera = tick.state.camera or self._camera
            self._detections.add(None if camera is None else tick.truth, detection, camera)

    def withhold_frame(self) -> None:
        """Count this tick's frame as withheld from the detector by the scenario."""
        if self._tick is not None and self._tick.frame is not None:
            self.drive.withhold_frame(self._tick.state.session, self._tick.frame.frame_id)

    @property
    def end(self) -> str | None:
        """Why the run is over; None: it continues."""
        return self._end.reason

    @property
    def driven_s(self) -> float:
        """World time so far."""
        return 0.0 if self._tick is None else self._tick.state.timestamp

    def metrics(self) -> dict[str, Any]:
        """Return the fields of RunMetrics that this score computes."""
        card = self.drive.card()
        comfort = lateral_comfort(self._lateral_mps2(), self.truth_step_s)
        offsets_m = np.abs([sample.truth.offset_m for sample in self._samples])
        headings_rad = np.array([sample.truth.heading_error_rad for sample in self._samples])
        steps_m = np.array([sample.step_m for sample in self._samples])
        return {
            "truth_hz": round(1 / self.truth_step_s, 3),
            "distance_m": self._own_distance_m if card.distance_m is None else card.distance_m,
            "completed_ratio": self._end.completed_ratio,
            "stopped_s": self._end.stopped_s,
            "departures": None if self._is_without_truth else card.departures or 0,
            "minimum_risk_stops": self.minimum_risk_stops,
            "offset_rms_m": card.offset_rms_m,
            "offset_p95_m": _weighted_percentile(offsets_m, steps_m, 95),
            "offset_max_m": card.offset_max_m,
            "heading_rms_deg": _weighted_rms(np.degrees(headings_rad), steps_m),
            "lat_accel_max_mps2": comfort.accel_mps2,
            "lat_jerk_max_mps3": comfort.jerk_mps3,
            "lost_frame_ratio": card.missed_frames_ratio,
            "latency_ms": _percentiles(self._latencies_ms),
            **self._detections.metrics(),
        }

    def details(self) -> Details:
        """Return what the report shows in addition."""
        card = self.drive.card()
        r79 = lateral_comfort_r79(self._lateral_mps2(), self.truth_step_s)
        distance, offset, speed, x, y = (
            ([round(value, 3) for value in column] for column in zip(*self._trace, strict=True))
            if self._trace
            else ([], [], [], [], [])
        )
        return Details(
            end=self._end.reason or "out of time",
            mean_speed_mps=self._own_mean_speed_mps if self._is_without_truth else card.mean_speed_mps,
            unscored=NO_TRUTH if self._is_without_truth else "",
            r79_lat_accel_max_mps2=r79.accel_mps2,
            r79_lat_jerk_max_mps3=r79.jerk_mps3,
            steering_reversals_per_min=self._reversals.count * 60 / card.duration_s if card.duration_s else None,
            ttlc_min_s=self._ttlc_min_s(),
            withheld_frame_ratio=card.withheld_frames_ratio,
            offset_per_curvature_m2=self._offset_per_curvature_m2(),
            modes={mode: round(seconds, 2) for mode, seconds in self._modes.items()},
            departures=self._places,
            trace=Trace(distance_m=distance, offset_m=offset, speed_mps=speed, x_m=x, y_m=y),
        )

    def _without_excused_departure(self, tick: Tick, truth: Truth) -> Tick:
        """Return the tick with margins of at least 0 on an excused stretch."""
        if not self._goal.is_excused(truth.distance_m):
            return tick
        left_m, right_m = max(0.0, truth.margin_left_m), max(0.0, truth.margin_right_m)
        return structs.replace(tick, truth=structs.replace(truth, margin_left_m=left_m, margin_right_m=right_m))

    def _add_control(self, control: ControlMessage, applied_s: float, step_s: float) -> None:
        self._modes[str(control.mode)] += step_s
        if control.mode is ControlMode.MINIMUM_RISK and self._last_mode is not ControlMode.MINIMUM_RISK:
            self.minimum_risk_stops += 1
        self._last_mode = control.mode
        if control.frame_id > self._last_frame:
            self._last_frame = control.frame_id
            self._latencies_ms.append((applied_s - control.timestamp) * 1e3)

    def _add_place(self, tick: Tick, truth: Truth) -> None:
        pose = tick.state.pose or UNKNOWN_POSE
        if self.drive.departures.count > len(self._places):
            self._places.append(Place(truth.distance_m, pose.x_m, pose.y_m))
        if len(self._trace) * TRACE_PERIOD_S <= (len(self._samples) - 1) * self.truth_step_s + 1e-9:
            self._trace.append((truth.distance_m, truth.offset_m, truth.speed_mps, pose.x_m, pose.y_m))

    @property
    def _is_without_truth(self) -> bool:
        return self._tick is not None and self._tick.truth is None

    @property
    def _own_mean_speed_mps(self) -> float | None:
        seconds = self.drive.card().duration_s
        return self._own_distance_m / seconds if seconds else None

    def _add_own_distance(self, tick: Tick, step_s: float) -> None:
        """Add a tick of a world without truth: its distance is the integral of its own speed."""
        speed_mps = tick.state.speed_mps
        if self.drive.is_counting and speed_mps is not None:
            self._own_distance_m += max(0.0, speed_mps) * step_s
        self._end.update(tick.state.timestamp, self._own_distance_m, speed_mps, None, step_s, outside_s=0.0)

    def _lateral_mps2(self) -> np.ndarray:
        return np.array([sample.truth.lateral_acceleration_mps2 for sample in self._samples])

    def _ttlc_min_s(self) -> float | None:
        smallest_s: float | None = None
        for sample in self._samples:
            truth = sample.truth
            lateral_mps = truth.speed_mps * math.sin(truth.heading_error_rad)
            if abs(lateral_mps) < MIN_LATERAL_MPS * self._goal.road.speed:
                continue
            margin_m = truth.margin_left_m if lateral_mps > 0 else truth.margin_right_m
            time_s = max(0.0, margin_m) / abs(lateral_mps)
            smallest_s = time_s if smallest_s is None else min(smallest_s, time_s)
        return smallest_s

    def _offset_per_curvature_m2(self) -> float | None:
        """Return the slope of the offset over the lane's curvature; None on a straight road."""
        curvature = np.array([sample.truth.curvature_radpm for sample in self._samples])
        offset = np.array([sample.truth.offset_m for sample in self._samples])
        weights = np.array([sample.step_m for sample in self._samples])
        variance = float((weights * curvature**2).sum())
        return float((weights * curvature * offset).sum()) / variance if variance > 1e-6 else None


def _percentiles(values: list[float]) -> Percentiles | None:
    return Percentiles(*np.percentile(values, [50, 99]).tolist()) if values else None


def _weighted_percentile(values: np.ndarray, weights: np.ndarray, percent: float) -> float | None:
    """Return the value below which `percent` of the weight lies; None without weight."""
    if weights.sum() <= 0:
        return None
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, percent / 100 * cumulative[-1])])


def _weighted_rms(values: np.ndarray, weights: np.ndarray) -> float | None:
    return math.sqrt(float((weights * values**2).sum() / weights.sum())) if weights.sum() > 0 else None
