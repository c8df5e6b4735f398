"""The score of a drive, from truth and from what was published: never from what a detector believes.

Counting starts with the first control that was applied. Offsets are weighted by distance, so that standing still
neither hides nor dilutes anything; ratios of modes and speeds are weighted by world time.
"""

import math
from collections import OrderedDict

from msgspec import Struct

from lkas.integration.shared_memory.messages import ControlMessage, ControlMode
from simulation.world import Tick, Truth

ENGAGED_MODES = (ControlMode.LANE_KEEPING, ControlMode.SINGLE_LINE)
CURVE_RADPM = 1 / 2000  # a bend of more than 2 km radius steers like a straight
BACK_INSIDE_S = 0.5  # all tyres inside for so long ends a departure
ANSWER_LIMIT_S = 0.5  # of world time; decision itself counts an older detection as lost


class DriveCard(Struct, frozen=True, kw_only=True):
    """The figures of a drive. None: not known (a film has no truth), or nothing was counted yet."""

    duration_s: float
    frames: int  # published
    fps: float | None  # published frames per second of world time
    departures: int | None  # a tyre's outer edge beyond the line's inner edge, until all are inside for 0.5 s
    distance_m: float | None
    offset_rms_m: float | None  # car against lane centre, weighted by distance
    offset_max_m: float | None  # the largest to either side
    engaged_ratio: float | None  # share of time with a valid control that keeps the lane
    mean_speed_mps: float | None
    missed_frames_ratio: float | None  # published frames no control answered within 0.5 s of world time
    withheld_frames_ratio: float | None  # published frames that were kept from the detector on purpose; none is missed
    left_curve_ratio: float | None  # share of the distance in left bends
    right_curve_ratio: float | None


class Departures:
    """Counts how often the car leaves its lane: once until all tyres are inside again for `BACK_INSIDE_S`."""

    def __init__(self) -> None:
        self.count = 0
        self.outside_s = 0.0  # how long the one going on has lasted; 0 when there is none
        self._inside_s = 0.0

    def add(self, truth: Truth, step_s: float) -> None:
        is_beyond = min(truth.margin_left_m, truth.margin_right_m) < 0
        self._inside_s = 0.0 if is_beyond else self._inside_s + step_s
        if self.outside_s > 0.0 and self._inside_s >= BACK_INSIDE_S - 1e-9:
            self.outside_s = 0.0
        elif self.outside_s > 0.0:
            self.outside_s += step_s
        elif is_beyond:
            self.count += 1
            self.outside_s = step_s


class DriveScore:
    """Counts along a drive; fed with every tick, and with every frame that was published."""

    def __init__(self) -> None:
        self._counting = False
        self._last_s: float | None = None
        self._duration_s = 0.0
        self._engaged_s = 0.0
        self._path = _Path()
        self._answers = _Answers()

    def add_tick(self, tick: Tick, control: ControlMessage | None) -> None:
        """One tick of the world, and the control it was given (None: there never was one)."""
        now_s = tick.state.timestamp
        step_s = tick.state.tick_s if self._last_s is None else max(0.0, now_s - self._last_s)
        self._last_s = now_s
        if control is not None:
            self._counting = True
            self._answers.control(control)
        self._answers.settle(now_s)
        if tick.truth is not None:
            self._path.add(tick.truth, step_s, self._counting)
        if self._counting:
            self._duration_s += step_s
            if control is not None and control.mode in ENGAGED_MODES and control.valid_until >= now_s:
                self._engaged_s += step_s

    @property
    def departures(self) -> Departures:
        """Since counting started."""
        return self._path.departures

    @property
    def is_counting(self) -> bool:
        """Whether a control was applied yet."""
        return self._counting

    def add_control(self, control: ControlMessage) -> None:
        """A control that was seen; the newest one goes to `add_tick` as well."""
        self._answers.control(control)

    def add_frame(self, session: int, frame_id: int, timestamp: float) -> None:
        """A frame that was published."""
        if self._counting:
            self._answers.frame(session, frame_id, timestamp)

    def withhold_frame(self, session: int, frame_id: int) -> None:
        """A frame that was kept from the detector on purpose: it is not missed, but counted apart."""
        self._answers.withhold(session, frame_id)

    def card(self) -> DriveCard:
        """The figures so far."""
        path, duration_s = self._path, self._duration_s
        has_truth = path.known and self._counting
        return DriveCard(
            duration_s=round(duration_s, 3),
            frames=self._answers.frames,
            fps=_ratio(self._answers.frames, duration_s),
            departures=path.departures.count if has_truth else None,
            distance_m=round(path.distance_m, 3) if has_truth else None,
            offset_rms_m=_root(_ratio(path.offset_square_m3, path.distance_m)),
            offset_max_m=round(path.offset_max_m, 4) if has_truth else None,
            engaged_ratio=_ratio(self._engaged_s, duration_s),
            mean_speed_mps=_ratio(path.distance_m, duration_s) if has_truth else None,
            missed_frames_ratio=_ratio(self._answers.missed, self._answers.settled),
            withheld_frames_ratio=_ratio(self._answers.withheld, self._answers.frames),
            left_curve_ratio=_ratio(path.left_curve_m, path.distance_m),
            right_curve_ratio=_ratio(path.right_curve_m, path.distance_m),
        )


class _Path:
    """What truth says of the path driven."""

    def __init__(self) -> None:
        self.known = False
        self.distance_m = 0.0
        self.departures = Departures()
        self.offset_square_m3 = 0.0  # integral of the squared offset over distance
        self.offset_max_m = 0.0
        self.left_curve_m = 0.0
        self.right_curve_m = 0.0
        self._last_distance_m = 0.0

    def add(self, truth: Truth, step_s: float, counting: bool) -> None:
        # A respawn takes the car, and maybe its distance, back to the start: that is not driving.
        step_m = max(0.0, truth.distance_m - self._last_distance_m)
        self._last_distance_m = truth.distance_m
        if not counting:
            return
        self.known = True
        self.distance_m += step_m
        self.offset_square_m3 += truth.offset_m**2 * step_m
        self.offset_max_m = max(self.offset_max_m, abs(truth.offset_m))
        if truth.curvature_radpm > CURVE_RADPM:
            self.left_curve_m += step_m
        elif truth.curvature_radpm < -CURVE_RADPM:
            self.right_curve_m += step_m
        self.departures.add(truth, step_s)


class _Answers:
    """Which published frames were answered by a control; frames are settled when they are old enough."""

    def __init__(self) -> None:
        self.frames = 0
        self.settled = 0
        self.missed = 0
        self.withheld = 0
        self._open: OrderedDict[tuple[int, int], tuple[float, bool]] = OrderedDict()  # exposed (s), answered

    def frame(self, session: int, frame_id: int, timestamp: float) -> None:
        self.frames += 1
        self._open[session, frame_id] = (timestamp, False)

    def withhold(self, session: int, frame_id: int) -> None:
        self.withheld += self._open.pop((session, frame_id), None) is not None

    def control(self, control: ControlMessage) -> None:
        key = (control.session, control.frame_id)
        if key in self._open:
            self._open[key] = (self._open[key][0], True)

    def settle(self, now_s: float) -> None:
        while self._open:
            key, (exposed_s, answered) = next(iter(self._open.items()))
            if now_s - exposed_s < ANSWER_LIMIT_S:
                return
            del self._open[key]
            self.settled += 1
            self.missed += not answered


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole > 0 else None


def _root(square: float | None) -> float | None:
    return None if square is None else round(math.sqrt(square), 6)
