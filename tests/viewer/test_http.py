import time

import cv2
import httpx
import numpy as np
import pytest

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.viewer_process import running_viewer


def wait_until(condition, timeout_s: float = 10.0) -> None:
    """Poll until it is so; fails after the time is over."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.02)


def test_health_is_fine_while_the_broker_is_heard(viewer):
    wait_until(lambda: httpx.get(viewer.url + "healthz").status_code == 200)
    report = httpx.get(viewer.url + "healthz").json()
    assert report["status"] == "ok"
    assert report["reason"] is None


def test_health_names_a_silent_broker_and_what_to_do():
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer:
        response = httpx.get(viewer.url + "healthz")
        assert response.status_code == 503
        assert f"127.0.0.1:{ports.base}" in response.json()["reason"]
        assert "lkas --broadcast" in response.json()["reason"]
        picture = httpx.get(viewer.url + "snapshot.jpg", timeout=10)
        assert picture.status_code == 503
        assert "broker" in picture.text
        with FakeBroker(ports):  # it comes later, and is found
            wait_until(lambda: httpx.get(viewer.url + "healthz").status_code == 200)
            assert httpx.get(viewer.url + "snapshot.jpg", timeout=10).status_code == 200
        wait_until(lambda: httpx.get(viewer.url + "healthz").status_code == 503)
        assert "silent for" in httpx.get(viewer.url + "healthz").json()["reason"]


def test_a_snapshot_is_the_picture(viewer):
    response = httpx.get(viewer.url + "snapshot.jpg", timeout=10)
    assert response.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR).shape == (600, 800, 3)


def test_a_snapshot_without_a_camera_says_so(viewer, broker):
    broker.frames_on = False
    try:
        response = httpx.get(viewer.url + "snapshot.jpg", timeout=10)
    finally:
        broker.frames_on = True
    assert response.status_code == 503
    assert "camera_feed" in response.text


def test_the_stream_is_motion_jpeg_with_moving_pictures(viewer):
    pictures = []
    with httpx.stream("GET", viewer.url + "stream.mjpg?fps=30&quality=85", timeout=10) as response:
        assert response.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            while (end := body.find(b"\xff\xd9\r\n")) >= 0:
                head, _, jpeg = body[: end + 2].partition(b"\r\n\r\n")
                assert f"Content-Length: {len(jpeg)}".encode() in head
                pictures.append(jpeg)
                body = body[end + 4 :]
            if len(pictures) >= 3:
                break
    assert len({bytes(picture) for picture in pictures[:3]}) == 3


@pytest.mark.parametrize("query", ["fps=0", "fps=1000", "fps=fast", "fps=nan", "quality=0", "quality=101"])
def test_a_wrong_stream_setting_is_named_with_what_is_allowed(viewer, query):
    response = httpx.get(f"{viewer.url}stream.mjpg?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.text
    assert "from" in response.text


def test_nobody_watching_means_no_frames_are_asked_for(viewer, broker):
    with httpx.stream("GET", viewer.url + "stream.mjpg", timeout=10):
        wait_until(lambda: broker.frame_subscribers > 0)
    wait_until(lambda: broker.frame_subscribers == 0)


def test_the_page_and_its_parts_are_served_with_their_types(viewer):
    assert "<title>lkas</title>" in httpx.get(viewer.url).text
    assert "javascript" in httpx.get(viewer.url + "js/main.js").headers["content-type"]
    assert "javascript" in httpx.get(viewer.url + "vendor/uplot/uPlot.esm.js").headers["content-type"]
    assert "css" in httpx.get(viewer.url + "css/tokens.css").headers["content-type"]
    assert "MIT License" in httpx.get(viewer.url + "vendor/uplot/LICENSE").text


def test_malformed_broadcasts_are_counted_and_change_nothing(viewer, broker):
    before = httpx.get(viewer.url + "healthz").json()["malformed_messages"]
    broker.send(b"state", b"{")
    broker.send(b"frame", b"{}", b"")
    broker.send(b"state", b'{"type": "state"}', b"extra")
    wait_until(lambda: httpx.get(viewer.url + "healthz").json()["malformed_messages"] >= before + 2)
    assert httpx.get(viewer.url + "snapshot.jpg", timeout=10).status_code == 200
