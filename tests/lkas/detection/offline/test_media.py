"""Images and videos from disk."""

import cv2
import numpy as np
import pytest

from lkas.detection.offline.media import MediaError, MediaFrame, Unreadable, open_inputs, read_image
from tests.lkas.detection.straight_road import road_image, write_image, write_video


def names_and_times(clip):
    return [(item.name, item.timestamp) for item in clip.frames() if isinstance(item, MediaFrame)]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "drive"
    folder.mkdir()
    for name in ("frame10.png", "frame2.png", "frame1.PNG", ".hidden.png"):
        write_image(folder / "written.png", road_image(64, 48)).rename(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_an_image_is_red_green_blue(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0] = 200
    assert read_image(write_image(tmp_path / "red.png", image))[0, 0].tolist() == [200, 0, 0]


def test_a_folder_is_in_natural_order(folder):
    (clip,) = open_inputs([str(folder)], sequence=False, rate_hz=10)
    assert names_and_times(clip) == [(f"{folder}/{name}", None) for name in ("frame1.PNG", "frame2.png", "frame10.png")]


def test_a_folder_keeps_the_name_it_was_given(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for given in ("drive", "drive/", "./drive"):
        (clip,) = open_inputs([given], sequence=False, rate_hz=10)
        assert names_and_times(clip)[0][0] == given.rstrip("/") + "/frame1.PNG"


def test_a_sequence_is_one_video_per_folder_and_one_of_all_single_images(folder):
    single = [str(folder / "frame10.png"), str(folder / "frame2.png")]
    clips = open_inputs([*single, str(folder)], sequence=True, rate_hz=10)
    assert [[time for _, time in names_and_times(clip)] for clip in clips] == [[0.0, 0.1], [0.0, 0.1, 0.2]]


def test_a_pattern_selects_its_matches(folder):
    (clip,) = open_inputs([f"{folder}/*1*"], sequence=False, rate_hz=10)
    assert [name for name, _ in names_and_times(clip)] == [f"{folder}/frame1.PNG", f"{folder}/frame10.png"]


def test_a_video_names_and_times_its_frames(tmp_path):
    video = write_video(tmp_path / "drive.avi", 5)
    (clip,) = open_inputs([str(video)], sequence=False, rate_hz=10)
    assert clip.length == 5
    assert names_and_times(clip) == [(f"{video}#{n}", pytest.approx(n / 25)) for n in range(5)]


def test_a_truncated_video_yields_its_frames_and_then_the_reason(tmp_path):
    video = write_video(tmp_path / "drive.avi", 60)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    *frames, last = open_inputs([str(video)], sequence=False, rate_hz=10)[0].frames()
    assert 10 < len(frames) < 60
    assert all(isinstance(frame, MediaFrame) for frame in frames)
    assert isinstance(last, Unreadable)
    assert last.reason == f"{video}: the video is damaged: {len(frames)} of 60 frames could be read"


def test_an_unreadable_image_does_not_end_a_folder(folder):
    (folder / "frame2.png").write_bytes(b"not an image")
    items = list(open_inputs([str(folder)], sequence=True, rate_hz=10)[0].frames())
    assert [isinstance(item, Unreadable) for item in items] == [False, True, False]
    assert items[2].timestamp == 0.2, "its time still counts"


def test_a_truncated_jpeg_is_an_error(tmp_path):
    path = write_image(tmp_path / "road.jpg", road_image(320, 240))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(MediaError, match=r"road\.jpg: the image is truncated after \d+ bytes"):
        read_image(path)


def test_a_camera_yields_frames_until_it_is_disconnected(tmp_path, monkeypatch):
    """A video replaces the camera: `cv2.VideoCapture` opens both."""
    video = write_video(tmp_path / "drive.avi", 3)
    opened = []

    def open_camera(number, capture=cv2.VideoCapture):
        opened.append(number)
        return capture(str(video))

    monkeypatch.setattr(cv2, "VideoCapture", open_camera)
    (clip,) = open_inputs(["7"], sequence=False, rate_hz=10)
    *frames, last = clip.frames()
    assert opened == [7]
    assert clip.length is None
    assert [frame.name for frame in frames] == ["camera 7#0", "camera 7#1", "camera 7#2"]
    assert frames[0].timestamp < frames[1].timestamp < frames[2].timestamp
    assert last.reason == "camera 7: it stopped after 3 frames"


def test_a_file_named_like_a_camera_is_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "drive.avi", 3).rename("7")
    (clip,) = open_inputs(["7"], sequence=False, rate_hz=10)
    assert clip.length == 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("missing.png", "no such file or folder"),
        ("missing/*.png", "matches no file"),
        ("empty", "no image in this folder"),
        ("text.mp4", "neither an image nor a video that OpenCV can decode"),
    ],
)
def test_an_unusable_input_is_named_with_the_reason(tmp_path, monkeypatch, given, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(MediaError, match=reason) as caught:
        open_inputs([given], sequence=False, rate_hz=10)
    assert str(caught.value).startswith(f"{given}: ")
