"""The topics: which subscriber gets which messages, how often, and with which values."""

import cv2
import numpy as np
import pytest

from lkas.health import Percentiles
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DetectionMessage,
    LaneMessage,
    VehicleState,
    asdict,
)
from lkas.integration.zmq import BrokerClient, LKASBroker, Ports, SimulationClient, SupervisorClient
from lkas.integration.zmq.messages import MalformedMessageError, ProcessEntry, StatusReport, VehicleReport
from tests.lkas.integration.zmq.peers import Subscriber, arrived, settle, until

COMMAND = ControlMessage(steering=0.1, throttle=0.2, brake=0.0, mode=ControlMode.LANE_KEEPING)


def coloured_image():
    """Red, green and blue thirds, RGB."""
    image = np.zeros((60, 90, 3), np.uint8)
    for channel in range(3):
        image[:, 30 * channel : 30 * channel + 30, channel] = 255
    return image


@pytest.fixture
def viewer(broker, subscribe):
    """Subscribes to everything."""
    viewer = subscribe("")
    until(lambda: broker.wants("frame"), broker)
    return viewer


def test_the_jpeg_keeps_the_colours(broker, viewer):
    image = coloured_image()
    image.flags.writeable = False  # like a view of shared memory
    assert broker.broadcast_frame(image[:, ::-1], frame_id=7, session=3)
    until(lambda: viewer.of("frame"), broker, viewer)
    _, head, jpeg = next(message for message in viewer.messages if message[0] == "frame")
    assert head["timestamp"] > 1e9
    del head["timestamp"]
    assert head == {"type": "frame", "session": 3, "frame_id": 7, "width": 90, "height": 60}
    decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert [int(decoded[30, 15 + 30 * third].argmax()) for third in range(3)] == [2, 1, 0]
    assert decoded[30, 15].min() < 30


def test_the_jpeg_quality_has_an_effect(closing, context):
    image = np.random.default_rng(1).integers(0, 255, (60, 90, 3), np.uint8)
    sizes = []
    for quality in (10, 95):
        broker = closing(LKASBroker(Ports(0), jpeg_quality=quality))
        viewer = closing(Subscriber(context, broker.ports.broadcast, ["frame"]))
        until(lambda broker=broker: broker.broadcast_frame(image, 1), broker)
        until(lambda viewer=viewer: viewer.messages, viewer)
        sizes.append(len(viewer.messages[0][2]))
    assert sizes[1] > 3 * sizes[0]


@pytest.mark.parametrize("prefix", ["", "f", "fram", "frame"])
def test_a_frame_is_encoded_while_a_viewer_subscribes_to_a_prefix(broker, subscribe, prefix):
    assert not broker.broadcast_frame(coloured_image(), 1)
    viewer = subscribe(prefix)
    until(lambda: broker.broadcast_frame(coloured_image(), 1), broker)
    viewer.close()
    until(lambda: not broker.broadcast_frame(coloured_image(), 1), broker)


@pytest.mark.parametrize("topic", ["frames", "frame ", "detection", "x"])
def test_no_frame_is_encoded_for_subscribers_of_other_topics(broker, subscribe, topic):
    subscribe(topic, "health")
    until(lambda: broker.wants("health"), broker)
    assert not broker.broadcast_frame("not even an image", 1)


