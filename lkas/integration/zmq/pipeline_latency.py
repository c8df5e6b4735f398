"""Latency of each stage from the exposure of a frame to the command that answers it, from the stamps of the messages.

No I/O and no clock: the caller reads the channels and passes the messages.
"""

from lkas.health import LatencyTable, Percentiles
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, ImageMessage

MS_PER_NS = 1e-6
KEPT_FRAMES = 64  # a command that answers an older frame is not measured

EXPOSURE_TO_FRAME = "exposure to frame"
FRAME_TO_DETECTION = "frame to detection"
DETECT = "detect()"
DETECTION_TO_CONTROL = "detection to control"
FRAME_TO_CONTROL = "frame to control"
EXPOSURE_TO_CONTROL = "exposure to control"
STAGES = {
    EXPOSURE_TO_FRAME: "rendering, or the camera driver",
    FRAME_TO_DETECTION: "wake-up, detection, writing",
    DETECT: "the detector call alone",
    DETECTION_TO_CONTROL: "wake-up, decision, writing",
    FRAME_TO_CONTROL: "both processes",
    EXPOSURE_TO_CONTROL: "all stages",
}


class PipelineLatency:
    """Measures each stage in ms. A stage with a missing message is not counted."""

    def __init__(self) -> None:
        self._table = LatencyTable()
        self._detections: dict[tuple[int, int], DetectionMessage] = {}
        self._control: ControlMessage | None = None
        self.frames = self.detections = self.controls = 0  # messages added
        self.missed_frames = 0  # frames that the detector skipped
        self._answered: tuple[int, int] | None = None

    def add_image(self, image: ImageMessage) -> None:
        self.frames += 1
        self._add(EXPOSURE_TO_FRAME, image.publish_ns - image.capture_ns)

    def add_detection(self, detection: DetectionMessage) -> None:
        self.detections += 1
        self._add(DETECT, detection.processing_time_ms / MS_PER_NS)
        if detection.frame_publish_ns:
            self._add(FRAME_TO_DETECTION, detection.publish_ns - detection.frame_publish_ns)
        key = detection.session, detection.frame_id
        if self._answered is not None and self._answered[0] == key[0]:
            self.missed_frames += max(0, key[1] - self._answered[1] - 1)
        self._answered = key
        self._detections[key] = detection
        while len(self._detections) > KEPT_FRAMES:
            del self._detections[next(iter(self._detections))]

    def add_control(self, control: ControlMessage) -> None:
        """Measure the first command of each frame. A command after a missed one is not measured."""
        self.controls += 1
        before, self._control = self._control, control
        if before is None or control.sequence != before.sequence + 1:
            return
        if (control.session, control.frame_id) == (before.session, before.frame_id):
            return
        detection = self._detections.get((control.session, control.frame_id))
        if detection is None:
            return
        self._add(DETECTION_TO_CONTROL, control.publish_ns - detection.publish_ns)
        self._add(EXPOSURE_TO_CONTROL, control.publish_ns - control.capture_ns)
        if detection.frame_publish_ns:
            self._add(FRAME_TO_CONTROL, control.publish_ns - detection.frame_publish_ns)

    def percentiles(self) -> dict[str, Percentiles]:
        """Return p50 and p99 in ms by stage, in the order of `STAGES`, without the stages that were not measured."""
        known = self._table.percentiles()
        return {stage: known[stage] for stage in STAGES if stage in known}

    def _add(self, stage: str, span_ns: float) -> None:
        self._table.add(stage, span_ns * MS_PER_NS)
