from contextlib import ExitStack, suppress
from itertools import count

import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import SESSION, FakeBroker
from tests.support.page_client import (
    close_code,
    final_ack,
    next_frame,
    next_frame_id,
    of_type,
    receive,
    request,
    send,
)
from tests.support.stack import wait_until
from tests.support.viewer_process import TIMEOUT_S, running_viewer
from viewer.wire import MAX_CREDIT


@pytest.fixture(autouse=True)
def frames_on(broker):
    yield
    broker.frames_on = True


@pytest.fixture
def page(viewer):
    with connect(viewer.websocket_url) as connection:
        yield connection


@pytest.mark.parametrize("topic", ["viewer", "state", "control", "detection", "health", "parameters"])
def test_every_topic_reaches_the_page(page, topic):
    assert receive(page, of_type(topic))["type"] == topic


def test_a_page_gets_the_newest_frame_and_only_for_credit(page, broker):
    with pytest.raises(TimeoutError):
        receive(page, lambda message: isinstance(message, bytes), timeout_s=0.5)
    send(page, type="credit", frames=1)
    _, _, session, first = next_frame(page)
    assert session == SESSION
    with pytest.raises(TimeoutError):
        receive(page, lambda message: isinstance(message, bytes), timeout_s=0.5)
    newest = stop_frames(broker, page)
    send(page, type="credit", frames=1)
    assert next_frame_id(page) == newest > first


def stop_frames(broker, page) -> int:
    """Stop the frames and wait until the viewer has the last one; return its number."""
    newest = broker.stop_frames()
    receive(page, lambda message: of_type("state")(message) and message["frame_id"] == newest)
    return newest


def test_a_stalled_page_needs_no_memory_and_delays_no_other(viewer, broker):
    process = psutil.Process(viewer.process.pid)
    with ExitStack() as opened:
        stalled = [
            opened.enter_context(connect(viewer.websocket_url, max_queue=1, close_timeout=0.1, ping_interval=None))
            for _ in range(5)
        ]
        reading = opened.enter_context(connect(viewer.websocket_url))

        def read_frames(count: int) -> None:
            for connection in stalled:  # they grant credit and never read
                send(connection, type="credit", frames=MAX_CREDIT)
            for _ in range(count):
                send(reading, type="credit", frames=1)
                next_frame_id(reading)

        read_frames(20)
        before = process.memory_info().rss
        for _ in range(3):
            read_frames(20)
        assert process.memory_info().rss - before < 8 << 20
        read = broker.frame_id
        wait_until(lambda: broker.frame_id > read + 5, "frames that no page reads", TIMEOUT_S)
        newest = stop_frames(broker, reading)
        send(reading, type="credit", frames=1)
        assert next_frame_id(reading) == newest  # no older frame out of a queue


def test_an_action_is_answered_and_carried_out(viewer, page, broker):
    assert request(page, type="action", action="respawn")["applied"] is True
    assert "respawn" in broker.actions
    with connect(viewer.websocket_url) as other:
        assert receive(other, lambda m: of_type("event")(m) and m["name"] == "respawn")


def test_an_unknown_action_is_refused_with_its_name(page):
    ack = request(page, type="action", action="fly")
    assert not ack["ok"]
    assert "fly" in ack["error"]


def value_in(table: dict, name: str):
    return next(entry["value"] for entry in table["parameters"] if entry["name"] == name)


def test_a_change_of_a_parameter_reaches_every_page(viewer, page, broker):
    with connect(viewer.websocket_url) as other:
        receive(other, of_type("parameters"))
        ack = request(page, type="parameter", category="detection", name="canny_low", value=61.0)
        assert (ack["ok"], ack["applied"], ack["active"]) == (True, 61.0, False)
        receive(other, lambda m: of_type("parameters")(m) and value_in(m, "canny_low") == 61.0)
    assert broker.values["detection", "canny_low"] == 61.0


def test_a_value_out_of_range_is_refused_with_the_range(page):
    ack = request(page, type="parameter", category="detection", name="canny_low", value=9000)
    assert not ack["ok"]
    assert "from 1 to 150" in ack["error"]


def test_two_pages_may_use_the_same_request_ids(viewer, broker):
    with connect(viewer.websocket_url) as one, connect(viewer.websocket_url) as two:
        request_ids = map(str, count(1))

        def applied() -> list | None:
            """None while the broker is not connected or does not answer."""
            request_id = next(request_ids)
            send(one, type="parameter", category="detection", name="canny_low", value=30, request_id=request_id)
            send(two, type="parameter", category="detection", name="canny_high", value=130, request_id=request_id)
            values = [final_ack(connection, request_id)["applied"] for connection in (one, two)]
            return None if None in values else values

        assert wait_until(applied, "both have their answers", TIMEOUT_S) == [30, 130]


def test_a_broker_that_does_not_answer_is_reported(page, broker):
    broker.answers = False
    try:
        send(page, type="action", action="pause", request_id="silent")
        ack = final_ack(page, "silent")
    finally:
        broker.answers = True
    assert not ack["ok"]
    assert "no answer from the broker" in ack["error"]


@pytest.mark.parametrize("text", ["{", '{"type": "shutdown"}', '{"type": "credit", "frames": -1}', "\x00"])
def test_an_invalid_message_closes_the_connection_with_the_reason(page, text):
    page.send(text)
    assert close_code(page) == 1008
    assert page.close_reason


def test_a_binary_message_closes_the_connection(page):
    page.send(b"\x00")
    assert close_code(page) == 1008


def test_a_large_message_closes_the_connection(page):
    page.send("x" * 10_000)
    assert close_code(page) == 1009


def test_a_flood_closes_the_connection(page):
    with suppress(ConnectionClosed):  # may happen before all is sent
        for _ in range(2000):
            send(page, type="credit", frames=1)
    assert close_code(page) == 1008


def test_one_page_too_many_is_refused_with_the_limit(ports, broker):
    with (
        running_viewer(ports, "--set", "viewer.max_clients=1") as viewer,
        connect(viewer.websocket_url) as first,
    ):
        receive(first, of_type("viewer"))
        with connect(viewer.websocket_url) as second:
            assert close_code(second) == 1013
            assert "viewer.max_clients = 1" in str(second.close_reason)


def test_without_a_broker_a_request_fails_at_once_and_is_not_kept():
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer, connect(viewer.websocket_url) as page:
        send(page, type="action", action="respawn", request_id="1")
        assert "not connected to the broker" in final_ack(page, "1")["error"]
        request_ids = map(str, count(2))

        def pause() -> bool:
            """Each socket of the viewer connects to the broker by itself."""
            request_id = next(request_ids)
            send(page, type="action", action="pause", request_id=request_id)
            return final_ack(page, request_id)["applied"] is True

        with FakeBroker(ports) as broker:
            wait_until(pause, "an answer of the broker", TIMEOUT_S)
            assert {*broker.actions} == {"pause"}
