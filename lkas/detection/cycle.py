"""One cycle of the detection process, from messages to messages, without channels and sockets."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from lkas.clock import Clock
from lkas.detection.calibration.pose_check import PoseCheck
from lkas.detection.guard import Guard
from lkas.detection.parameters import DetectionParameters
from lkas.detection.tracks import LineTracks
from lkas.detection.types import LaneDetector
from lkas.health import LatencyTable, RateMeter
from lkas.integration.shared_memory.messages import (
    Calibration,
    DetectionMessage,
    ImageMessage,
    LaneLine,
    LaneModel,
    TracksMessage,
    VehicleState,
)
from lkas.plugins.guard import PluginError
from lkas.runtime.server_loop import Level
from lkas.runtime.status import ProcessStatus
from lkas.scale import FULL_SIZE, Scale

WAIT_S = 0.1  # the longest wait for a frame, so that heartbeats and requests are served in between
SILENT_S = 1.0  # without a frame for longer: the camera does not send
STALE_STATE_S = 0.5  # world time; a vehicle state that differs more from the frame gives no motion
RUNNING, FAILING, PAUSED, WAITING = "running", "failing", "paused", "waiting for camera_feed"

logger = logging.getLogger(__name__)


class DetectionInputs(NamedTuple):
    """The newest messages; None for no new frame, and for no vehicle state so far."""

    image: ImageMessage | None
    vehicle: VehicleState | None


class DetectionEvent(NamedTuple):
    """An event for the log and for viewers."""

    name: str
    level: Level
    text: str


class DetectionServer:
    """Runs one detector. An exception of the detector is counted and gives a detection without lanes."""

    wait_s = WAIT_S

    def __init__(
        self,
        detector: LaneDetector,
        clock: Clock,
        scale: Scale = FULL_SIZE,
        *,
        lane_width_m: float = DetectionParameters().lane_width_m,
        pitch_rad: float = 0.0,
    ) -> None:
        """`scale` is the road's; `lane_width_m` is expected, `pitch_rad` is the camera's where the world gives none."""
        self.frame_rate = RateMeter()
        self.latency = LatencyTable()
        self.state = WAITING
        self.calibration: Calibration | None = None  # the newest
        self._line_tracks = LineTracks(scale)
        self._pose_check = PoseCheck(lane_width_m)
        self._pitch_rad = pitch_rad
        self._detector = Guard(detector, self._on_failure)
        self._clock = clock
        self._events: list[DetectionEvent] = []
        self._session: int | None = None
        self._timestamp = 0.0
        self._is_failing = False

    def step(self, inputs: DetectionInputs) -> Iterator[DetectionMessage | TracksMessage]:
        """Yield the detection and the tracks of a new frame."""
        if inputs.image is not None:
            yield from self._detect(inputs.image, inputs.vehicle)
        self._update_state(inputs.vehicle)

    def take_events(self) -> list[DetectionEvent]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events

    def status(self) -> ProcessStatus:
        now_ns = self._clock.now_ns()
        return ProcessStatus(
            state=self.state,
            rate_hz=self.frame_rate.rate_hz(now_ns),
            age_ms=self.frame_rate.age_ms(now_ns),
            latency_ms=self.latency.percentiles(),
        )

    def update_parameter(self, name: str, value: object) -> None:
        """Change one live parameter. Raises ParameterError."""
        self._detector.update_parameter(name, value)
        if name == "lane_width_m" and isinstance(value, int | float):
            self._pose_check.lane_width_m = float(value)

    @property
    def errors(self) -> Counter[str]:
        """The number of failures of the detector by cause."""
        return self._detector.causes

    def _detect(self, image: ImageMessage, vehicle: VehicleState | None) -> Iterator[DetectionMessage | TracksMessage]:
        if image.session != self._session or image.timestamp < self._timestamp:
            self._detector.reset()  # another world, or the same video from its start
            self._line_tracks.reset()
            self._pose_check.reset()
        self._session, self._timestamp = image.session, image.timestamp
        start_ns = self._clock.now_ns()
        left = right = model = None
        lines: list[LaneLine] = []
        state = state_at(image, vehicle)
        result = self._detector.detect(image.image, image.timestamp, state)
        self._is_failing = result is None
        if result is not None:
            left, right, model = result.left_lane, result.right_lane, result.lane_model
            ego = () if model is None else (model.left, model.right)
            if model is not None:
                self.calibration = model.calibration
                self._check_pose(image.timestamp, model, state)
            lines = [line for line in (*ego, *result.neighbours) if line is not None]
        tracks = self._line_tracks.update(image.timestamp, lines, state)
        end_ns = self._clock.now_ns()
        processing_time_ms = (end_ns - start_ns) / 1e6
        self.frame_rate.tick(end_ns)
        self.latency.add("detection", processing_time_ms)
        stamps = {
            "session": image.session,
            "frame_id": image.frame_id,
            "timestamp": image.timestamp,
            "capture_ns": image.capture_ns,
        }
        yield DetectionMessage(
            left_lane=left,
            right_lane=right,
            processing_time_ms=processing_time_ms,
            lane_model=model,
            frame_publish_ns=image.publish_ns,
            **stamps,
        )
        yield TracksMessage(tracks=tracks, **stamps)

    def _check_pose(self, timestamp: float, model: LaneModel, state: VehicleState | None) -> None:
        camera = None if state is None else state.camera
        given_pitch_rad = self._pitch_rad if camera is None else camera.pitch_rad
        for text in self._pose_check.check(timestamp, model, given_pitch_rad):
            self._events.append(DetectionEvent("camera", "warning", text))

    def _update_state(self, vehicle: VehicleState | None) -> None:
        """Derive `state` from the age of the newest frame. A change is an event."""
        now_ns = self._clock.now_ns()
        age_ms = self.frame_rate.age_ms(now_ns)
        if age_ms is not None and age_ms < SILENT_S * 1e3:
            state = FAILING if self._is_failing else RUNNING
        elif vehicle is not None and vehicle.paused and now_ns - vehicle.publish_ns < SILENT_S * 1e9:
            state = PAUSED
        else:
            state = WAITING
        if state != self.state:
            self.state = state
            level: Level = "warning" if state in (WAITING, FAILING) else "info"
            self._events.append(DetectionEvent("detection_state", level, f"detection: {state}"))

    def _on_failure(self, text: str, error: Exception) -> None:
        traceback = error.origin if isinstance(error, PluginError) else error
        logger.error("%s; further failures of this kind are only counted", text, exc_info=traceback)
        self._events.append(DetectionEvent("detector_error", "error", text))


def state_at(image: ImageMessage, vehicle: VehicleState | None) -> VehicleState | None:
    """Return what the vehicle state says about this frame; its motion only when both are of about the same time."""
    if vehicle is None or vehicle.session != image.session:
        return None
    if abs(vehicle.timestamp - image.timestamp) <= STALE_STATE_S:
        return vehicle
    return msgspec.structs.replace(vehicle, speed_mps=None, yaw_rate_radps=None, steering_angle_rad=None)
