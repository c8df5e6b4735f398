"""Tracks of the lines of the road over time: ids, ages, and a short memory.

A track is the newest measurement of its line; nothing is smoothed. While a line is not seen its track coasts: it is
moved according to the motion of the car and its covariance grows, for half a second at most.
"""

import math

import numpy as np
from msgspec import Struct

from lkas.integration.shared_memory.messages import LaneLine, LineType, Track, TrackState, VehicleState
from lkas.scale import FULL_SIZE, Scale

SAME_LINE_M = 0.6  # a line's largest step between two frames
COAST_S = 0.5
CONFIRMED_AGE = 3  # frames
CONFIDENCE_DECAY = 0.8  # factor per frame in which a line was not seen
DRIFT_SIGMA_MPS, TURN_SIGMA_RADPS = 0.3, 0.03  # growth of an unseen line's sigmas of position and heading
MAX_TRACKS = 8


class _TrackedLine(Struct):
    """One line, and when it was last seen."""

    id: int
    type: LineType
    age: int
    coefficients: np.ndarray  # (4,) c0..c3
    sigmas: np.ndarray  # (4,)
    confidence: float
    seen_s: float
    is_seen: bool = True


class LineTracks:
    """Tracks up to eight lines; updated with the lines of every frame."""

    def __init__(self, scale: Scale = FULL_SIZE) -> None:
        """`scale` is the road's."""
        self._scale = scale
        self._next_id = 1
        self.reset()

    def reset(self) -> None:
        """Forget all lines; ids are never reused."""
        self._tracks: list[_TrackedLine] = []
        self._timestamp: float | None = None

    def update(self, timestamp: float, lines: list[LaneLine], vehicle: VehicleState | None) -> tuple[Track, ...]:
        """The tracks at this frame, leftmost first. `lines`: those found in it, in any order."""
        if self._timestamp is not None:
            elapsed_s = timestamp - self._timestamp
            if not 0 < elapsed_s <= COAST_S:
                self.reset()
            else:
                for track in self._tracks:
                    _move(track, elapsed_s, vehicle, DRIFT_SIGMA_MPS * self._scale.speed)
        self._timestamp = timestamp
        for track in self._tracks:
            track.is_seen = False
        pairs = sorted(
            (abs(line.c0 - track.coefficients[0]), row, column)
            for row, line in enumerate(lines)
            for column, track in enumerate(self._tracks)
        )
        matched: dict[int, _TrackedLine] = {}
        for distance_m, row, column in pairs:
            track = self._tracks[column]
            if distance_m < SAME_LINE_M * self._scale.length and row not in matched and not track.is_seen:
                matched[row] = track
                track.is_seen = True
        for row, line in enumerate(lines):
            self._add_measurement(matched.get(row), line, timestamp)
        self._tracks = [track for track in self._tracks if timestamp - track.seen_s <= COAST_S]
        self._tracks.sort(key=lambda track: -track.coefficients[0])
        strongest = sorted(self._tracks, key=lambda track: -track.confidence)[:MAX_TRACKS]
        return tuple(_message(track) for track in self._tracks if track in strongest)

    def _add_measurement(self, track: _TrackedLine | None, line: LaneLine, timestamp: float) -> None:
        coefficients = np.array([line.c0, line.c1, line.c2, line.c3])
        sigmas = np.array([line.sigma_c0, line.sigma_c1, line.sigma_c2, line.sigma_c3])
        if track is None:
            self._tracks.append(
                _TrackedLine(self._next_id, line.type, 0, coefficients, sigmas, line.confidence, timestamp)
            )
            self._next_id += 1
            return
        track.type, track.age, track.seen_s = line.type, track.age + 1, timestamp
        track.coefficients, track.sigmas, track.confidence = coefficients, sigmas, line.confidence


def _move(track: _TrackedLine, elapsed_s: float, vehicle: VehicleState | None, drift_sigma_mps: float) -> None:
    """Transform into the ego frame `elapsed_s` later: the car moves along the line's curve, and turns."""
    if vehicle is None or vehicle.speed_mps is None or vehicle.yaw_rate_radps is None:
        ahead_m = turn_rad = 0.0  # unknown motion; the sigmas grow
    else:
        ahead_m, turn_rad = vehicle.speed_mps * elapsed_s, vehicle.yaw_rate_radps * elapsed_s
    powers = np.array(
        [
            [1, ahead_m, ahead_m**2 / 2, ahead_m**3 / 6],
            [0, 1, ahead_m, ahead_m**2 / 2],
            [0, 0, 1, ahead_m],
            [0, 0, 0, 1],
        ]
    )
    track.coefficients = powers @ track.coefficients
    track.coefficients[0] -= ahead_m * math.sin(turn_rad / 2)
    track.coefficients[1] -= turn_rad
    track.sigmas = np.hypot(track.sigmas, [drift_sigma_mps * elapsed_s, TURN_SIGMA_RADPS * elapsed_s, 0.0, 0.0])
    track.confidence *= CONFIDENCE_DECAY


def _message(track: _TrackedLine) -> Track:
    if not track.is_seen:
        state = TrackState.COASTING
    else:
        state = TrackState.CONFIRMED if track.age >= CONFIRMED_AGE else TrackState.TENTATIVE
    c0, c1, c2, c3 = track.coefficients.tolist()
    covariance = tuple(np.diag(track.sigmas**2).ravel().tolist())
    return Track(
        id=track.id,
        type=track.type,
        age=track.age,
        state=state,
        c0=c0,
        c1=c1,
        c2=c2,
        c3=c3,
        covariance=covariance,
        confidence=track.confidence,
    )
