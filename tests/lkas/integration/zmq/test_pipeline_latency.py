"""Stage latencies from stamps, also when messages are missed."""

import pytest

from lkas.health import Percentiles
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, ImageMessage
from lkas.integration.zmq.pipeline_latency import PipelineLatency

MS = 1_000_000


def image(frame_id, exposed_ms, published_ms):
    return ImageMessage(image=None, frame_id=frame_id, capture_ns=exposed_ms * MS, publish_ns=published_ms * MS)


def detection(frame_id, frame_published_ms, published_ms, session=0):
    return DetectionMessage(
        session=session,
        frame_id=frame_id,
        processing_time_ms=4.0,
        frame_publish_ns=frame_published_ms * MS,
        publish_ns=published_ms * MS,
    )


def control(sequence, frame_id, exposed_ms, published_ms):
    return ControlMessage(
        steering=0.0,
        throttle=0.0,
        brake=0.0,
        frame_id=frame_id,
        sequence=sequence,
        capture_ns=exposed_ms * MS,
        publish_ns=published_ms * MS,
    )


@pytest.fixture
def latency():
    return PipelineLatency()


def test_each_stage_is_the_time_between_its_two_stamps(latency):
    latency.add_control(control(6, 0, 0, 90))
    latency.add_image(image(1, 100, 108))
    latency.add_detection(detection(1, 108, 113))
    latency.add_control(control(7, 1, 100, 115))
    assert {stage: p.p50 for stage, p in latency.percentiles().items()} == pytest.approx(
        {
            "exposure to frame": 8.0,
            "frame to detection": 5.0,
            "detect()": 4.0,
            "detection to control": 2.0,
            "frame to control": 7.0,
            "exposure to control": 15.0,
        }
    )


def test_only_the_first_control_on_a_frame_answers_it(latency):
    latency.add_control(control(1, 0, 0, 90))
    latency.add_detection(detection(1, 108, 113))
    latency.add_control(control(2, 1, 100, 115))
    latency.add_control(control(3, 1, 100, 125))
    assert latency.percentiles()["exposure to control"] == Percentiles(p50=15.0, p99=15.0)


def test_a_control_after_a_missed_one_is_not_measured(latency):
    latency.add_control(control(1, 0, 0, 90))
    latency.add_detection(detection(1, 108, 113))
    latency.add_control(control(3, 1, 100, 125))  # number 2 was missed: it may have been the first on frame 1
    assert "exposure to control" not in latency.percentiles()


def test_skipped_frames_are_counted_within_a_session(latency):
    for frame_id in (1, 2, 5):
        latency.add_detection(detection(frame_id, 0, 5))
    latency.add_detection(detection(40, 0, 5, session=9))  # another world: no gap
    assert latency.missed_frames == 2


def test_memory_does_not_grow_with_frames_without_a_control(latency):
    for frame_id in range(500):
        latency.add_detection(detection(frame_id, 0, 5))
    assert len(latency._detections) <= 64
