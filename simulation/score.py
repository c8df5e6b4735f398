"""The score of a drive, computed from truth and published messages, never from a detector's output.

Counting starts with the first applied control. Offsets are weighted by distance, so that a standing car does not change
them; the engaged ratio and the mean speed are weighted by world time.
"""

import math

from msgspec import Struct

from lkas.integration.shared_memory.messages import ControlMessage, ControlMode
from simulation.answered_frames import AnsweredFrames
from simulation.world import Tick, Truth

ENGAGED_MODES = (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
CURVE_RADPM = 1 / 2000  # a bend with a radius above 2 km counts as straight
RETURN_S = 0.5  # a departure ends when all tyres have been inside the lane for this time


class DriveCard(Struct, frozen=True, kw_only=True):
    """The metrics of a drive. None: unknown (a video has no truth), or nothing was counted yet."""

    duration_s: float
    frames: int  # published
    fps: float | None  # published frames per second of world time
    departures: int | None  # a tyre's outer edge beyond the line's inner edge, until all were inside for 0.5 s
    distance_m: float | None
    offset_rms_m: float | None  # of the car from the lane centre, weighted by distance
    offset_max_m: float | None  # largest magnitude
    engaged_ratio: float | None  # share of time with a valid control in a lane keeping mode
    mean_speed_mps: float | None
    missed_frames_ratio: float | None  # published frames without a control within 0.5 s of world time
    withheld_frames_ratio: float | None  # published frames withheld from the detector by a scenario; never missed
    left_curve_ratio: float | None  # share of the distance in left bends
    right_curve_ratio: float | None


class Departures:
    """Counts lane departures. A departure ends when all tyres have been inside for `RETURN_S`."""

    def __init__(self) -> None:
        self.count = 0
        self.outside_s = 0.0  # duration of the current departure; 0: none
        self._inside_s = 0.0

    def add(self, truth: Truth, step_s: float) -> None:
        is_beyond = min(truth.margin_left_m, truth.margin_right_m) < 0
        self._inside_s = 0.0 if is_beyond else self._inside_s + step_s
        if self.outside_s > 0.0 and self._inside_s >= RETURN_S - 1e-9:
            self.outside_s = 0.0
        elif self.outside_s > 0.0:
            self.outside_s += step_s
        elif is_beyond:
            self.count += 1
            self.outside_s = step_s


class DriveScore:
    """Computes the metrics of a drive from every tick and every published frame."""

    def __init__(self) -> None:
        self._counting = False
        self._last_s: float | None = None
        self._duration_s = 0.0
        self._engaged_s = 0.0
        self._path = _PathMetrics()
        self._frames = AnsweredFrames()

    def add_tick(self, tick: Tick, control: ControlMessage | None) -> None:
        """Add one tick of the world and the control applied to it (None: no control yet)."""
        now_s = tick.state.timestamp
        step_s = tick.state.tick_s if self._last_s is None else max(0.0, now_s - self._last_s)
        self._last_s = now_s
        if control is not None:
            self._counting = True
            self._frames.add_control(control)
        self._frames.settle(now_s)
        if tick.truth is not None:
            self._path.add(tick.truth, step_s, self._counting)
        if self._counting:
            self._duration_s += step_s
            if control is not None and control.mode in ENGAGED_MODES and control.valid_until >= now_s:
                self._engaged_s += step_s

    @property
    def departures(self) -> Departures:
        """Departures since counting started."""
        return self._path.departures

    @property
    def is_counting(self) -> bool:
        """Whether a control has been applied."""
        return self._counting

    def add_control(self, control: ControlMessage) -> None:
        """Add a received control; the newest one is passed to `add_tick` as well."""
        self._frames.add_control(control)

    def add_frame(self, session: int, frame_id: int, timestamp: float) -> None:
        """Add a published frame."""
        if self._counting:
            self._frames.add_frame(session, frame_id, timestamp)

    def withhold_frame(self, session: int, frame_id: int) -> None:
        """Count a frame that a scenario withholds from the detector; it is not counted as missed."""
        self._frames.withhold(session, frame_id)

    def card(self) -> DriveCard:
        """Return the metrics so far."""
        path, frames, duration_s = self._path, self._frames, self._duration_s
        has_truth = path.is_known and self._counting
        return DriveCard(
            duration_s=round(duration_s, 3),
            frames=frames.published,
            fps=_ratio(frames.published, duration_s),
            departures=path.departures.count if has_truth else None,
            distance_m=round(path.distance_m, 3) if has_truth else None,
            offset_rms_m=_root(_ratio(path.offset_square_m3, path.distance_m)),
            offset_max_m=round(path.offset_max_m, 4) if has_truth else None,
            engaged_ratio=_ratio(self._engaged_s, duration_s),
            mean_speed_mps=_ratio(path.distance_m, duration_s) if has_truth else None,
            missed_frames_ratio=_ratio(frames.missed, frames.settled),
            withheld_frames_ratio=_ratio(frames.withheld, frames.published),
            left_curve_ratio=_ratio(path.left_curve_m, path.distance_m),
            right_curve_ratio=_ratio(path.right_curve_m, path.distance_m),
        )


class _PathMetrics:
    """Accumulates the truth along the driven path."""

    def __init__(self) -> None:
        self.is_known = False
        self.distance_m = 0.0
        self.departures = Departures()
        self.offset_square_m3 = 0.0  # integral of the squared offset over distance
        self.offset_max_m = 0.0
        self.left_curve_m = 0.0
        self.right_curve_m = 0.0
        self._last_distance_m = 0.0

    def add(self, truth: Truth, step_s: float, counting: bool) -> None:
        # A respawn may reset the distance: a step backwards counts as zero.
        step_m = max(0.0, truth.distance_m - self._last_distance_m)
        self._last_distance_m = truth.distance_m
        if not counting:
            return
        self.is_known = True
        self.distance_m += step_m
        self.offset_square_m3 += truth.offset_m**2 * step_m
        self.offset_max_m = max(self.offset_max_m, abs(truth.offset_m))
        if truth.curvature_radpm > CURVE_RADPM:
            self.left_curve_m += step_m
        elif truth.curvature_radpm < -CURVE_RADPM:
            self.right_curve_m += step_m
        self.departures.add(truth, step_s)


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole > 0 else None


def _root(square: float | None) -> float | None:
    return None if square is None else round(math.sqrt(square), 6)
