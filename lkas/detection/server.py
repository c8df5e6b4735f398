"""The process `detection`: camera frames in, detections out.

`DetectionServer.step` is the whole job, from messages to a message; `run` only reads, steps, writes and reports.
"""

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lkas.clock import Clock, MonotonicClock
from lkas.detection import create_detector
from lkas.detection.calibration.pose_file import PoseFileError, save_pose, with_saved_pose
from lkas.detection.guard import Guard
from lkas.detection.parameters import DetectionParameters
from lkas.detection.tracks import LineTracks
from lkas.health import LatencyTable, RateMeter
from lkas.integration.shared_memory.messages import (
    Calibration,
    DetectionMessage,
    ImageMessage,
    LaneLine,
    Track,
    VehicleState,
)
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import declared, is_read_by
from lkas.plugins.load import OwnCodeError
from lkas.runtime.child import Child
from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from lkas.vehicle import CameraConfig

if TYPE_CHECKING:
    from lkas.detection.types import LaneDetector
    from lkas.integration.shared_memory import DetectionChannel, ImageChannel, TracksChannel, VehicleChannel
    from lkas.integration.zmq.client import ParameterClient
    from lkas.integration.zmq.messages import Level

WAIT_S = 0.1  # for a frame, before the loop looks at its orders again
SILENT_S = 1.0  # without a frame: the camera is gone
STATUS_PERIOD_S = 0.5
STALE_STATE_S = 0.5  # world time between a frame and a vehicle state that still tells of it
RUNNING, FAILING, PAUSED, WAITING = "running", "failing", "paused", "waiting for camera_feed"
SET_BY_CHANNEL = ("publish_ns", "sequence")

logger = logging.getLogger(__name__)

EventSink = Callable[[str, "Level", str], None]  # name, level, text


class DetectionServer:
    """One detector, kept going whatever it is shown. No I/O."""

    def __init__(self, detector: "LaneDetector", clock: Clock, on_event: EventSink) -> None:
        self.frame_rate = RateMeter()
        self.latency = LatencyTable()
        self.state = WAITING
        self.tracks: tuple[Track, ...] = ()  # of the newest frame
        self.calibration: Calibration | None = None  # the newest
        self._line_tracks = LineTracks()
        self._detector = Guard(detector, self._tell_failure)
        self._clock = clock
        self._on_event = on_event
        self._session: int | None = None
        self._timestamp = 0.0
        self._is_failing = False

    def step(self, image: ImageMessage, vehicle: VehicleState | None) -> DetectionMessage:
        """What one frame shows. An exception of the detector is counted and gives a detection without lanes."""
        if image.session != self._session or image.timestamp < self._timestamp:
            self._detector.reset()  # another world, or the same film from its beginning
            self._line_tracks.reset()
        self._session, self._timestamp = image.session, image.timestamp
        begin_ns = self._clock.now_ns()
        left = right = model = None
        lines: list[LaneLine] = []
        state = state_at(image, vehicle)
        result = self._detector.detect(image.image, image.timestamp, state)
        self._is_failing = result is None
        if result is not None:
            left, right, model = result.left_lane, result.right_lane, result.lane_model
            ego = () if model is None else (model.left, model.right)
            self.calibration = self.calibration if model is None else model.calibration
            lines = [line for line in (*ego, *result.neighbours) if line is not None]
        self.tracks = self._line_tracks.update(image.timestamp, lines, state)
        end_ns = self._clock.now_ns()
        processing_time_ms = (end_ns - begin_ns) / 1e6
        self.frame_rate.tick(end_ns)
        self.latency.add("detection", processing_time_ms)
        return DetectionMessage(
            session=image.session,
            frame_id=image.frame_id,
            timestamp=image.timestamp,
            capture_ns=image.capture_ns,
            left_lane=left,
            right_lane=right,
            processing_time_ms=processing_time_ms,
            lane_model=model,
            frame_publish_ns=image.publish_ns,
        )

    def update_state(self, vehicle: VehicleState | None) -> None:
        """Set `state` from the age of the newest frame; a change is an event. Called once per loop."""
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
            self._on_event("detection_state", level, f"detection: {state}")

    def update_parameter(self, name: str, value: object) -> None:
        """Change one live parameter. Raises ParameterError."""
        self._detector.update_parameter(name, value)

    @property
    def errors(self) -> Counter[str]:
        """How often the detector failed, by cause."""
        return self._detector.causes

    def _tell_failure(self, text: str, error: Exception) -> None:
        traceback = error.origin if isinstance(error, OwnCodeError) else error
        logger.error("%s; further failures of this kind are only counted", text, exc_info=traceback)
        self._on_event("detector_error", "error", text)


