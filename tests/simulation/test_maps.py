"""`simulation maps` on the command line, and the images it draws."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from simulation.embedded.world import built_in_map
from simulation.opendrive.drawing import ASPHALT, END, ROUTE, START
from simulation.opendrive.map_image import draw_map_image
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route
from simulation.opendrive.survey import survey
from tests.simulation.opendrive import roads
from tests.support.commands import run_command

DEADLINE_S = 180
LOOP = built_in_map()


def simulation(*arguments):
    return run_command("simulation", *arguments, environ={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"})


def maps(*arguments):
    return simulation("maps", *arguments)


def test_help_has_examples_and_loads_no_heavy_library():
    probe = """
import sys
from simulation.cli import main
try:
    main()
except SystemExit as end:
    print("heavy:", sorted({"numpy", "cv2", "zmq"} & set(sys.modules)), "code:", end.code)
"""
    command = [sys.executable, "-c", probe, "maps", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert "heavy: [] code: 0" in done.stdout
    assert "--picture town.png" in done.stdout


def test_the_loop_as_text():
    done = maps(LOOP)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "roads    1, 2.9 km",
        "driving 5.7 km",
        "shoulder driving | driving shoulder",
        "closed    2879 m  tightest R 123 m",
        "not supported: nothing",
    ):
        assert words in done.stdout


def test_json_is_a_list_with_one_object_for_each_file(tmp_path):
    hilly = roads.road().replace("<lanes>", roads.profile(slope=0.06) + "<lanes>", 1)
    other = roads.write(tmp_path, hilly.replace("</road>", "<signals><signal/></signals></road>"))
    done = maps(LOOP, other, "--json")
    assert done.returncode == 0
    first, second = json.loads(done.stdout)
    assert first["file"] == str(LOOP)
    assert first["routes"][0]["is_closed"]
    assert first["routes"][0]["tightest_radius_m"] == pytest.approx(123.25, abs=0.1)
    assert second["roads"][0]["lanes"] == ["|", "driving"]
    assert second["routes"][0]["tightest_radius_m"] is None
    assert second["slope_ratio"] == pytest.approx(0.06)
    assert second["not_supported"] == ["1 signals (signs, lights)"]


def test_a_broken_file_is_named_and_the_others_are_still_listed(tmp_path):
    broken = roads.write(tmp_path, roads.road(geometry="<geometry/>"), name="broken.xodr")
    done = maps(broken, LOOP, tmp_path / "missing.xodr")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    reason = "it contains no road that can be used: road 1 geometry 0: attribute s is missing: expected a finite number"
    assert first == f"simulation: {broken}: OpenDRIVE: {reason}"
    assert second == f"simulation: {tmp_path / 'missing.xodr'}: no such road file"
    assert "closed    2879 m" in done.stdout


def test_what_was_repaired_and_skipped_is_listed(tmp_path):
    mark = roads.SOLID.replace("solid", "Solid")
    unused = roads.road("1029000400", geometry="")
    path = roads.write(tmp_path, unused, roads.road("77", lanes_xml=roads.lanes(right=roads.lane(-1, mark=mark))))
    done = maps(path)
    assert done.returncode == 0
    text = done.stdout
    assert "road 77  100 m" in text
    skipped, repaired = text.index("  not supported"), text.index("  repaired")
    assert skipped < text.index("road 1029000400: it has no planView") < repaired
    assert repaired < text.index("road 77 laneSection 0 lane -1 roadMark: type='Solid': read as solid")
    (found,) = json.loads(maps(path, "--json").stdout)
    assert found["notices"][1] == {
        "element": "road",
        "id": "77",
        "part": "laneSection 0 lane -1 roadMark",
        "reason": "type='Solid': read as solid",
        "action": "repaired",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((LOOP, LOOP, "--picture", "a.png"), "--picture takes one FILE"),
        ((LOOP, "--picture", "missing/a.png"), "missing/a.png: cannot write this image"),
        ((LOOP, "--picture", "a.nonsense"), "a.nonsense: cannot write this image"),
        ((LOOP, "--picture", "a.png", "--route", "1,9"), "there is no road 9"),
    ],
)
def test_usage_errors_are_one_sentence_and_exit_code_2(arguments, words):
    done = maps(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_image_is_written(tmp_path):
    path = tmp_path / "loop.png"
    assert maps(LOOP, "--picture", path).returncode == 0
    assert cv2.imread(str(path)).shape[1] == 1600


def share_of(image, colour):
    return (np.abs(image.astype(int) - colour).max(axis=2) <= 2).mean()


def test_lanes_and_route_are_in_the_image(tmp_path):
    road_map = read_map(roads.write(tmp_path, roads.road()))
    image = draw_map_image(road_map, find_route(road_map))
    for colour, min_share in ((ASPHALT, 0.01), (ROUTE, 0.003), (START, 1e-4), (END, 1e-4)):
        assert share_of(image, colour) > min_share
    # The road runs from left to right, so the start is left of the end.
    at = {name: np.argwhere((image == colour).all(axis=2))[:, 1] for name, colour in (("start", START), ("end", END))}
    assert at["start"].min() < at["end"].min()


def test_lengths_and_widths_of_a_survey(tmp_path):
    mark = roads.BROKEN + roads.SOLID.replace('sOffset="0"', 'sOffset="30"')
    lanes = roads.lanes(left=roads.lane(1, width='a="3" b="0.01" c="0" d="0"'), right=roads.lane(-1, mark=mark))
    found = survey(read_map(roads.write(tmp_path, roads.road(lanes_xml=lanes))))
    assert found.lanes_m == {"driving": pytest.approx(200.0)}
    assert found.marks_m == {"solid": pytest.approx(170.0), "broken": pytest.approx(130.0)}
    assert found.lane_width_m == pytest.approx((3.0, 4.0))
    assert {(route.lane, route.is_closed) for route in found.routes} == {(-1, False), (1, False)}
