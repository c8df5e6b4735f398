"""The published scores, on cases computed by hand, and against the measuring data's own scorer if it is available."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lkas.detection.scoring.culane import Counts, best_pairs, count_frame, draw_lane, overlap_of
from lkas.detection.scoring.labels import Label, LabelError, Labels
from lkas.detection.scoring.lanes import columns_at, ego_lanes, points_of
from lkas.detection.scoring.score import difference, score, summarise
from lkas.detection.scoring.sheet import ScoreSheet
from lkas.detection.scoring.tusimple import score_frame

DATA = os.environ.get("LKAS_DATA")
ROWS = np.arange(0.0, 100.0, 10.0)
UPRIGHT = np.full(10, 500.0)
DIAGONAL = 500.0 + ROWS  # 45 degrees: the tolerance is 20 / cos 45 = 28.28 px
LOWER_HALF = np.where(ROWS >= 50, 500.0, -2.0)
FIVE = [UPRIGHT + 100 * k for k in range(-2, 3)]


def without(lane, rows):
    lane = lane.copy()
    lane[-rows:] = -2
    return lane


@pytest.mark.parametrize(
    ("predicted", "labelled", "expected"),
    [
        ([UPRIGHT], [UPRIGHT], (1, 0, 0)),
        ([UPRIGHT + 19.9], [UPRIGHT], (1, 0, 0)),
        ([UPRIGHT + 20], [UPRIGHT], (0, 1, 1)),
        ([DIAGONAL + 28], [DIAGONAL], (1, 0, 0)),
        ([DIAGONAL + 29], [DIAGONAL], (0, 1, 1)),
        ([without(UPRIGHT, 2)], [UPRIGHT], (0.8, 1, 1)),
        ([without(UPRIGHT, 1)], [UPRIGHT], (0.9, 0, 0)),
        ([LOWER_HALF], [LOWER_HALF], (1, 0, 0)),
        ([UPRIGHT], [LOWER_HALF], (0.5, 1, 1)),
        (FIVE[:4], FIVE, (1, 0, 0)),
        (FIVE[:3], FIVE, (0.75, 0, 0.25)),
        ([FIVE[0], FIVE[4]], FIVE[:2], (0.5, 0.5, 0.5)),
        (FIVE[:4], [UPRIGHT], (0, 0, 1)),
        ([], [UPRIGHT], (0, 0, 1)),
    ],
)
def test_tusimple_by_hand(predicted, labelled, expected):
    found = score_frame(predicted, labelled, ROWS, 1280)
    assert (found.accuracy, found.false_positive, found.false_negative) == pytest.approx(expected)


def test_tusimple_tolerance_grows_with_the_image():
    assert score_frame([UPRIGHT + 39], [UPRIGHT], ROWS, 2560).accuracy == 1
    assert score_frame([UPRIGHT + 39], [UPRIGHT], ROWS, 1280).accuracy == 0


def through(column, height_px=200):
    """Upright, through the whole image: drawn 30 px wide, two of them d px apart overlap by (30 - d) / (30 + d)."""
    return np.array([[column, -50.0], [column, height_px + 50.0]])


@pytest.mark.parametrize(("apart_px", "overlap"), [(0, 1.0), (10, 0.5), (15, 1 / 3), (30, 0.0)])
def test_drawn_lanes_overlap_as_their_widths_say(apart_px, overlap):
    one, other = (draw_lane(through(column), 400, 200, 30) for column in (100.0, 100.0 + apart_px))
    assert np.count_nonzero(one) == 30 * 200
    assert overlap_of(one, other) == pytest.approx(overlap)


@pytest.mark.parametrize(
    ("predicted", "labelled", "counts"),
    [
        ([109], [100], (1, 0, 0)),  # 21 / 39 is more than half
        ([110], [100], (0, 1, 1)),  # 20 / 40 is not
        ([100, 200, 300], [103, 250], (1, 2, 1)),
        ([100, 101], [100], (1, 1, 0)),
        ([], [100, 200], (0, 0, 2)),
        ([100], [], (0, 1, 0)),
    ],
)
def test_culane_by_hand(predicted, labelled, counts):
    width_px = 1640  # where lanes are drawn 30 px wide
    lanes = [[through(float(column)) for column in columns] for columns in (predicted, labelled)]
    assert count_frame(*lanes, width_px, 200) == Counts(*counts)


def test_f1_of_counts():
    assert Counts(1, 2, 1).f1 == pytest.approx(0.4)
    assert Counts().f1 == 0


def test_pairs_are_those_of_the_largest_sum():
    assert sorted(best_pairs(np.array([[0.9, 0.8], [0.7, 0.0]]))) == [(0, 1), (1, 0)]
    assert best_pairs(np.array([[0.2], [0.7], [0.1]])) == [(1, 0)]


def test_a_lane_with_doubled_points_is_drawn_as_a_disc():
    disc = draw_lane(np.array([[50.0, 50.0], [50.0, 50.0]]), 100, 100, 30)
    assert np.count_nonzero(disc) == pytest.approx(math.pi * 15**2, rel=0.02)


def test_ego_lanes_are_the_inner_two_at_the_bottom():
    lanes = [np.full(10, column) for column in (100.0, 150.0, 260.0, 390.0)]
    assert [lane[0] for lane in ego_lanes(lanes, ROWS, 400, 100)] == [150, 260]
    assert [lane[0] for lane in ego_lanes(lanes[2:], ROWS, 400, 100)] == [260]
    leaning = np.where(ROWS < 60, 100 + 2 * ROWS, -2.0)  # ends at the left of the middle, meets the bottom right of it
    assert ego_lanes([leaning], ROWS, 400, 200)[0] is leaning
    assert len(ego_lanes([leaning, np.full(10, 190.0)], ROWS, 400, 200)) == 2


def test_columns_between_and_beyond_the_points():
    lane = np.array([-2.0, 100.0, 120.0, -2.0])
    rows = np.array([0.0, 10.0, 20.0, 30.0])
    assert columns_at(lane, rows, np.array([5.0, 10.0, 15.0, 20.0, 25.0])).tolist() == [-2, 100, 110, 120, -2]
    assert points_of(lane, rows).tolist() == [[100, 10], [120, 20]]


def scored(columns, confidence=(0.9,), labelled=(500.0,)):
    label = Label("a.jpg", [[column] * 10 for column in labelled], ROWS.tolist())
    record = {
        "lanes": [[column] * 10 for column in columns],
        "h_samples": ROWS.tolist(),
        "confidence": list(confidence),
    }
    return score(record, label, 1280, 100, ego_only=False)


def test_frames_without_a_lane_count_in_f1_and_in_claims_only():
    summary = summarise([scored([500.0]), scored([500.0, 700.0], (0.9, 0.4), labelled=()), scored([], (), labelled=())])
    assert (summary.frames, summary.without_lanes, summary.claimed) == (3, 2, 1)
    assert summary.accuracy == 1
    assert summary.counts == Counts(1, 2, 0)
    assert summarise([scored([], (), labelled=())]).accuracy is None


def test_differences_carry_an_interval():
    good, bad = scored([500.0]), scored([600.0])
    accuracy, f1 = difference([good] * 20, [good] * 10 + [bad] * 10)
    assert accuracy.mean == f1.mean == 0.5
    assert 0.2 < accuracy.low < 0.4 < 0.6 < accuracy.high < 0.8
    assert f1.low < 0.5 < f1.high
    accuracy, f1 = difference([good] * 5, [good] * 5)
    assert (accuracy.low, accuracy.high, f1.low, f1.high) == (0, 0, 0, 0)


def write_labels(folder, *lines):
    path = folder / "labels.json"
    path.write_text("\n".join(json.dumps(line) if isinstance(line, dict) else line for line in lines))
    return path


LABEL = {"raw_file": "a.jpg", "lanes": [[1, 2]], "h_samples": [10, 20]}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["{"], ["line 1", "JSON"]),
        (['{"raw_file": ' + "[" * 100_000], ["line 1", "JSON"]),
        ([LABEL, {"raw_file": "b.jpg"}], ["line 2", "lanes"]),
        ([{**LABEL, "h_samples": [10]}], ["line 1", "2 columns for 1 rows"]),
        ([""], ["no label"]),
    ],
)
def test_bad_labels_are_named(tmp_path, lines, words):
    with pytest.raises(LabelError) as caught:
        Labels(write_labels(tmp_path, *lines), [])
    for word in ["labels.json", *words]:
        assert word in str(caught.value)


def test_frames_are_found_by_name_and_by_file(tmp_path, monkeypatch):
    labels = Labels(write_labels(tmp_path, LABEL), [])
    monkeypatch.chdir(tmp_path.parent)
    assert labels.find("a.jpg") is labels.find(f"{tmp_path.name}/a.jpg") is not None
    assert labels.find("b.jpg") is None


def test_groups_come_from_the_manifest(tmp_path):
    path = write_labels(tmp_path, LABEL, {**LABEL, "raw_file": "b.jpg"})
    with pytest.raises(LabelError, match=r"manifest\.json: cannot be read, but is needed for the groups"):
        Labels(path, ["set"])
    files = [{"file": "a.jpg", "set": "day", "kind": "easy (of its kind)"}, {"file": "b.jpg", "set": "night"}]
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}))
    with pytest.raises(LabelError, match="no frame has the key 'colour'; known are file, kind, set"):
        Labels(path, ["colour"])
    sheet = ScoreSheet(Labels(path, ["set", "kind"]), ego_only=False)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        sheet.add(name, [{"lanes": [[1, 2]], "h_samples": [10, 20], "confidence": [0.9, None]}], 640, 480)
    assert {group: len(methods[0]) for group, methods in sheet.groups().items()} == {"day easy": 1, "night": 1, "": 2}
    assert sheet.unlabelled == ["c.jpg"]


@pytest.mark.skipif(not DATA, reason="LKAS_DATA is not set: no scorer to compare with")
@pytest.mark.parametrize("ego_only", [False, True])
def test_the_scorer_of_the_measuring_data_agrees(tmp_path, ego_only):
    folder = Path(DATA or "")
    scorer = folder.parent / "bench" / "lane_metric.py"
    if not scorer.is_file():
        pytest.skip("the measuring data has no scorer beside it")
    labels = Labels(folder / "labels.json", [])
    manifest = {entry["file"]: entry for entry in json.loads((folder / "manifest.json").read_text())["files"]}
    random = np.random.default_rng(5)
    frames, lines = [], []
    for text in (folder / "labels.json").read_text().splitlines()[::5]:
        label = labels.find(json.loads(text)["raw_file"])
        lanes = [
            np.where(lane >= 0, lane + random.normal(0, 12) + random.normal(0, 4, len(lane)), -2)
            for lane in label.columns()
            if random.random() < 0.8
        ]
        lanes += [
            np.linspace(200, 300 + 800 * random.random(), len(label.h_samples)) for _ in range(random.integers(2))
        ]
        record = {"lanes": [lane.tolist() for lane in lanes], "h_samples": label.h_samples, "confidence": []}
        lines.append(json.dumps({"raw_file": label.raw_file, **record}))
        size = manifest[label.raw_file]["width"], manifest[label.raw_file]["height"]
        frames.append(score(record, label, *size, ego_only=ego_only))
    (tmp_path / "lanes.jsonl").write_text("\n".join(lines))
    names = {json.loads(line)["raw_file"] for line in lines}
    truth = [
        line for line in (folder / "labels.json").read_text().splitlines() if json.loads(line)["raw_file"] in names
    ]
    (tmp_path / "labels.json").write_text("\n".join(truth))
    arguments = ["labels.json", "lanes.jsonl", "--manifest", str(folder / "manifest.json"), *["--ego"] * ego_only]
    run = subprocess.run(
        [sys.executable, str(scorer), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True
    )
    theirs, ours = json.loads(run.stdout), summarise(frames)
    scores = (ours.accuracy, ours.false_positive, ours.false_negative)
    assert scores == pytest.approx([theirs["tusimple"][key] for key in ("accuracy", "fp", "fn")])
    assert 0.3 < ours.accuracy < 0.95, "neither all right nor all wrong"
    counts = (ours.counts.right, ours.counts.false, ours.counts.missed)
    assert list(counts) == [theirs["culane"][key] for key in ("tp", "fp", "fn")]
    assert ours.median_px == pytest.approx(theirs["median_px_error_at_1280"])
