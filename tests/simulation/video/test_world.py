"""Video files and folders of images as worlds."""

import math

import cv2
import numpy as np
import pytest

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.video.world import open_source
from simulation.world import WorldEnded, WorldError
from tests.simulation.fakes import control
from tests.simulation.video.files import (
    HEIGHT_PX,
    WIDTH_PX,
    image,
    index_of,
    rotated_jpeg,
    rotated_video,
    write_folder,
    write_video,
)


def open_world(source, **keys):
    keys = {"source": str(source), **keys}
    return open_source(SimulationConfig(**keys), CameraConfig(rate_hz=20.0), VehicleConfig(max_steer_deg=30.0))


def shown(world, ticks):
    """(index, timestamp, frame_id) of the next frames."""
    rgb = np.empty((world.height_px, world.width_px, 3), np.uint8)
    for _ in range(ticks):
        frame = world.tick(None).frame
        frame.render_into(rgb)
        yield index_of(rgb), frame.timestamp, frame.frame_id


def test_a_video_delivers_each_frame_once_at_its_rate_and_ends(tmp_path):
    world = open_world(write_video(tmp_path / "drive.avi", frames=10, rate_hz=25.0))
    assert (world.width_px, world.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert world.tick_s == pytest.approx(0.04)
    expected = [(n, pytest.approx(n / 25), n + 1) for n in range(10)]
    assert list(shown(world, 10)) == expected
    with pytest.raises(WorldEnded, match=r"drive\.avi is over"):
        world.tick(None)
    world.close()


def test_world_time_and_frame_ids_continue_over_loops(tmp_path):
    world = open_world(write_video(tmp_path / "drive.avi", frames=4), loop=True)
    indices, times, frame_ids = zip(*shown(world, 14), strict=True)
    assert indices == (0, 1, 2, 3) * 3 + (0, 1)
    assert times == tuple(pytest.approx(n / 25) for n in range(14))
    assert frame_ids == tuple(range(1, 15))
    world.close()


def test_a_video_reports_its_assumed_speed_and_none_for_unknown_values(tmp_path):
    world = open_world(write_video(tmp_path / "drive.avi"), film_speed_mps=17.0)
    tick = world.tick(control(steering=0.5))
    state = tick.state
    assert (state.speed_mps, state.tick_s, state.session) == (17.0, pytest.approx(0.04), world.session)
    assert state.max_steer_rad == pytest.approx(math.radians(30.0))
    unknown = (state.yaw_rate_radps, state.steering_angle_rad, state.pose, state.camera, tick.truth)
    assert unknown == (None,) * 5
    world.close()


def test_frames_are_rgb(tmp_path):
    world = open_world(write_folder(tmp_path / "images", ["0.png"]))
    rgb = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    world.tick(None).frame.render_into(rgb)
    assert (rgb[0] == (255, 0, 0)).all()


def test_a_folder_is_played_in_natural_order_of_its_names(tmp_path):
    folder = write_folder(tmp_path / "images", ["1.png", "2.png", "10.png", "b.png"])
    (folder / "notes.txt").write_text("not an image")
    world = open_world(folder)
    assert world.tick_s == pytest.approx(1 / 20)
    assert [index for index, *_ in shown(world, 4)] == [0, 1, 2, 3]
    with pytest.raises(WorldEnded):
        world.tick(None)


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_a_configured_rate_overrides_the_rate_of_the_file(tmp_path, kind):
    source = write_video(tmp_path / "a.avi") if kind == "video" else write_folder(tmp_path / "images", ["0.png"])
    assert open_world(source, film_rate_hz=50.0).tick_s == pytest.approx(0.02)


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_respawn_restarts_the_video_and_world_time_continues(tmp_path, kind):
    names = [f"{n}.png" for n in range(5)]
    source = write_video(tmp_path / "a.avi", 5) if kind == "video" else write_folder(tmp_path / "images", names)
    world = open_world(source)
    list(shown(world, 3))
    world.respawn()
    (index, timestamp, frame_id), *_ = shown(world, 1)
    assert (index, timestamp, frame_id) == (0, pytest.approx(3 * world.tick_s), 4)
    world.close()


def test_two_worlds_of_one_video_have_different_sessions(tmp_path):
    source = write_folder(tmp_path / "images", ["0.png"])
    assert 0 < open_world(source).session != open_world(source).session < 2**53


def test_errors_name_the_invalid_source_and_the_remedy(tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("these are words")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "0.png").write_text("these are words")
    for name, words in {
        "missing.mp4": "no such video file or folder of images; check --source",
        "text.mp4": "neither an image nor a video that OpenCV can decode",
        "empty": "no images in this folder; expected files ending in .bmp",
        "broken": "not an image that OpenCV can read",
    }.items():
        with pytest.raises(WorldError, match=rf"{name}.*{words}"):
            open_world(tmp_path / name)
    with pytest.raises(WorldError, match="camera 97: not found"):
        open_world("97")
    with pytest.raises(WorldError, match="needs --source"):
        open_source(SimulationConfig(), CameraConfig(), VehicleConfig())
    assert capfd.readouterr() == ("", "")  # no output of OpenCV and FFmpeg


def test_an_image_of_another_size_is_an_error(tmp_path):
    folder = write_folder(tmp_path / "images", ["0.png"])
    cv2.imwrite(str(folder / "1.png"), image(1, width_px=128))
    world = open_world(folder)
    world.tick(None)
    with pytest.raises(WorldError, match=r"1\.png: 128 x 64 px, expected 96 x 64 px"):
        world.tick(None)


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_a_video_starts_at_its_configured_position_also_after_a_loop(tmp_path, kind):
    names = [f"{n}.png" for n in range(6)]
    source = write_video(tmp_path / "a.avi", 6) if kind == "video" else write_folder(tmp_path / "images", names)
    world = open_world(source, film_rate_hz=25.0, film_start_s=0.12, loop=True)
    indices, times, _ = zip(*shown(world, 7), strict=True)
    assert indices == (3, 4, 5) * 2 + (3,)
    assert times == tuple(pytest.approx(n / 25) for n in range(7))
    world.respawn()
    assert next(iter(shown(world, 1)))[0] == 3
    world.close()
    with pytest.raises(WorldError, match=r"ends before simulation\.film_start_s = 9 s; start earlier"):
        open_world(source, film_rate_hz=25.0, film_start_s=9.0)


def test_an_image_is_rotated_by_its_exif_orientation(tmp_path):
    (tmp_path / "images").mkdir()
    rotated_jpeg(tmp_path / "images" / "0.jpg", orientation=6)
    world = open_world(tmp_path / "images")
    assert (world.width_px, world.height_px) == (HEIGHT_PX, WIDTH_PX)
    rgb = np.empty((world.height_px, world.width_px, 3), np.uint8)
    world.tick(None).frame.render_into(rgb)
    assert rgb[:, -8].mean(axis=0) == pytest.approx((255, 0, 0), abs=8)  # the top strip is now on the right


def test_a_video_is_rotated_by_its_header(tmp_path):
    world = open_world(rotated_video(tmp_path / "phone.mp4"))
    assert (world.width_px, world.height_px) == (HEIGHT_PX, WIDTH_PX)
    rgb = np.empty((world.height_px, world.width_px, 3), np.uint8)
    for _ in range(4):
        world.tick(None).frame.render_into(rgb)
    assert rgb[:, -8].mean(axis=0) == pytest.approx((255, 0, 0), abs=20)
    with pytest.raises(WorldEnded):
        world.tick(None)
    world.close()


def test_a_calibration_file_gives_the_camera_geometry(tmp_path):
    video, file = write_video(tmp_path / "drive.avi"), tmp_path / "camera.yaml"
    file.write_text("camera: {hfov_deg: 60, height_m: 1.2, pitch_deg: 3}")
    world = open_world(video, calibration=str(file))
    camera = world.tick(None).state.camera
    assert camera.focal_px == pytest.approx(WIDTH_PX / 2 / math.tan(math.radians(30)))
    assert (camera.height_m, camera.pitch_rad) == (1.2, pytest.approx(math.radians(3)))
    world.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("camera: {hfov_deg: 60}", r"camera: no height_m, pitch_deg; expected hfov_deg, height_m, pitch_deg"),
        ("camera: {hfov: 60}", r"camera\.hfov: no such key"),
        ("camera: [", "camera.yaml"),
        (None, "camera.yaml"),
    ],
)
def test_an_invalid_calibration_file_is_named(tmp_path, text, words):
    file = tmp_path / "camera.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(WorldError, match=rf"simulation\.calibration: .*{words}"):
        open_world(write_video(tmp_path / "drive.avi"), calibration=str(file))
