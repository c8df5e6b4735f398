"""`lkas detect` as a user runs it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from lkas.cli import main
from tests.lkas.detection.straight_road import road_image, true_column, write_image, write_video

COMMAND = [sys.executable, "-c", "from lkas.cli import main; main()", "detect"]
CHECKOUT = Path(__file__).parents[4]
DEADLINE_S = 180.0


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", **more}


def detect(*arguments, cwd):
    return subprocess.run(
        [*COMMAND, *map(str, arguments), "--method", "hough"],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def lines_of(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "frames").mkdir()
    for number in (1, 2, 10):
        write_image(tmp_path / "frames" / f"{number}.png", road_image(seed=number))
    return tmp_path


def test_a_folder_becomes_json_lines_and_a_table(folder):
    run = detect("frames", "--jsonl", "lanes.jsonl", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert "100.0%" in run.stdout
    lines = lines_of(folder / "lanes.jsonl")
    assert [line["raw_file"] for line in lines] == ["frames/1.png", "frames/2.png", "frames/10.png"]
    for line in lines:
        assert line["h_samples"] == list(range(0, 490, 10))
        assert line["ego"] == [0, 1]
        assert line["run_time"] > 0
        assert all(0 < confidence <= 1 for confidence in line["confidence"])
        for side, lane in enumerate(line["lanes"]):
            seen = {row: column for row, column in zip(line["h_samples"], lane, strict=True) if column != -2}
            assert max(seen) == 470
            assert min(seen) > 240, "nothing above the horizon"
            for row in (300, 400, 470):
                assert seen[row] == pytest.approx(true_column(side, row), abs=8)


def test_annotated_images_show_the_lines(folder):
    run = detect("frames", "frames/1.png", "--annotate", "out", cwd=folder)
    assert run.returncode == 0, run.stderr
    drawn = {path.name: cv2.imread(str(path)) for path in (folder / "out").iterdir()}
    assert sorted(drawn) == ["1.jpg", "10.jpg", "1_2.jpg", "2.jpg"], "no image overwrites another one"
    column = round(true_column(0, 400))
    blue, _, red = drawn["1.jpg"][400, column - 8 : column + 9].astype(int).T
    assert (red - blue).max() > 150, "the left line is red"
    assert drawn["1.jpg"].shape == (480, 640, 3)


def test_standard_output_contains_only_data(folder):
    video = write_video(folder / "drive.avi", 4)
    run = detect(video.name, "--jsonl", "-", "--annotate", "out", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert [json.loads(line)["raw_file"] for line in run.stdout.splitlines()] == [f"drive.avi#{n}" for n in range(4)]
    assert "both lines" in run.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == [f"drive_{n:06d}.jpg" for n in range(4)]


def test_a_reader_of_standard_output_may_close_it(folder):
    write_video(folder / "drive.avi", 50)
    process = subprocess.Popen(
        [*COMMAND, "drive.avi", "--method", "hough", "--jsonl", "-"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["raw_file"] == "drive.avi#0"
    process.stdout.close()
    error = process.communicate(timeout=DEADLINE_S)[1]
    assert "Traceback" not in error
    assert "Exception" not in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.png"], ["missing.png", "no such file"]),
        (["empty"], ["empty", "no image in this folder"]),
        (["frames", "--method", "yolo"], ["yolo", "cv, hybrid, hough"]),
        (["frames", "--set", "detection.cany_low=3"], ["cany_low", "did you mean canny_low"]),
        (["frames", "--config", "missing.yaml"], ["missing.yaml"]),
        (["frames", "--compare", "cv,yolo"], ["yolo", "cv, hybrid, hough"]),
        (["frames", "--compare", "cv,hough,cv"], ["cv,hough,cv", "each method once"]),
        (["frames", "--compare", "cv,hough", "--method", "cv"], ["--compare", "remove --method"]),
        (["frames", "--score", "missing.json"], ["missing.json", "No such file"]),
        (["frames", "--score", "text.mp4"], ["text.mp4, line 1", "h_samples"]),
        (["frames", "--ego"], ["--score"]),
        (["frames", "--method", "onnx"], ["onnx", "--model FILE"]),
        (["frames", "--method", "onnx", "--model", "text.mp4"], ["text.mp4", "not an ONNX file"]),
        (["frames", "--method", "hybrid", "--model", "net.onnx"], ["net.onnx", "hybrid", "--method onnx"]),
        (["frames", "--jsonl", "no/such/folder/lanes.jsonl"], ["no/such/folder/lanes.jsonl", "No such file"]),
        (["frames", "--annotate", "text.mp4"], ["text.mp4", "File exists"]),
        (["frames", "--annotate", "frames"], ["frames", "contains the inputs"]),
        (["frames/1.png", "--jsonl", "frames/1.png"], ["frames/1.png", "is an input"]),
    ],
)
def test_bad_usage_is_one_sentence(folder, monkeypatch, capfd, arguments, words):
    (folder / "empty").mkdir()
    (folder / "text.mp4").write_text("not a video")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["lkas", "detect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, error = capfd.readouterr()
    assert ended.value.code == 2
    assert out == ""
    assert len(error.strip().splitlines()) == 1, error
    for word in words:
        assert word in error
    assert cv2.imread("frames/1.png") is not None, "an input was overwritten"


@pytest.mark.parametrize("name", ["broken.jpg", "broken.mp4"])
def test_a_broken_file_alone_is_bad_usage(folder, name):
    (folder / name).write_bytes(b"\xff\xd8 not an image \xff\xd9")
    run = detect(name, cwd=folder)
    assert run.returncode == 2
    assert re.search(f"{name}: (not an image|neither an image nor a video)", run.stderr)
    assert len(run.stderr.strip().splitlines()) == 1, "FFmpeg prints nothing"


def test_a_missing_camera_is_bad_usage(folder):
    run = detect("99", cwd=folder)
    assert run.returncode == 2
    assert run.stderr.splitlines() == ["lkas: camera 99: cannot be opened, and there is no such file"]


def test_one_bad_image_among_good_ones_is_reported_and_fails_at_the_end(folder):
    (folder / "frames" / "2.png").write_bytes(b"")
    write_image(folder / "frames" / "3.png", np.zeros((16, 16, 3), np.uint8))
    run = detect("frames", "--jsonl", "lanes.jsonl", cwd=folder)
    assert run.returncode == 1
    assert "frames/2.png: not an image" in run.stderr
    assert "frames/3.png: expected" in run.stderr
    assert [line["raw_file"] for line in lines_of(folder / "lanes.jsonl")] == ["frames/1.png", "frames/10.png"]


def test_a_truncated_video_keeps_its_frames(folder):
    video = write_video(folder / "drive.avi", 60)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    run = detect("drive.avi", "--jsonl", "lanes.jsonl", cwd=folder)
    assert run.returncode == 1
    kept = len(lines_of(folder / "lanes.jsonl"))
    assert kept > 10
    assert f"drive.avi: the video is damaged: {kept} of 60 frames could be read" in run.stderr


def test_ctrl_c_keeps_what_was_written(folder):
    write_video(folder / "drive.avi", 4000, 64, 48)
    process = subprocess.Popen(
        [*COMMAND, "drive.avi", "--method", "hough", "--jsonl", "lanes.jsonl", "--annotate", "out"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lanes = folder / "lanes.jsonl"
    deadline = time.monotonic() + DEADLINE_S
    while not (lanes.exists() and lanes.stat().st_size > 2000):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    drawn = len(list((folder / "out").iterdir()))
    assert lanes.read_text().count("\n") >= drawn, "each line is on disk before its image"
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=DEADLINE_S)[1]
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert 0 < len(lines_of(lanes)) < 4000


def test_a_terminal_sees_progress(folder):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "frames", "--method", "hough"],
        cwd=folder,
        env=environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    assert "hough" in process.communicate(timeout=DEADLINE_S)[0]
    assert b"frames" in os.read(master, 65536)
    os.close(master)


def write_labels(path, names, shift_px=0.0):
    rows = list(range(300, 480, 10))
    lanes = [[true_column(side, row) + shift_px for row in rows] for side in (0, 1)]
    lines = [json.dumps({"raw_file": name, "lanes": lanes, "h_samples": rows}) for name in names]
    path.write_text("\n".join(lines))


def test_methods_are_compared_and_scored(folder, monkeypatch, capsys):
    write_labels(folder / "labels.json", [f"frames/{number}.png" for number in (1, 2, 10, 11)])
    monkeypatch.chdir(folder)
    outputs = ["--jsonl", "lanes.jsonl", "--annotate", "out"]
    arguments = ["frames", "--compare", "hough,cv", "--score", "labels.json", "--ego", *outputs]
    monkeypatch.setattr(sys, "argv", ["lkas", "detect", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    lines = lines_of("lanes.jsonl")
    assert [(line["raw_file"], line["method"]) for line in lines] == [
        (f"frames/{number}.png", method) for number in (1, 2, 10) for method in ("hough", "cv")
    ]
    drawn = cv2.imread("out/1.jpg")
    assert drawn.shape[1] == 2 * 640
    assert drawn.shape[0] > 480, "each image has its method's name above it"
    rows = [line.split() for line in shown.splitlines() if line.split()[:2] in (["all", "hough"], ["cv", "3"])]
    assert [row[-6] for row in rows] == ["1.000", "1.000"], shown
    assert "cv minus hough: accuracy +0.000 [+0.000, +0.000]" in shown
    assert "labels without a frame: 1 of 4" in shown


def test_labels_of_other_frames_are_reported(folder, monkeypatch, capfd):
    write_labels(folder / "labels.json", ["elsewhere/1.png"])
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["lkas", "detect", "frames", "--method", "hough", "--score", "labels.json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    error = capfd.readouterr().err
    assert "none of the frames is labelled (frames/1.png has no label" in error
    assert "elsewhere/1.png" in error


def test_help_needs_neither_numpy_nor_opencv():
    program = (
        "import sys\nfrom lkas.cli import main\n"
        "try:\n    main()\nfinally:\n    assert not {'numpy', 'cv2', 'zmq'} & set(sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, "detect", "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    assert "lkas detect frames --jsonl lanes.jsonl" in run.stdout
