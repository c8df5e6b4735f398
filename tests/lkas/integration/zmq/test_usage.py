"""The examples of the users, verbatim, on six free ports."""

import textwrap
import time
from contextlib import closing as closed

import numpy as np
import pytest

from lkas.integration.shared_memory import DetectionChannel, ImageChannel
from lkas.integration.shared_memory.messages import LaneMessage, asdict
from lkas.integration.zmq import BrokerClient, LKASBroker, ParameterClient, Ports
from lkas.integration.zmq.ports import free_port_base
from lkas.parameters import ParameterError
from tests.lkas.integration.zmq.peers import DEADLINE_S, Dealer, until

BROKER_LOOP = """
    from lkas.integration.zmq import LKASBroker

    broker = LKASBroker()
    broker.register_action('pause', lambda: print("Paused"))     # optional; actions go to the simulation by themselves
    broker.register_action('resume', lambda: print("Resumed"))

    while running:
        broker.poll()                                            # never blocks

        image_msg = image_channel.read()
        if image_msg:
            broker.broadcast_frame(image_msg.image, image_msg.frame_id)

        detection_msg = detection_channel.read()
        if detection_msg:
            detection_data = {
                'left_lane': asdict(detection_msg.left_lane) if detection_msg.left_lane else None,
                'right_lane': asdict(detection_msg.right_lane) if detection_msg.right_lane else None,
                'processing_time_ms': detection_msg.processing_time_ms,
                'frame_id': detection_msg.frame_id,
            }
            broker.broadcast_detection(detection_data, detection_msg.frame_id)

    broker.close()
"""

DETECTION_SERVER = """
    from lkas.integration.zmq import ParameterClient

    class DetectionServer:
        def __init__(self):
            self.param_client = ParameterClient(category='detection')
            self.param_client.register_callback(self._on_parameter_update)

        def _on_parameter_update(self, param_name: str, value: float):
            self.detector.update_parameter(param_name, value)

        def run(self):
            while self.running:
                self.param_client.poll()                         # never blocks
                ...

        def stop(self):
            self.param_client.close()
"""


@pytest.fixture
def ports(monkeypatch):
    """Replaces the default ports of `LKASBroker()` and `ParameterClient(...)` by free ones."""
    base = free_port_base()
    monkeypatch.setattr(Ports.__init__, "__defaults__", (base, "127.0.0.1"))
    return Ports()


class Running:
    """The condition of `while running`: each evaluation steps the other processes, until the step returns True."""

    def __init__(self, step):
        self._step = step
        self._deadline_s = time.monotonic() + DEADLINE_S

    def __bool__(self):
        assert time.monotonic() < self._deadline_s
        return not self._step()


def test_the_broker_loop(ports, context, closing, tmp_path, capsys):
    image_writer = closing(ImageChannel(create=True, width=80, height=60, directory=tmp_path))
    detection_writer = closing(DetectionChannel(create=True, directory=tmp_path))
    viewer = closing(BrokerClient(ports, ["frame", "detection"]))
    tool = closing(Dealer(context, ports.actions))
    tool.send({"action": "pause"})
    newest = {}

    def step():
        image_writer.write(np.zeros((60, 80, 3), np.uint8), frame_id=1)
        detection_writer.write(LaneMessage(x1=200, y1=600, x2=350, y2=360), None, frame_id=1, processing_time_ms=8.5)
        newest.update(viewer.poll(0.001))
        tool.poll()
        return tool.answers and newest.keys() == {"frame", "detection"}

    names = {
        "image_channel": closing(ImageChannel(directory=tmp_path)),
        "detection_channel": closing(DetectionChannel(directory=tmp_path)),
        "asdict": asdict,
        "running": Running(step),
    }
    exec(textwrap.dedent(BROKER_LOOP), names)
    assert capsys.readouterr().out == "Paused\n"
    assert tool.answers[0]["applied"] is True
    assert newest["frame"]["width"] == 80
    assert newest["detection"]["left_lane"]["x1"] == 200
    assert newest["detection"]["processing_time_ms"] == 8.5


def test_the_detection_server(ports, context, closing, clock):
    names = {}
    exec(textwrap.dedent(DETECTION_SERVER), names)

    class Detector:
        values: dict

        def update_parameter(self, name, value):
            if name != "canny_low":
                raise ParameterError(f"detection.{name}: no such parameter")
            self.values = {name: value}

    server = names["DetectionServer"]()
    server.detector = Detector()
    broker = closing(LKASBroker(clock=clock))  # with a real clock it would wait for 2 s only
    tool = closing(Dealer(context, ports.parameters))
    until(lambda: broker._to_servers.has_receiver("detection"), broker)

    def step():
        broker.poll()
        tool.poll()
        if not tool.answers:
            tool.send({"category": "detection", "name": "canny_low", "value": 60.0})
            until(lambda: tool.answers, tool, broker)
            if not tool.answers[-1]["ok"]:  # the table of the process has not arrived yet
                tool.answers.clear()
        return len(tool.answers) == 2

    server.running = Running(step)
    server.run()
    assert server.detector.values == {"canny_low": 60.0}
    assert tool.answers[-1]["applied"] == 60.0
    server.stop()


def test_the_system_works_without_a_broker(ports):
    with closed(ParameterClient(category="detection")) as client:
        for _ in range(10):
            client.poll()
            client.send_status("running", rate_hz=30.0)
            client.send_event("departure", "info", "left")