def state_at(image: ImageMessage, vehicle: VehicleState | None) -> VehicleState | None:
    """The vehicle state as far as it tells of this frame: its motion only when it is of about the same time."""
    if vehicle is None or vehicle.session != image.session:
        return None
    if abs(vehicle.timestamp - image.timestamp) <= STALE_STATE_S:
        return vehicle
    return msgspec.structs.replace(vehicle, speed_mps=None, yaw_rate_radps=None, steering_angle_rad=None)


def run(
    child: Child,
    server: DetectionServer,
    images: "ImageChannel",
    vehicles: "VehicleChannel",
    detections: "DetectionChannel",
    tracks: "TracksChannel | None",
    client: "ParameterClient | None",
    clock: Clock,
) -> None:
    """Newest frame in, detection and tracks out, until told to stop."""
    status_due_ns = 0
    while not child.stopping:
        child.heartbeat()
        vehicle = vehicles.latest()
        with images.view(timeout=WAIT_S) as image:
            message = None if image is None else server.step(image, vehicle)
        if message is not None:
            fields = {name: getattr(message, name) for name in message.__struct_fields__ if name not in SET_BY_CHANNEL}
            detections.write(**fields)
            if tracks is not None:
                stamps = {name: fields[name] for name in ("session", "frame_id", "timestamp", "capture_ns")}
                tracks.write(server.tracks, **stamps)
        server.update_state(vehicle)
        if client is None:
            continue
        client.poll()
        now_ns = clock.now_ns()
        if now_ns >= status_due_ns:
            status_due_ns = now_ns + round(STATUS_PERIOD_S * 1e9)
            client.send_status(
                state=server.state,
                rate_hz=server.frame_rate.rate_hz(now_ns),
                age_ms=server.frame_rate.age_ms(now_ns),
                latency_ms=server.latency.percentiles(),
            )


def main() -> int:
    """Run as a child of `lkas`; the exit code."""
    child = Child.from_environment()
    use_one_thread()
    import cv2

    from lkas.integration.shared_memory import DetectionChannel, ImageChannel, TracksChannel, VehicleChannel
    from lkas.integration.shared_memory.errors import SHMError
    from lkas.integration.shared_memory.ownership import unless_written, when_free

    cv2.setNumThreads(1)
    configuration = child.configuration({"camera": CameraConfig, "detection": DetectionParameters, "zmq": ZmqConfig})
    parameters: DetectionParameters = configuration["detection"]
    client = _parameter_client(parameters, configuration["zmq"]) if child.broadcast else None
    clock = MonotonicClock()

    def on_event(name: str, level: "Level", text: str) -> None:
        logger.log(logging.INFO if level == "info" else logging.WARNING, text)
        if client is not None:
            client.send_event(name, level, text)

    try:
        detections = when_free(lambda: DetectionChannel(create=True), child.keeps_running)
        if detections is None:
            return 0
        tracks, images, vehicles = unless_written(TracksChannel), ImageChannel(), VehicleChannel()
        written = [detections] if tracks is None else [detections, tracks]
        camera: CameraConfig = configuration["camera"]
        if parameters.calibration_file is not None:
            camera = with_saved_pose(camera, parameters.calibration_file)
        server = DetectionServer(create_detector(parameters.method, parameters, camera), clock, on_event)
        if client is not None:
            client.register_callback(server.update_parameter)
        logger.info("method %s, %s", parameters.method, server.state)
        run(child, server, images, vehicles, detections, tracks, client, clock)
        if parameters.calibration_file is not None and server.calibration is not None:
            save_pose(parameters.calibration_file, server.calibration)
        if server.errors:
            logger.warning("frames in which the detector failed: %s", dict(server.errors))
        for channel in (images, vehicles, *written):
            channel.close()
        for channel in written:
            channel.unlink()
    except OwnCodeError as error:  # it is as it was, whatever is started again
        logger.error("%s", error, exc_info=error.origin)
        return EXIT_USAGE
    except (SHMError, PoseFileError, OSError) as error:
        logger.error("%s", error)
        return 1
    finally:
        if client is not None:
            client.close()
    return 0


def _parameter_client(parameters: DetectionParameters, zmq: ZmqConfig) -> "ParameterClient":
    from lkas.integration.zmq.client import ParameterClient

    table = declared("detection", DetectionParameters).values()
    active = tuple(p.name for p in table if is_read_by(p, parameters.method))
    return ParameterClient("detection", Ports(zmq.port_base, zmq.host), section=parameters, active=active)


if __name__ == "__main__":
    raise SystemExit(main())
