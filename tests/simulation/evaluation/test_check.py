"""`simulation check` names what is wrong with a world, and nothing that is right."""

import cv2
import numpy as np
import pytest

from tests.support.commands import run_command
from tests.support.stack import ROOT

SLALOM = f"{ROOT / 'examples' / 'own_world.py'}:Slalom"


def check(folder, *arguments):
    done = run_command("simulation", "check", *arguments, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    lines = dict(line[6:].split(": ", 1) for line in done.stdout.splitlines() if line[:5].strip() in ("ok", "WRONG"))
    wrong = [line[6:].split(":")[0] for line in done.stdout.splitlines() if line.startswith("WRONG")]
    return done, lines, wrong


def test_a_right_world_has_no_finding_and_a_picture(tmp_path):
    done, lines, wrong = check(tmp_path, SLALOM)
    assert (done.returncode, wrong) == (0, []), done.stdout
    assert list(lines) == [
        "time", "frame rate", "steering sign", "steering gain", "steering delay", "brakes", "camera", "lane width",
    ]  # fmt: skip
    image = cv2.imread(str(tmp_path / "check.png")).astype(int)
    yellow = (image[:, :, 2] > 200) & (image[:, :, 0] < 120)
    white = (image > 200).all(axis=2)
    near = np.flatnonzero(yellow[400])
    lines_px = np.flatnonzero(white[400] | yellow[400])
    assert len(near) > 1
    assert all(np.abs(lines_px - column).min() <= 2 for column in near), "the drawn lane lies on the lines"


@pytest.mark.parametrize(
    ("option", "subjects", "words"),
    [
        ("steering_sign=-1.0", ["steering sign"], "turns the car to the left"),
        ("jump_s=0.5", ["time"], "do not advance by tick_s = 0.02 s, the first at 3.98 s by 0.520 s"),
        ("pitch_deg=3.0", ["camera"], "(3.0 deg); correct the pitch of `camera`, down positive"),
        ("pitch_deg=-3.0", ["camera"], "(-3.0 deg); correct the pitch"),
        ("brake_gain=0.0", ["brakes"], "apply control.brake"),
        ("steering_delay_s=0.3", ["steering delay"], "ms from a command to the wheel, 0 ms assumed"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_else(tmp_path, option, subjects, words):
    done, _, wrong = check(tmp_path, SLALOM, "--world-option", option)
    assert (done.returncode, wrong) == (1, subjects), done.stdout
    assert words in done.stdout


def test_a_lane_of_another_width_is_named(tmp_path):
    done, _, wrong = check(tmp_path, SLALOM, "--world-option", "truth=false", "--lane-width", "3.0")
    assert (done.returncode, wrong) == (1, ["lane width"])
    assert "m measured, 3.00 m given" in done.stdout


def test_a_world_that_fails_is_named_with_its_place(tmp_path):
    (tmp_path / "broken.py").write_text(
        "class World:\n    width_px, height_px, tick_s = 64, 48, 0.02\n    def tick(self, control):\n        1 / 0\n"
    )
    done, _, _ = check(tmp_path, "broken.py:World")
    assert done.returncode == 1
    assert "WRONG world: " in done.stdout
    assert "broken.py, line 4" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["embedded"], "embedded: expected FILE.py:NAME"),
        (["nowhere.py:World"], "there is no file"),
        ([SLALOM, "--world-option", "pitch"], "expected KEY=VALUE"),
        ([SLALOM, "--world-option", "pich=1"], "unexpected keyword argument 'pich'"),
        ([SLALOM, "--picture", "nowhere/check.png"], "--picture nowhere/check.png: expected a file"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(tmp_path, arguments, words):
    done, _, _ = check(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
