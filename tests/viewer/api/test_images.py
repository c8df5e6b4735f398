"""Camera over HTTP under load: many clients, clients that do not read, a paused world, no broker."""

import concurrent.futures
import socket

import cv2
import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from lkas.integration.shared_memory import ImageChannel
from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.stack import wait_until
from tests.support.viewer_process import TIMEOUT_S, get, running_viewer


@pytest.fixture(scope="module")
def stack():
    """A broker and a viewer with eight seats."""
    ports = Ports(free_port_base())
    with FakeBroker(ports) as broker, running_viewer(ports, "--set", "viewer.max_clients=8") as viewer:
        wait_until(lambda: get(viewer.url + "snapshot.jpg").status_code == 200, "frames", TIMEOUT_S)
        yield broker, viewer


def size_of(jpeg: bytes) -> tuple[int, int]:
    height, width = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width, height


def encoded(viewer) -> float:
    line = next(
        line for line in get(viewer.url + "metrics").text.splitlines() if line.startswith("lkas_viewer_encoded")
    )
    return float(line.split()[-1])


def test_a_hundred_snapshots_at_once_are_all_answered(stack):
    _, viewer = stack
    with concurrent.futures.ThreadPoolExecutor(100) as pool, httpx.Client(timeout=TIMEOUT_S) as client:
        answers = list(pool.map(lambda _: client.get(viewer.url + "snapshot.jpg"), range(100)))
    assert {answer.status_code for answer in answers} == {200}


def test_quality_and_width_are_honoured_and_encoded_once(stack):
    _, viewer = stack
    whole = get(viewer.url + "snapshot.jpg")
    assert size_of(get(viewer.url + "snapshot.jpg?width=330").content) == (320, 240)
    assert len(get(viewer.url + "snapshot.jpg?quality=20").content) < 0.7 * len(whole.content)
    before = encoded(viewer)
    with concurrent.futures.ThreadPoolExecutor(20) as pool, httpx.Client(timeout=TIMEOUT_S) as client:
        frames = list(pool.map(lambda _: client.get(viewer.url + "snapshot.jpg?width=160"), range(20)))
    assert encoded(viewer) - before <= len({frame.headers["x-frame-id"] for frame in frames})


def test_each_part_of_a_stream_says_which_frame_it_is(stack):
    _, viewer = stack
    with httpx.stream("GET", viewer.url + "stream.mjpg?width=160&fps=20", timeout=TIMEOUT_S) as response:
        text = b""
        for chunk in response.iter_bytes():
            text += chunk
            if text.count(b"X-Frame-Id: ") > 2:
                break
    assert text.startswith(b"--lkas-frame\r\n")
    assert text.count(b"X-Timestamp: ") > 2


def test_the_head_of_a_stream_keeps_no_seat(stack):
    _, viewer = stack
    for _ in range(20):
        assert httpx.head(viewer.url + "stream.mjpg", timeout=TIMEOUT_S).status_code == 200
    wait_until(lambda: get(viewer.url + "healthz").json()["viewers"] == 0, "no seat is taken", TIMEOUT_S)


def test_streams_leave_seats_to_pages_and_lose_theirs_when_they_do_not_read(stack):
    _, viewer = stack
    stalled = []
    try:
        for _ in range(12):
            client = socket.create_connection(("127.0.0.1", viewer.port), timeout=TIMEOUT_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /stream.mjpg?fps=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stalled.append(client)  # and never reads
        wait_until(lambda: get(viewer.url + "stream.mjpg").status_code == 503, "no seat for another stream", TIMEOUT_S)
        assert "no seat is left for another stream" in get(viewer.url + "stream.mjpg").json()["detail"]
        with connect(viewer.websocket_url, open_timeout=TIMEOUT_S) as page:
            assert page.recv(timeout=TIMEOUT_S)
        wait_until(lambda: get(viewer.url + "healthz").json()["viewers"] == 0, "their seats are free", TIMEOUT_S)
    finally:
        for client in stalled:
            client.close()


def test_a_newcomer_of_a_paused_world_gets_the_newest_frame(stack):
    broker, viewer = stack
    last = broker.stop_frames()
    broker.paused = True
    try:
        wait_until(lambda: get(viewer.url + "api/v1/state").json()["state"]["paused"], "paused", TIMEOUT_S)

        def is_newest() -> bool:
            found = get(viewer.url + "snapshot.jpg")
            return found.status_code == 200 and int(found.headers["x-frame-id"]) == last

        wait_until(is_newest, "the newest frame", TIMEOUT_S)
        with httpx.stream("GET", viewer.url + "stream.mjpg", timeout=TIMEOUT_S) as response:
            assert any(b"X-Frame-Id" in chunk for chunk in response.iter_bytes())
    finally:
        broker.paused, broker.frames_on = False, True


def test_a_capture_process_alone_is_served():
    instance = f"capture-{free_port_base()}"
    images = ImageChannel(create=True, width=64, height=48, instance=instance)
    try:
        with running_viewer(Ports(free_port_base()), environment={"LKAS_INSTANCE": instance}) as viewer:
            number = iter(range(1, 1_000_000))

            def shown() -> bool:
                images.write(np.full((48, 64, 3), 200, np.uint8), frame_id=next(number), session=3)
                return get(viewer.url + "snapshot.jpg").status_code == 200

            wait_until(shown, "the frame of the channel", TIMEOUT_S)
    finally:
        images.close()
        images.unlink()


def test_another_site_gets_no_frames_and_a_proxy_says_its_name(stack):
    _, viewer = stack
    image_tag = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert get(viewer.url + "snapshot.jpg", headers=image_tag).status_code == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert get(viewer.url, headers=link).status_code == 200
    with running_viewer(Ports(free_port_base()), "--set", "viewer.allowed_hosts=car.example") as named:
        for origin, status in (("https://car.example", 200), ("https://other.example", 403)):
            assert get(named.url, headers={"Origin": origin}).status_code == status
            assert get(named.url, headers={"Host": origin.removeprefix("https://")}).status_code == status
