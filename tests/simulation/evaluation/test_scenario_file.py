"""Scenario files: their keys, their errors, generated roads and suites."""

import json
import math
import re
from pathlib import Path

import pytest

from simulation.evaluation.scenario import ExcusedStretch, ScenarioHeader, StartPose
from simulation.evaluation.scenario_events import DISTURBANCES, FAULTS, Blackout, kind_of
from simulation.evaluation.scenario_file import built_in_scenarios, load_scenario, road_text, scenario_of_map
from simulation.evaluation.scenario_roads import RUN_OUT_M, GeneratedRoad, Segment, road_length_m
from simulation.evaluation.scenario_schema import ScenarioError
from simulation.evaluation.suites import SUITES, load_suite
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route
from tests.simulation.evaluation.drives import SHORT, write_short

DOCS = Path(__file__).parents[3] / "docs" / "evaluation.md"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("set_speed: 10\n" + SHORT, "set_speed: no such key; did you mean set_speed_mps?"),
        (SHORT.replace("10", "500"), "set_speed_mps = 500: expected a number from 0.05 to 45 (m/s)"),
        (SHORT + "condition: hail", "condition = 'hail': expected one of clear"),
        (SHORT + "start: {offset_m: 3}", "start.offset_m = 3: expected a number from -1.5 to 1.5 (m)"),
        (SHORT + "start: {ofset_m: 1}", "start.ofset_m: no such key; did you mean offset_m?"),
        (SHORT + "start: 5", "start: expected keys and values, found 5"),
        (SHORT + "disturbances: {kind: grip}", "disturbances: expected a list, found {'kind': 'grip'}"),
        (SHORT + "disturbances: [{kind: fog}]", "disturbances[0].kind = 'fog': expected one of side_wind, steering"),
        (SHORT + "disturbances: [{at_s: 1}]", "disturbances[0].kind = None: expected one of side_wind, steering"),
        (SHORT + "disturbances: [{kind: blackout}]", "disturbances[0].kind = 'blackout': expected one of side_wind"),
        (SHORT + "faults: [{kind: blackout}, 3]", "faults[1]: expected keys and values, found 3"),
        (SHORT + "faults: [{kind: dropped_frames, ratio: 2}]", "faults[0].ratio = 2: expected a number from 0 to 1"),
        (SHORT + "faults: [{kind: blackout, at: 2}]", "faults[0].at: no such key; did you mean at_"),
        (SHORT + "faults: [{kind: blackout, at_s: 1, at_m: 2}]", "faults[0]: expected one of at_s and at_m, found at"),
        (SHORT + "excused: [{from_m: 5, to_m: 5}]", "excused[0]: expected to_m above from_m, found 5 to 5"),
        (SHORT + "excused: [{from_m: 5, to_m: 6}]", "excused[0].reason = '': expected why lines are crossed there"),
        (
            SHORT + "excused: [{from_m: 5, to_m: 15, reason: a}]",
            "excused: 10 m of 82 m, expected at most 5% of the distance",
        ),
        (SHORT + "route: default", "route = 'default': a generated road has only one, expected no route"),
        ("map: loop\nroute: 1,,2", "route = '1,,2': expected default, turns, or road ids with commas"),
        (SHORT + "map: loop", "expected either map or road, found both"),
        ("set_speed_mps: 10", "expected either map or road, found neither"),
        ("{map: nowhere.xodr, duration_s: 5}", "nowhere.xodr; expected an OpenDRIVE file or `loop`"),
        (SHORT + "{duration_s: 5, distance_m: 5}", "not valid YAML"),
        (SHORT + "duration_s: 5\ndistance_m: 20", "expected at most one of duration_s and distance_m"),
        (SHORT + "distance_m: 2000", "road.segments are 92 m long; too short for start.s_m = 10 and distance_m = 2000"),
        (SHORT + "start: {s_m: 92.0}", "too short for start.s_m = 92 and distance_m = 0"),
        ("road: {segments: []}", "road.segments: expected a list of straights and bends, found []"),
        ("road: {segments: [{radius_m: 60}]}", "road.segments[0]: expected length_m, or radius_m and angle_deg"),
        ("road: {segments: [{length_m: 9, radius_m: 60, angle_deg: 5}]}", "road.segments[0]: expected length_m, or"),
        ("road: {segments: [{length_m: 9}, {lenght_m: 9}]}", "road.segments[1].lenght_m: no such key; did you mean"),
        (
            "road: {segments: [{radius_m: 0.1, angle_deg: 9}]}",
            "road.segments[0].radius_m = 0.1: expected a number from 0.2",
        ),
        ("road: {segments: [{radius_m: 60, angle_deg: 5}]}", "two clothoids of 30 m into R = 60 m turn by 28.6 deg"),
        (
            "road: {width: 3, segments: [{length_m: 9}]}",
            "road.width: no such key; known are lane_width_m, climb_ratio, bank_deg, segments",
        ),
        ("- a\n- b", "expected keys and values, such as `set_speed_mps: 13.9`"),
        ("a: [", "not valid YAML"),
    ],
)
def test_an_error_names_file_key_value_and_what_is_allowed(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ScenarioError, match=r"missing\.yaml: cannot read this scenario"):
        load_scenario(tmp_path / "missing.yaml")


def test_a_generated_road_has_the_declared_length_and_curvature(tmp_path):
    scenario = load_scenario(write_short(tmp_path))
    path = tmp_path / "short.xodr"
    path.write_text(road_text(scenario))
    (road,) = read_map(path).roads.values()
    length_m = 30 + 60 * math.radians(45) + 15
    assert road_length_m(scenario.segments) == pytest.approx(length_m)
    assert road.length_m == pytest.approx(length_m + RUN_OUT_M)
    assert road.curve.pose(60.0)[3] == pytest.approx(1 / 60)  # to the left
    assert road.curve.pose(length_m)[2] == pytest.approx(math.radians(45), abs=1e-6)
    assert find_route(read_map(path)).lane_at(30.0).width_m == pytest.approx(3.5)
    assert scenario.distance_m == pytest.approx(length_m - 10)


