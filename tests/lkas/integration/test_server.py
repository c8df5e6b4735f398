"""The broker process over real channels."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import uuid

import cv2
import numpy as np
import pytest

from lkas.clock import MonotonicClock
from lkas.config import Configuration
from lkas.integration.client import LKASClient
from lkas.integration.events import EventClient
from lkas.integration.events.config import EventsConfig
from lkas.integration.server import BrokerChannels, BrokerServer, LocalEndpoint
from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, VehicleChannel
from lkas.integration.shared_memory.messages import LaneMessage, VehicleState
from lkas.integration.zmq import BrokerClient, LKASBroker, ParameterClient, Ports, ZmqConfig
from lkas.integration.zmq.ports import free_port_base
from tests.lkas.integration.zmq.peers import DEADLINE_S, Subscriber, until

WIDTH, HEIGHT = 160, 120
LEFT = LaneMessage(x1=20, y1=119, x2=70, y2=60, confidence=0.9)


class Writers:
    """Writes the channels of the other processes."""

    def __init__(self, **place):
        self.image = ImageChannel(create=True, width=WIDTH, height=HEIGHT, **place)
        self.detection = DetectionChannel(create=True, **place)
        self.control = ControlChannel(create=True, **place)
        self.vehicle = VehicleChannel(create=True, **place)
        self.frame_id = 0

    def write(self):
        self.frame_id += 1
        # A second apart, so that frames are distinguished even when sending takes long.
        stamps = {"session": 77, "frame_id": self.frame_id, "capture_ns": self.frame_id * 1_000_000_000}
        red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        red[:, :, 0] = 255
        self.image.write(red, **stamps)
        self.detection.write(LEFT, None, processing_time_ms=1.5, **stamps)
        self.control.write(steering=0.25, throttle=0.5, brake=0.0, lateral_offset=-0.1, **stamps)
        self.vehicle.write(VehicleState(speed_mps=12.0, **stamps))

    def close(self):
        for channel in (self.image, self.detection, self.control, self.vehicle):
            channel.unlink()
            channel.close()


@pytest.fixture
def writers(closing, tmp_path):
    return closing(Writers(directory=tmp_path))


class Server:
    """The broker's server over channels in a folder of this test, with a real clock."""

    def __init__(self, closing, directory):
        self.broker = closing(LKASBroker(Ports(0)))
        self.ports = self.broker.ports
        kinds = (ImageChannel, DetectionChannel, ControlChannel, VehicleChannel)
        self.image, *others = [closing(kind(directory=directory)) for kind in kinds]
        clock = MonotonicClock()
        self._server, self._endpoint = BrokerServer(clock), LocalEndpoint(self.broker, None, clock)
        self._channels = BrokerChannels(self.broker, self.image, *others, clock)

    def poll(self):
        """One cycle; `run` in the process does the same, with a status twice a second."""
        with self._channels.read(0.001) as inputs:
            for message in self._server.step(inputs):
                self._channels.write(message)
        status = self._server.status()
        self._endpoint.send_status(status.state, status.rate_hz, status.age_ms, status.latency_ms)
        self._endpoint.poll()


@pytest.fixture
def server(closing, tmp_path):
    return Server(closing, tmp_path)


def test_every_channel_reaches_viewers_and_joins_by_session_and_frame(server, writers, context, closing):
    viewer = closing(Subscriber(context, server.ports.broadcast, [""]))
    until(lambda: server.broker.wants("frame"), server)

    def complete():
        writers.write()
        server.poll()
        viewer.poll()
        # A state has no values of a command older than half a second, which a busy machine may cause.
        states = [state for state in viewer.of("state") if state["steering"] is not None]
        return {"frame", "detection", "control", "health"} <= {message[0] for message in viewer.messages} and states

    state = until(complete, server, viewer)[-1]
    stamps = {topic: {(m["session"], m["frame_id"]) for m in viewer.of(topic)} for topic in ("frame", "detection")}
    assert stamps["frame"] & stamps["detection"]
    assert {session for session, _ in stamps["frame"] | stamps["detection"]} == {77}
    by_stamp = {m["frame_id"]: m["timestamp"] for m in viewer.of("frame")}
    detection = next(m for m in viewer.of("detection") if m["frame_id"] in by_stamp)
    assert detection["timestamp"] == pytest.approx(by_stamp[detection["frame_id"]], abs=0.4)
    assert detection["left_line_px"] == [[20, 119], [70, 60]]
    jpeg = next(message[2] for message in viewer.messages if message[0] == "frame")
    blue, _, red = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[60, 80]
    assert red > 200
    assert blue < 50
    assert (state["speed"], state["steering"], state["throttle"], state["lateral_offset"]) == (12.0, 0.25, 0.5, -0.1)
    assert viewer.of("control")[-1]["steering"] == 0.25


