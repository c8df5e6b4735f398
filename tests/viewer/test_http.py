import cv2
import httpx
import numpy as np
import pytest

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.stack import wait_until
from tests.support.viewer_process import PATIENCE_S, get, running_viewer


def becomes(condition):
    return wait_until(condition, "it becomes so", PATIENCE_S)


def answers(url: str, status_code: int) -> httpx.Response:
    """The first response with this status; before, the broker may not have been heard, or a frame late."""

    def response() -> httpx.Response | None:
        found = get(url)
        return found if found.status_code == status_code else None

    return becomes(response)


def test_health_is_fine_while_the_broker_is_heard(viewer):
    report = answers(viewer.url + "healthz", 200).json()
    assert report["status"] == "ok"
    assert report["reason"] is None


def test_health_names_a_silent_broker_and_what_to_do():
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer:
        response = get(viewer.url + "healthz")
        assert response.status_code == 503
        assert f"127.0.0.1:{ports.base}" in response.json()["reason"]
        assert "lkas --broadcast" in response.json()["reason"]
        picture = get(viewer.url + "snapshot.jpg")
        assert picture.status_code == 503
        assert "broker" in picture.text
        with FakeBroker(ports):  # it comes later, and is found
            answers(viewer.url + "healthz", 200)
            answers(viewer.url + "snapshot.jpg", 200)
        assert "silent for" in answers(viewer.url + "healthz", 503).json()["reason"]


def test_a_snapshot_is_the_picture(viewer):
    response = answers(viewer.url + "snapshot.jpg", 200)
    assert response.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR).shape == (600, 800, 3)


def test_a_snapshot_without_a_camera_says_so(viewer, broker):
    broker.frames_on = False
    try:
        response = answers(viewer.url + "snapshot.jpg", 503)  # one that was under way may come before
    finally:
        broker.frames_on = True
    assert "camera_feed" in response.text


def test_the_stream_is_motion_jpeg_with_moving_pictures(viewer):
    pictures = []
    with httpx.stream("GET", viewer.url + "stream.mjpg?fps=30&quality=85", timeout=PATIENCE_S) as response:
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
    response = get(f"{viewer.url}stream.mjpg?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.text
    assert "from" in response.text


def test_nobody_watching_means_no_frames_are_asked_for(viewer, broker):
    with httpx.stream("GET", viewer.url + "stream.mjpg", timeout=PATIENCE_S):
        becomes(lambda: broker.has_frame_subscribers)
    becomes(lambda: not broker.has_frame_subscribers)


def test_the_page_and_its_parts_are_served_with_their_types(viewer):
    assert "<title>lkas</title>" in get(viewer.url).text
    assert "javascript" in get(viewer.url + "js/main.js").headers["content-type"]
    assert "javascript" in get(viewer.url + "vendor/uplot/uPlot.esm.js").headers["content-type"]
    assert "css" in get(viewer.url + "css/tokens.css").headers["content-type"]
    assert "MIT License" in get(viewer.url + "vendor/uplot/LICENSE").text


def test_malformed_broadcasts_are_counted_and_change_nothing(viewer, broker):
    before = get(viewer.url + "healthz").json()["malformed_messages"]
    broker.send(b"state", b"{")
    broker.send(b"frame", b"{}", b"")
    broker.send(b"state", b'{"type": "state"}', b"extra")
    becomes(lambda: get(viewer.url + "healthz").json()["malformed_messages"] >= before + 2)
    answers(viewer.url + "snapshot.jpg", 200)