def test_the_documented_scenario_is_valid_and_shows_every_key(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "readme.yaml"
    path.write_text(block)
    scenario = load_scenario(path)
    assert scenario.faults[1] == Blackout(at_s=6, duration_s=0.5)
    assert scenario.segments[1].radius_m == 250
    declared = [ScenarioHeader, StartPose, GeneratedRoad, Segment, ExcusedStretch]
    keys = {name for section in declared for name in section.__struct_fields__} - {"s_m", "route"}
    assert [key for key in sorted(keys) if f"{key}:" not in block] == []


@pytest.mark.parametrize("kind", [*DISTURBANCES, *FAULTS])
def test_every_kind_of_event_is_documented(kind):
    table = DOCS.read_text(encoding="utf-8").split("## Scenarios", 1)[1]
    rows = [line for line in table.splitlines() if line.startswith(f"| `{kind_of(kind)}`")]
    own = [key for key in kind.__struct_fields__ if key not in ("at_s", "at_m", "duration_s")]
    assert len(rows) == 1
    assert [key for key in own if f"`{key}`" not in rows[0]] == []


def test_every_built_in_scenario_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in built_in_scenarios() if f"| `{name}` |" not in text] == []


def test_a_scenario_on_a_map_takes_its_default_route_unless_one_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("map: loop")
    scenario = load_scenario(path)
    assert (scenario.route, scenario.distance_m) == ("default", None)
    path.write_text("map: loop\nroute: 1, 1\ndistance_m: 50")
    scenario = load_scenario(path)
    assert (scenario.route, scenario.distance_m) == ("1, 1", 50)


def test_a_scenario_may_bring_its_car(tmp_path):
    (tmp_path / "tiny.yaml").write_text("vehicle: {wheelbase_m: 0.3}\ndetection: {lane_width_m: 0.4}")
    scenario = load_scenario(write_short(tmp_path, configuration="tiny.yaml"))
    assert json.loads(scenario.car) == {"vehicle": {"wheelbase_m": 0.3}, "detection": {"lane_width_m": 0.4}}


def test_a_bad_file_of_the_car_is_named(tmp_path):
    (tmp_path / "tiny.yaml").write_text("vehicle: {wheelbase_m: 99}")
    with pytest.raises(ScenarioError, match=r"short\.yaml: configuration: .*tiny\.yaml, line 1: vehicle\.wheelbase_m"):
        load_scenario(write_short(tmp_path, configuration="tiny.yaml"))


def test_a_map_alone_is_a_scenario(tmp_path):
    loop = built_in_scenarios()["loop_50"].parents[1] / "maps" / "loop.xodr"
    scenario = scenario_of_map(loop, "turns", 10.0)
    assert (scenario.name, scenario.route, scenario.start_speed_mps) == ("loop", "turns", 10.0)
    with pytest.raises(ScenarioError, match="no such file; expected an OpenDRIVE file"):
        scenario_of_map(tmp_path / "none.xodr", "default", 10.0)
    with pytest.raises(ScenarioError, match="route = '': expected default, turns"):
        scenario_of_map(loop, "", 10.0)


def test_an_undisturbed_scenario_keeps_only_changes_of_the_set_speed(tmp_path):
    events = "[{kind: set_speed, speed_mps: 8}, {kind: grip}]"
    scenario = load_scenario(write_short(tmp_path, disturbances=events, faults="[{kind: blackout}]"))
    assert len(scenario.events) == 3
    assert scenario.undisturbed().events == scenario.disturbances[:1]


def test_the_start_speed_defaults_to_the_set_speed(tmp_path):
    assert load_scenario(write_short(tmp_path)).start_speed_mps == 10
    assert load_scenario(write_short(tmp_path, start="{speed_mps: 0}")).start_speed_mps == 0


def test_the_built_in_scenarios_cover_straights_and_bends_from_30_to_130_kmh():
    scenarios = load_suite("standard")
    assert len(scenarios) >= 12
    assert all(scenario.header.description for scenario in scenarios)
    speeds = [scenario.header.set_speed_mps * 3.6 for scenario in scenarios]
    assert min(speeds) == pytest.approx(30, abs=0.1)
    assert max(speeds) == pytest.approx(130, abs=0.1)
    assert min(s.radius_m for scenario in scenarios for s in scenario.segments if s.radius_m) == 60
    angles = [s.angle_deg for scenario in scenarios for s in scenario.segments if s.angle_deg]
    assert min(angles) < 0 < max(angles)


@pytest.mark.parametrize("suite", SUITES)
def test_scenarios_of_a_suite_have_unique_names(suite):
    scenarios = load_suite(suite)
    assert len({(scenario.name, scenario.header.condition) for scenario in scenarios}) == len(scenarios) >= 2


def test_the_smoke_suite_has_bends_in_both_directions():
    angles = [segment.angle_deg for scenario in load_suite("smoke") for segment in scenario.segments]
    assert min(angle for angle in angles if angle) < 0 < max(angle for angle in angles if angle)


def test_a_drift_scenario_starts_with_the_lateral_speed_of_its_name():
    slow, *_, fast = load_suite("drift")
    assert 20 * math.sin(math.radians(slow.start.heading_deg)) == pytest.approx(0.2)
    assert 20 * math.sin(math.radians(fast.start.heading_deg)) == pytest.approx(-0.6)
