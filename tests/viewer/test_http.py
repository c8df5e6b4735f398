import cv2
import httpx
import numpy as np
import pytest

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.stack import wait_until
from tests.support.viewer_process import TIMEOUT_S, get, running_viewer


def wait_for_response(url: str, status_code: int) -> httpx.Response:
    """Repeat the request until its status is this one, and return that response."""

    def response() -> httpx.Response | None:
        found = get(url)
        return found if found.status_code == status_code else None

    return wait_until(response, f"status {status_code} of {url}", TIMEOUT_S)


def test_health_is_ok_while_the_broker_is_alive(viewer):
    report = wait_for_response(viewer.url + "healthz", 200).json()
    assert report["status"] == "ok"
    assert report["reason"] is None


def test_health_names_a_missing_broker_and_its_command():
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer:
        response = get(viewer.url + "healthz")
        assert response.status_code == 503
        assert f"127.0.0.1:{ports.base}" in response.json()["reason"]
        assert "lkas --broadcast" in response.json()["reason"]
        snapshot = get(viewer.url + "snapshot.jpg")
        assert snapshot.status_code == 503
        assert "broker" in snapshot.text
        with FakeBroker(ports):  # started after the viewer
            wait_for_response(viewer.url + "healthz", 200)
            wait_for_response(viewer.url + "snapshot.jpg", 200)
        assert "silent for" in wait_for_response(viewer.url + "healthz", 503).json()["reason"]


def test_a_snapshot_is_the_camera_image(viewer):
    response = wait_for_response(viewer.url + "snapshot.jpg", 200)
    assert response.headers["content-type"] == "image/jpeg"
    assert cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_COLOR).shape == (600, 800, 3)


def test_a_snapshot_without_a_camera_names_the_reason(viewer, broker):
    broker.frames_on = False
    try:
        response = wait_for_response(viewer.url + "snapshot.jpg", 503)  # a frame in flight may still arrive
    finally:
        broker.frames_on = True
    assert "camera_feed" in response.text


def test_the_stream_is_motion_jpeg_with_different_images(viewer):
    images = []
    with httpx.stream("GET", viewer.url + "stream.mjpg?fps=30&quality=85", timeout=TIMEOUT_S) as response:
        assert response.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            while (end := body.find(b"\xff\xd9\r\n")) >= 0:
                head, _, jpeg = body[: end + 2].partition(b"\r\n\r\n")
                assert f"Content-Length: {len(jpeg)}".encode() in head
                images.append(jpeg)
                body = body[end + 4 :]
            if len(images) >= 3:
                break
    assert len({bytes(image) for image in images[:3]}) == 3


@pytest.mark.parametrize("query", ["fps=0", "fps=1000", "fps=fast", "fps=nan", "quality=0", "quality=101"])
def test_an_invalid_stream_setting_is_named_with_its_range(viewer, query):
    response = get(f"{viewer.url}stream.mjpg?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.text
    assert "from" in response.text


def test_frames_are_subscribed_to_only_while_there_are_viewers(viewer, broker):
    with httpx.stream("GET", viewer.url + "stream.mjpg", timeout=TIMEOUT_S):
        wait_until(lambda: broker.has_frame_subscribers, "a subscription to frames", TIMEOUT_S)
    wait_until(lambda: not broker.has_frame_subscribers, "no subscription to frames", TIMEOUT_S)


def test_the_files_of_the_page_have_the_right_content_types(viewer):
    assert "<title>lkas</title>" in get(viewer.url).text
    assert "javascript" in get(viewer.url + "js/main.js").headers["content-type"]
    assert "javascript" in get(viewer.url + "vendor/uplot/uPlot.esm.js").headers["content-type"]
    assert "css" in get(viewer.url + "css/tokens.css").headers["content-type"]
    assert "MIT License" in get(viewer.url + "vendor/uplot/LICENSE").text


def test_malformed_broadcasts_are_counted_and_ignored(viewer, broker):
    before = get(viewer.url + "healthz").json()["malformed_messages"]
    broker.send(b"state", b"{")
    broker.send(b"frame", b"{}", b"")
    broker.send(b"state", b'{"type": "state"}', b"extra")
    wait_until(
        lambda: get(viewer.url + "healthz").json()["malformed_messages"] >= before + 2, "malformed messages", TIMEOUT_S
    )
    wait_for_response(viewer.url + "snapshot.jpg", 200)