def test_frames_are_encoded_until_the_last_viewer_unsubscribes(broker, subscribe):
    first, second = subscribe("frame"), subscribe("frame")
    until(
        lambda: broker.broadcast_frame(coloured_image(), 1) and first.messages and second.messages,
        first,
        second,
        broker,
    )
    first.close()
    settle(broker)
    assert broker.broadcast_frame(coloured_image(), 1)
    second.close()
    until(lambda: not broker.wants("frame"), broker)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), float), np.zeros((4, 4, 4), np.uint8)]
)
def test_another_shape_or_type_than_an_image_is_an_error(broker, viewer, image):
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 RGB image, found \(4, 4"):
        broker.broadcast_frame(image, 1)


def test_a_detection_as_message_or_dict_gives_the_same_json(broker, viewer):
    left = LaneMessage(x1=200, y1=600, x2=350, y2=360, confidence=0.95)
    message = DetectionMessage(left_lane=left, frame_id=4, session=9, processing_time_ms=8.5, capture_ns=1)
    broker.broadcast_detection(message, 4)
    broker.broadcast_detection({**asdict(message), "mine": "ignored"}, 4)
    broker.broadcast_detection({"left_lane": None, "processing_time_ms": np.float32(1.5), "frame_id": 5}, 5)
    until(lambda: len(viewer.of("detection")) == 3, broker, viewer)
    first, second, third = viewer.of("detection")
    assert second == {**first, "timestamp": pytest.approx(first["timestamp"], abs=1)}
    assert (first["session"], first["frame_id"], first["processing_time_ms"]) == (9, 4, 8.5)
    assert first["left_lane"] == {"x1": 200, "y1": 600, "x2": 350, "y2": 360, "confidence": 0.95}
    assert first["left_line_px"] == [[200, 600], [350, 360]]
    assert first["right_lane"] is first["right_line_px"] is None
    assert (third["frame_id"], third["left_lane"], third["processing_time_ms"]) == (5, None, 1.5)


def test_a_bad_field_of_a_detection_is_an_error_that_names_it(broker, viewer):
    with pytest.raises(MalformedMessageError, match="left_lane"):
        broker.broadcast_detection({"left_lane": 7}, 1)


def test_control_carries_every_field_and_epoch_seconds(broker, viewer):
    broker.broadcast_control(COMMAND)
    until(lambda: viewer.of("control"), broker, viewer)
    control = viewer.of("control")[0]
    assert set(asdict(COMMAND)) | {"type"} == set(control)
    assert (control["steering"], control["mode"]) == (0.1, "lane_keeping")
    assert control["timestamp"] > 1e9


@pytest.mark.parametrize("topic", ["control", "state"])
def test_at_most_50_a_second_are_sent_and_the_newest_is_never_lost(broker, viewer, clock, topic):
    def send(number):
        if topic == "control":
            broker.broadcast_control(ControlMessage(steering=0, throttle=0, brake=0, frame_id=number))
        else:
            broker.broadcast_state(VehicleState(frame_id=number))

    for number in range(100):  # 100 in one second
        send(number)
        broker.poll()
        clock.advance(0.01)
    clock.advance(0.02)
    until(lambda: viewer.of(topic) and viewer.of(topic)[-1]["frame_id"] == 99, broker, viewer)
    numbers = [message["frame_id"] for message in viewer.of(topic)]
    assert len(numbers) <= 51
    assert numbers == sorted(set(numbers))


def test_the_state_joins_vehicle_and_command(broker, viewer):
    vehicle = VehicleState(session=5, frame_id=8, speed_mps=12.5)
    command = ControlMessage(
        steering=0.1, throttle=0.2, brake=0.0, lateral_offset=-0.05, heading_angle=2.3, publish_ns=10**12
    )
    broker.broadcast_state(vehicle, command)
    until(lambda: viewer.of("state"), broker, viewer)
    state = viewer.of("state")[0]
    assert state.pop("timestamp") > 1e9
    assert state == {
        "type": "state",
        "session": 5,
        "frame_id": 8,
        "speed": 12.5,
        "steering": 0.1,
        "throttle": 0.2,
        "brake": 0.0,
        "lateral_offset": -0.05,
        "heading_angle": 2.3,
        "departure_status": None,
        "paused": False,
    }


def test_a_late_viewer_gets_parameters_state_and_health_again(broker, viewer, subscribe):
    broker.broadcast_state(VehicleState(speed_mps=3.0))
    until(lambda: viewer.of("state") and viewer.of("health"), broker, viewer)
    topics = {"parameters", "state", "health"}
    for _ in range(3):  # the second and third subscribe to the same topics as the first
        late = subscribe(*topics, "control")
        until(lambda late=late: {message[0] for message in late.messages} == topics, broker, late)
        assert late.of("state")[0]["speed"] == 3.0
        assert late.of("parameters")[0]["parameters"] == []


def test_the_state_comes_from_the_simulation_unless_the_caller_gives_one(broker, viewer, closing, clock):
    world = closing(SimulationClient(broker.ports))

    def reported():
        world.send_vehicle(VehicleReport(frame_id=2, speed=7.0))
        clock.advance(0.02)
        return [state for state in viewer.of("state") if state["speed"] == 7.0]

    until(reported, broker, viewer)
    broker.broadcast_state(VehicleState(speed_mps=3.0))
    arrived(broker, viewer)
    viewer.messages.clear()
    for _ in range(20):
        world.send_vehicle(VehicleReport(frame_id=2, speed=7.0))
        clock.advance(0.02)
        settle(broker, viewer, rounds=1)
    assert {state["speed"] for state in viewer.of("state")} <= {3.0}
    clock.advance(2.1)
    until(reported, broker, viewer)


def test_health_joins_the_reports_of_processes_and_supervisor(broker, viewer, closing, clock):
    world, supervisor = closing(SimulationClient(broker.ports)), closing(SupervisorClient(broker.ports))
    broker.report_status(
        StatusReport(process="broker", pid=1, state="running", latency_ms={"read": Percentiles(0.1, 0.2)})
    )
    broker.broadcast_frame(coloured_image(), 1)

    def report():
        world.send_status("running", 30.0, 12.5, {"render": Percentiles(1.0, 2.0)})
        supervisor.send_processes(
            (
                ProcessEntry(name="broker", pid=1, state="running", restarts=1),
                ProcessEntry(name="detection", pid=2, state="waiting to restart", restarts=3),
            )
        )
        broker.broadcast_health()
        return [health for health in viewer.of("health") if len(health["processes"]) == 3]

    health = until(report, broker, viewer)[-1]
    processes = {process["name"]: process for process in health["processes"]}
    assert processes["broker"]["restarts"] == 1
    assert processes["detection"]["state"] == "waiting to restart"
    assert processes["detection"]["restarts"] == 3
    world_ = processes["simulation"]
    assert (world_["state"], world_["rate_hz"], world_["age_ms"], world_["restarts"]) == ("running", 30.0, 12.5, None)
    assert set(health["latency_ms"]) == {"read", "render", "encode"}
    assert health["latency_ms"]["render"] == {"p50": 1.0, "p99": 2.0}

    supervisor.send_processes(
        (ProcessEntry(name="broker", state="restarting"), ProcessEntry(name="detection", state="restarting"))
    )
    until(lambda: broker.broadcast_health() or states(viewer)["detection"] == "restarting", broker, viewer)
    arrived(broker, viewer, world)
    clock.advance(2.1)
    until(lambda: broker.broadcast_health() or "silent" in states(viewer).values(), broker, viewer)
    assert states(viewer) == {"broker": "silent", "detection": "silent", "simulation": "silent"}
    assert set(viewer.of("health")[-1]["latency_ms"]) == {"encode"}


def states(viewer):
    """The newest state of each process."""
    return {process["name"]: process["state"] for process in viewer.of("health")[-1]["processes"]}


def test_health_is_sent_twice_a_second(broker, viewer, clock):
    arrived(broker, viewer)
    viewer.messages.clear()
    for _ in range(200):
        clock.advance(0.01)
        broker.poll()
    arrived(broker, viewer)
    assert len(viewer.of("health")) == 4


def test_an_event_of_a_process_reaches_viewers(broker, viewer, closing):
    world = closing(SimulationClient(broker.ports))

    def arrived():
        world.send_event("departure", "warning", "left line crossed")
        return viewer.of("event")

    event = until(arrived, broker, viewer)[0]
    assert event.pop("timestamp") > 1e9
    assert event == {
        "type": "event",
        "name": "departure",
        "level": "warning",
        "process": "simulation",
        "text": "left line crossed",
    }


def test_a_viewer_that_does_not_read_needs_bounded_memory_and_delays_no_other(broker, context, closing, subscribe):
    stalled = closing(Subscriber(context, broker.ports.broadcast, ["frame"], queue=4))  # not polled until the end
    until(lambda: broker.wants("frame"), broker)
    image = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    for number in range(600):
        broker.broadcast_frame(image, number)
    viewer = subscribe("frame")
    settle(broker)

    def arrived():
        broker.broadcast_frame(image, 1000)
        return any(frame["frame_id"] == 1000 for frame in viewer.of("frame"))

    until(arrived, broker, viewer)
    until(lambda: stalled.messages, stalled)
    assert len(stalled.messages) < 600


def test_a_broker_client_gets_the_newest_of_each_topic_and_all_events(broker, closing):
    client = closing(BrokerClient(broker.ports, ["detection", "event", "frame"]))
    until(lambda: broker.wants("detection") and broker.wants("event") and broker.wants("frame"), broker)
    settle(broker)
    for number in range(5):
        broker.broadcast_detection({}, number)
        broker.broadcast_event("tick", "info", str(number))
        broker.broadcast_frame(coloured_image(), number)
    newest = {}
    until(lambda: newest.update(client.poll()) or newest.get("frame", {}).get("frame_id") == 4, broker)
    assert newest["detection"]["frame_id"] == 4
    assert newest["frame"]["jpeg"].startswith(b"\xff\xd8")
    assert [event["text"] for event in client.events] == ["0", "1", "2", "3", "4"]
    assert client.has_answered


def test_the_error_without_a_broker_says_how_to_start_one(closing):
    client = closing(BrokerClient(Ports(1)))  # a port without a broker
    ack = client.act("pause", timeout_s=0.05)
    assert not ack.ok
    assert "is `lkas --broadcast` running" in ack.error
    assert not client.has_answered
