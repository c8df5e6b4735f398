"""`simulation bench` on the command line."""

import json

import cv2
import pytest

from lkas.vehicle import CameraConfig
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.embedded import bench
from tests.simulation.test_maps import simulation


def test_timings_are_printed_as_json():
    done = simulation("bench", "--json", "--condition", "traffic", "--frames", "3")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (timings,) = report["conditions"]
    assert (timings["condition"], timings["frames"]) == ("traffic", 3)
    assert set(timings["stages_ms"]) >= {"depth", "layers", "ground", "sky", "trees", "traffic", "rain", "lens"}
    for percentiles in (timings["frame_ms"], timings["tick_ms"], timings["truth_ms"], *timings["stages_ms"].values()):
        assert 0 <= percentiles["p50"] <= percentiles["p99"]
    stages_ms = sum(stage["p50"] for stage in timings["stages_ms"].values())
    assert stages_ms == pytest.approx(timings["frame_ms"]["p50"], rel=0.5)
    assert set(report["targets_ms"]) <= set(CONDITIONS)


def test_an_unknown_condition_is_refused():
    done = simulation("bench", "--condition", "snow")
    assert done.returncode == 2
    assert "--condition snow: expected one of clear, worn" in done.stderr


def test_help_has_examples():
    done = simulation("bench", "--help")
    assert done.returncode == 0
    assert "simulation bench --pictures sheet" in done.stdout


def test_it_writes_an_image_of_each_condition_and_an_overview(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "CONDITIONS", {name: CONDITIONS[name] for name in ("clear", "night")})
    monkeypatch.setattr(bench, "IMAGE_AT_S", 0.5)
    camera = CameraConfig(width_px=160, height_px=120)
    written = list(bench.write_images(tmp_path / "sheet", SimulationConfig(), camera))
    assert [path.name for path in written] == ["clear.jpg", "night.jpg", "sheet.jpg"]
    clear, night, sheet = (cv2.imread(str(path)) for path in written)
    assert clear is not None
    assert night is not None
    assert sheet is not None
    assert clear.shape == (120, 160, 3)
    assert night.mean() < 0.5 * clear.mean()
    assert sheet.shape == (360, 3 * 480, 3)