def test_frames_are_read_only_while_a_viewer_subscribes(server, writers, context, closing):
    viewer = closing(Subscriber(context, server.ports.broadcast, ["detection"]))

    def received():
        writers.write()
        return len(viewer.of("detection")) >= 3

    until(received, server, viewer)
    assert not server.image.stats.attached


def test_the_status_names_the_missing_inputs(server, context, closing, tmp_path):
    viewer = closing(Subscriber(context, server.ports.broadcast, ["health"]))

    def broker_state():
        states = [p["state"] for health in viewer.of("health") for p in health["processes"] if p["name"] == "broker"]
        return states[-1] if states else None

    until(lambda: broker_state() == "waiting for detection, decision, simulation", server, viewer)
    writers = closing(Writers(directory=tmp_path))

    def running():
        writers.write()
        return broker_state() == "running"

    until(running, server, viewer)


def test_an_unusable_segment_is_named_in_the_status_and_the_ports_stay_in_service(server, context, closing, tmp_path):
    grey = closing(ImageChannel(create=True, width=WIDTH, height=HEIGHT, channels=1, directory=tmp_path))
    viewer = closing(Subscriber(context, server.ports.broadcast, ["frame", "health"]))

    def reported():
        grey.write(np.zeros((HEIGHT, WIDTH, 1), np.uint8))
        states = [p["state"] for health in viewer.of("health") for p in health["processes"]]
        return any("uint8 RGB" in state for state in states)

    until(reported, server, viewer)
    grey.unlink()


# ---------------------------------------------------------------- the process itself


@contextlib.contextmanager
def process(base, instance, host="127.0.0.1", notify=False):
    sections = {"zmq": ZmqConfig(port_base=base, host=host), "events": EventsConfig(notify=notify)}
    configuration = Configuration(sections).to_json()
    settings = {"name": "broker", "instance": instance, "configuration": configuration}
    environment = {**os.environ, "LKAS_CHILD": json.dumps(settings)}
    child = subprocess.Popen(
        [sys.executable, "-m", "lkas.integration.server"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate(timeout=DEADLINE_S)


def test_the_process_serves_its_ports_until_sigterm(closing):
    base, instance = free_port_base(), f"test-{uuid.uuid4().hex[:8]}"
    writers = closing(Writers(instance=instance))
    tool = closing(BrokerClient(Ports(base), ["frame", "detection", "health"]))
    with process(base, instance) as child:
        newest = {}

        def complete():
            writers.write()
            newest.update(tool.poll(0.01))
            return {"frame", "detection", "health"} <= newest.keys()

        until(complete)
        assert newest["frame"]["session"] == newest["detection"]["session"] == 77
        until(lambda: tool.act("pause").error == "simulation not connected")
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=DEADLINE_S) == 0


def test_the_process_answers_clients_and_notifies_desktop_pages(closing, monkeypatch):
    base, instance = free_port_base(), f"test-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("LKAS_INSTANCE", instance)
    client = closing(LKASClient())
    reporter = closing(ParameterClient("knobs", Ports(base)))
    with process(base, instance, notify=True) as child, EventClient() as page:
        received = []
        page.add_handler(received.append)
        page.start()
        waiting = "waiting for detection, decision, simulation"
        until(lambda: page.is_connected and client.get_status()["state"] == waiting)
        assert client.get_status()["pid"] == child.pid
        until(lambda: client.send_command("PING"))

        def notified():
            reporter.send_event("departure", "warning", "left line crossed")
            return received

        event = until(notified)[0]
        assert (event["name"], event["process"], event["text"]) == ("departure", "knobs", "left line crossed")
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=DEADLINE_S) == 0
        assert client.get_status()["state"] == "stopped"
        until(lambda: not page.is_connected)


def test_a_port_in_use_is_a_configuration_error_that_names_it():
    base = free_port_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 2))
        other.listen()
        with process(base, "test-unused") as child:
            _, text = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == 2
    assert f"port {base + 2} on 127.0.0.1 is in use" in text


def test_an_address_that_other_machines_reach_is_a_configuration_error():
    with process(free_port_base(), "test-unused", host="0.0.0.0") as child:
        _, text = child.communicate(timeout=DEADLINE_S)
    assert child.returncode == 2
    assert "loopback only" in text
