"""Cameras at an address, from real servers on loopback; and videos that are not what they seem."""

import contextlib
import functools
import http.server
import threading
import time

import cv2
import numpy as np
import pytest

from lkas.live_capture import is_live, name_of
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.world import open_source
from simulation.world import WorldEnded, WorldError, WorldUnavailable, WorldUnreachable
from tests.simulation.video.files import HEIGHT_PX, WIDTH_PX, index_of, interlaced_video, write_video
from tests.support.stack import closed_port, free_port
from tests.support.streams import MjpegServer, RtspServer, UdpSender

DEADLINE_S = 120.0


@contextlib.contextmanager
def world_of(source, **keys):
    world = open_source(SimulationConfig(source=str(source), **keys), CameraConfig(), VehicleConfig())
    try:
        yield world
    finally:
        world.close()


def next_images(world, count):
    """The indices of the next images."""
    deadline_s = time.monotonic() + DEADLINE_S
    rgb = np.empty((world.height_px, world.width_px, 3), np.uint8)
    found = []
    while len(found) < count:
        assert time.monotonic() < deadline_s, "no more images"
        with contextlib.suppress(WorldUnavailable):
            tick = world.tick(None)
            if tick.frame is not None:
                tick.frame.render_into(rgb)
                found.append(index_of(rgb))
        time.sleep(0.002)
    return found


def until_unavailable(world):
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        try:
            world.tick(None)
        except WorldUnavailable as error:
            return str(error)
        time.sleep(0.01)
    raise AssertionError("the world stays available")


@pytest.mark.parametrize("kind", [MjpegServer, RtspServer, UdpSender])
def test_a_stream_is_a_camera(kind, tmp_path):
    server = UdpSender(tmp_path, free_port()) if kind is UdpSender else kind()
    with contextlib.closing(server), world_of(server.address) as world:
        assert (world.width_px, world.height_px) == (WIDTH_PX, HEIGHT_PX)
        assert "secret" not in world.name
        assert len(set(next_images(world, 12))) > 3


@pytest.mark.parametrize("kind", [MjpegServer, RtspServer])
def test_a_lost_connection_is_said_and_opened_again(kind):
    server = kind()
    with world_of(server.address) as world:
        next_images(world, 3)
        server.close()
        assert "no image for 3 s" in until_unavailable(world)
        with contextlib.closing(kind(server.port)):
            next_images(world, 3)


def test_a_stream_that_stalls_is_said_and_goes_on():
    with contextlib.closing(MjpegServer()) as server, world_of(server.address) as world:
        next_images(world, 3)
        server.silent = True
        assert "no image for 3 s" in until_unavailable(world)
        server.silent = False
        next_images(world, 3)


def test_an_address_without_a_server_is_unreachable():
    with (
        closed_port() as port,
        pytest.raises(WorldUnreachable) as caught,
        world_of(f"rtsp://me:secret@127.0.0.1:{port}/"),
    ):
        pass
    assert f"rtsp://127.0.0.1:{port}/: no image within 5 s; is 127.0.0.1 on" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_video_at_an_address_without_a_server_is_unreachable():
    with closed_port() as port, pytest.raises(WorldUnreachable) as caught:
        open_source(
            SimulationConfig(source=f"http://me:secret@127.0.0.1:{port}/a.mp4"), CameraConfig(), VehicleConfig()
        )
    assert str(caught.value).startswith(f"http://127.0.0.1:{port}/a.mp4: no video to be read there")


def test_a_video_at_an_address_is_played_to_its_end(tmp_path):
    write_video(tmp_path / "drive.avi", frames=5)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with world_of(f"http://127.0.0.1:{server.server_address[1]}/drive.avi") as world:
            assert next_images(world, 5) == [0, 1, 2, 3, 4]
            with pytest.raises(WorldEnded, match=r"drive\.avi is over"):
                world.tick(None)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("0", True),
        ("rtsp://a/b", True),
        ("UDP://:5000", True),
        ("/dev/null", True),
        ("drive.mp4", False),
        ("a://b", False),
    ],
)
def test_what_is_live(source, expected):
    assert is_live(source) is expected


def test_a_password_is_not_shown():
    assert name_of("rtsp://me:pass@host:554/cam@1") == "rtsp://host:554/cam@1"
    assert name_of("3") == "camera 3"


def test_an_interlaced_video_is_refused_with_what_to_do(tmp_path):
    video = interlaced_video(tmp_path / "tv.mpg")
    with pytest.raises(WorldError, match=r"tv\.mpg: its frames stay empty.*interlaced.*ffmpeg -i .*tv\.mpg -vf yadif"):
        open_source(SimulationConfig(source=str(video)), CameraConfig(), VehicleConfig())


def test_a_video_that_stands_still_is_a_video(tmp_path):
    path = tmp_path / "still.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (WIDTH_PX, HEIGHT_PX))
    for _ in range(30):
        writer.write(np.full((HEIGHT_PX, WIDTH_PX, 3), 60, np.uint8))
    writer.release()
    with world_of(path) as world:
        assert len(next_images(world, 30)) == 30


@pytest.mark.parametrize("loop", [False, True])
def test_a_truncated_video_is_named_at_its_end(tmp_path, loop, caplog):
    path = write_video(tmp_path / "drive.avi", frames=12)
    data = path.read_bytes()
    path.write_bytes(data[: 7 * len(data) // 10])
    sentence = r"drive\.avi: the video is damaged: \d+ of 12 frames could be read"
    with world_of(path, loop=loop) as world:
        if loop:
            next_images(world, 20)
            assert [record for record in caplog.records if "is damaged" in record.message][1:] == []
            assert "is damaged" in caplog.text
        else:
            with pytest.raises(WorldError, match=sentence):
                next_images(world, 13)
