"""Values as users have them: NumPy numbers are fine, all else is one clear error."""

import numpy as np
import pytest

from lkas.integration.shared_memory.messages import DetectionMessage, VehicleState
from lkas.integration.zmq import BrokerClient
from lkas.integration.zmq.messages import MalformedMessageError
from tests.lkas.integration.zmq.peers import until

IMAGE = np.zeros((60, 80, 3), np.uint8)


@pytest.fixture
def viewer(broker, subscribe):
    viewer = subscribe("")
    until(lambda: broker.wants("frame"), broker)
    return viewer


def test_numpy_numbers_are_numbers(broker, viewer):
    broker.broadcast_frame(IMAGE, np.int64(3), session=np.uint32(7), capture_ns=np.int64(0))
    broker.broadcast_detection({"processing_time_ms": np.float32(8.5), "left_line_px": np.ones((2, 2))}, np.int64(3))
    broker.broadcast_detection(DetectionMessage(processing_time_ms=np.float64(8.5)), 3)
    broker.broadcast_state(VehicleState(speed_mps=np.float32(7.5)))
    until(lambda: viewer.of("state") and len(viewer.of("detection")) == 2, broker, viewer)
    (frame,) = viewer.of("frame")
    assert (frame["frame_id"], frame["session"]) == (3, 7)
    assert viewer.of("detection")[0]["left_line_px"] == [[1, 1], [1, 1]]
    assert viewer.of("state")[-1]["speed"] == 7.5


@pytest.mark.parametrize(
    ("image", "frame_id", "reason"),
    [
        (IMAGE, 3.5, "frame_id: expected a whole number, found 3.5"),
        (IMAGE[:0], 1, "expected sides of 1 to 65500 px, found 80 x 0 px"),
        (np.zeros((65_501, 1, 3), np.uint8), 1, "found 1 x 65501 px"),
        (IMAGE[..., 0], 1, "expected an .H, W, 3. uint8 RGB image, found .60, 80. uint8"),
        (IMAGE.tolist(), 1, "found list"),
    ],
)
def test_a_frame_that_cannot_be_sent_is_one_error(broker, viewer, image, frame_id, reason):
    with pytest.raises(ValueError, match=reason):
        broker.broadcast_frame(image, frame_id)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("processing_time_ms", float("nan"), r"processing_time_ms.*NaN and infinity are null"),
        ("left_line_px", np.ones(3), "left_line_px"),
        ("left_lane", "no lane", "left_lane"),
    ],
)
def test_a_detection_that_cannot_be_sent_names_its_field(broker, viewer, field, value, reason):
    with pytest.raises(MalformedMessageError, match=reason):
        broker.broadcast_detection({field: value}, 1)


def test_nan_is_no_value_of_a_parameter(broker):
    client = BrokerClient(broker.ports)
    try:
        ack = client.set_parameter("detection", "canny_low", float("nan"))
        assert ack.error == "detection.canny_low = nan: expected a finite number"
    finally:
        client.close()
