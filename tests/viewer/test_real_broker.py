"""The viewer with the real broker, which shows that the fake broker of the other tests behaves alike."""

import json
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from websockets.sync.client import connect

from lkas.detection.parameters import DetectionParameters
from lkas.integration.shared_memory.messages import ControlMessage, DetectionMessage, LaneMessage, VehicleState
from lkas.integration.zmq import LKASBroker, ParameterClient, Ports, SimulationClient
from tests.support.page_client import next_frame, of_type, receive, request, send
from tests.support.viewer_process import TIMEOUT_S, running_viewer

SESSION = 77


class Stack:
    """The broker, a client of detection and one of the simulation, in one thread."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, object]] = []
        self.actions: list[str] = []
        self.ports: Ports | None = None
        self._is_ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Stack":
        self._thread.start()
        assert self._is_ready.wait(TIMEOUT_S)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        broker = LKASBroker(Ports(0))
        self.ports = broker.ports
        detection = ParameterClient("detection", broker.ports, section=DetectionParameters(), active=("method",))
        detection.register_callback(lambda name, value: self.changes.append((name, value)))
        simulation = SimulationClient(broker.ports)
        self._is_ready.set()
        frame_id = 0
        image = np.full((48, 64, 3), 90, np.uint8)
        while not self._stop.wait(0.01):
            broker.poll()
            detection.poll()
            simulation.send_status("running", 100.0)
            for action in simulation.poll():
                self.actions.append(action.name)
                simulation.reply(action, ok=True)
            frame_id += 1
            stamps = {"session": SESSION, "frame_id": frame_id}
            broker.broadcast_frame(image, frame_id, session=SESSION)
            lane = LaneMessage(20, 47, 30, 20, 0.9)
            broker.broadcast_detection(DetectionMessage(left_lane=lane, **stamps), frame_id, height_px=48)
            control = ControlMessage(steering=0.1, throttle=0.2, brake=0.0, **stamps)
            broker.broadcast_control(control)
            broker.broadcast_state(VehicleState(speed_mps=3.0, **stamps), control)
        simulation.close()
        detection.close()
        broker.close()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack() as running:
        yield running


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    assert stack.ports is not None
    with running_viewer(stack.ports) as viewer:
        yield viewer.websocket_url


def test_frames_and_topics_arrive(url):
    with connect(url) as page:
        send(page, type="credit", frames=1)
        width, height, session, frame_id = next_frame(page)
        assert (width, height, session) == (64, 48, SESSION)
        assert frame_id > 0
        detection = receive(page, of_type("detection"))
        assert detection["session"] == SESSION
        assert detection["left_line_px"] == [[20, 47], [30, 20]]
        assert receive(page, of_type("control"))["steering"] == 0.1
        assert receive(page, of_type("state"))["speed"] == 3.0
        health = receive(page, of_type("health"))
        assert {"name", "state", "rate_hz", "age_ms", "restarts"} <= set(health["processes"][0])


def test_a_parameter_is_changed_in_its_process_and_answered(stack, url):
    with connect(url) as page:
        table = receive(page, lambda m: of_type("parameters")(m) and m["parameters"])["parameters"]
        declared = next(p for p in table if p["name"] == "canny_low")
        assert (declared["minimum"], declared["maximum"], declared["default"]) == (1, 150, 50.0)
        assert declared["active"] is False
        ack = request(page, type="parameter", category="detection", name="canny_low", value=75)
        assert ack["ok"], json.dumps(ack)
        assert ack["applied"] == 75
        assert ("canny_low", 75.0) in stack.changes
        assert "150" in request(page, type="parameter", category="detection", name="canny_low", value=999)["error"]


def test_an_action_is_done_by_the_simulation_and_answered(stack, url):
    with connect(url) as page:
        receive(page, of_type("state"))
        assert request(page, type="action", action="respawn")["applied"] is True
        assert "respawn" in stack.actions
