"""Whole sweeps of short drives: baselines, resuming, failures."""

import signal
from multiprocessing.popen_spawn_posix import Popen

import pytest
from msgspec import structs

from lkas.config import load
from lkas.vehicle import CameraConfig
from simulation.evaluation.executors import InProcess, Processes
from simulation.evaluation.jobs import Interrupted, run_job
from simulation.evaluation.results import write_whole
from simulation.evaluation.scenarios import gallery, load_scenario
from simulation.evaluation.settings import SECTIONS
from simulation.evaluation.sweep import Plan, Sweep
from tests.simulation.evaluation.drives import write_short, write_too_far

SMALL = ("camera.width_px=160", "camera.height_px=120")  # a quick camera, for what the detector sees does not matter


def plan(*paths, methods=("truth",), controllers=("pure_pursuit",), seeds=(1,), latency_s=0.05):
    return Plan(
        scenarios=tuple(load_scenario(path) for path in paths),
        seeds=seeds,
        methods=methods,
        controllers=controllers,
        latency_s=latency_s,
        configuration=load(SECTIONS, environ={}, assignments=SMALL).to_json(),
        default_controller="pure_pursuit",
    )


def run(swept):
    done = []
    swept.run(InProcess(), done.append)
    assert swept.failed == {}
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Perfect perception with and without steering."""
    folder = tmp_path_factory.mktemp("sweep")
    swept = Sweep(plan(write_short(folder), controllers=("pure_pursuit", "zero")), folder / "out")
    run(swept)
    return swept.records()


def test_perfect_perception_stays_in_the_lane(finished):
    figures = finished[0].figures
    assert figures.controller == "pure_pursuit"
    assert (figures.departures, figures.completed_ratio, figures.counts) == (0, 1.0, True)
    assert figures.offset_max_m < 0.15
    assert figures.mean_speed_ratio == 1.0
    assert (figures.availability_ratio, figures.wrong_confident_ratio, figures.lost_frame_ratio) == (1.0, 0.0, 0.0)
    assert (figures.latency_ms.p50, figures.latency_ms.p99) == pytest.approx((50.0, 50.0))
    assert 1.5 < figures.lat_accel_max_mps2 < 2.0  # 10 m/s round R = 60 m
    assert figures.distance_m == pytest.approx(82.0, abs=0.5)
    assert figures.real_time_factor > 0


def test_without_steering_the_car_departs_and_the_run_does_not_count(finished):
    record = finished[1]
    assert record.figures.controller == "zero"
    assert record.figures.departures == 1
    assert record.details.end == "more than 1.75 m off the lane centre"
    assert record.details.trace.offset_m[-1] < -1.5  # a left bend is left to the right
    assert not record.figures.counts


def test_the_same_drive_twice_is_the_same(tmp_path, finished):
    swept = Sweep(plan(write_short(tmp_path)), tmp_path / "out")
    run(swept)
    (again,) = swept.records()
    assert structs.replace(again.figures, real_time_factor=1.0) == structs.replace(
        finished[0].figures, real_time_factor=1.0
    )
    assert again.details == finished[0].details


def test_only_what_is_missing_or_changed_is_driven_again(tmp_path):
    path, out = write_short(tmp_path, distance_m=15), tmp_path / "out"
    first = Sweep(plan(path, seeds=(1, 2)), out)
    assert len(run(first)) == 2

    assert Sweep(plan(path, seeds=(1, 2)), out).open == []
    assert [job.seed for job in Sweep(plan(path, seeds=(1, 2, 3)), out).open] == [3]
    assert len(Sweep(plan(path, latency_s=0.1), out).open) == 1
    other = structs.replace(plan(path), configuration=load(SECTIONS, environ={}).to_json())
    assert len(Sweep(other, out).open) == 1
    assert len(Sweep(plan(write_short(tmp_path, distance_m=16)), out).open) == 1

    broken = next((out / "runs").glob("*seed1*"))
    broken.write_text("{")
    assert [job.seed for job in Sweep(plan(write_short(tmp_path, distance_m=15), seeds=(1, 2)), out).open] == [1]


def test_the_baseline_is_perfect_undisturbed_and_not_among_the_results(tmp_path):
    path = write_short(tmp_path, faults="[{kind: dropped_frames, ratio: 1.0}]")
    swept = Sweep(plan(path, controllers=("zero",)), tmp_path / "out")
    baseline = [job for job in swept.open if job.controller != "zero"]
    assert [job.scenario.events for job in baseline] == [()]
    run(swept)
    (record,) = swept.records()
    assert record.figures.mean_speed_ratio < 0.9  # it never saw a lane, and braked
    assert record.figures.availability_ratio is None


@pytest.mark.parametrize(("fault", "dropped", "available"), [
    ("{kind: dropped_frames, ratio: 0.5}", 0.5, 1.0),
    ("{kind: blackout, at_s: 2, duration_s: 1}", 0.0, 1 - 1 / 8.3),  # it slows down while it sees nothing
])  # fmt: skip
def test_dropped_frames_are_counted_apart_and_black_ones_show_no_lane(tmp_path, fault, dropped, available):
    swept = Sweep(plan(write_short(tmp_path, faults=f"[{fault}]")), tmp_path / "out")
    run(swept)
    (record,) = swept.records()
    assert record.figures.lost_frame_ratio == 0.0
    assert record.details.withheld_frame_ratio == pytest.approx(dropped, abs=0.1)
    assert record.figures.availability_ratio == pytest.approx(available, abs=0.02)


def test_a_real_detector_drives(tmp_path):
    swept = Sweep(
        structs.replace(
            plan(write_short(tmp_path, distance_m=25), methods=("cv",)),
            configuration=load(SECTIONS, environ={}, assignments=("camera.width_px=400", "camera.height_px=300"))
            .to_json(),
        ),
        tmp_path / "out",
    )  # fmt: skip
    run(swept)
    (record,) = swept.records()
    assert record.figures.departures == 0
    assert record.figures.availability_ratio > 0.9
    assert 0 < record.figures.detection_offset_p95_m < 0.2


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path):
    swept = Sweep(plan(write_too_far(tmp_path), write_short(tmp_path, distance_m=15)), tmp_path / "out")
    swept.run(InProcess(), lambda job: None)
    ((job, error),) = swept.failed.values()
    assert job.scenario.name == "too_far"
    assert "too short to drive from 500 m on" in str(error)
    assert [record.figures.scenario for record in swept.records()] == ["short"]


def test_several_processes_give_what_one_gives(tmp_path, monkeypatch):
    path = write_short(tmp_path, distance_m=15)
    one, two = (Sweep(plan(path, seeds=(1, 2)), tmp_path / name) for name in ("one", "two"))
    run(one)
    masks, launch = [], Popen._launch

    def launch_and_look(self, process):
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        launch(self, process)

    monkeypatch.setattr(Popen, "_launch", launch_and_look)
    two.run(Processes(2), lambda job: None)
    assert masks  # a second process is started when the first one is busy yet
    assert all(signal.SIGINT in mask for mask in masks), "a Ctrl-C meets workers that do not expect it yet"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def without_time(records):
        return [structs.replace(r, figures=structs.replace(r.figures, real_time_factor=1.0)) for r in records]

    assert without_time(one.records()) == without_time(two.records())
    assert len(two.records()) == 2


def test_a_run_is_counted_when_its_file_is_there(tmp_path, monkeypatch):
    def write_and_interrupt(file, text):
        write_whole(file, text)
        raise KeyboardInterrupt

    swept = Sweep(plan(write_short(tmp_path, distance_m=15), seeds=(1, 2)), tmp_path / "out")
    monkeypatch.setattr("simulation.evaluation.sweep.write_whole", write_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        swept.run(InProcess(), lambda job: None)
    assert len(list((tmp_path / "out" / "runs").iterdir())) == len(swept.records()) == 1


def test_a_run_ends_when_asked_to(tmp_path):
    job = Sweep(plan(write_short(tmp_path)), tmp_path / "out").open[0]
    with pytest.raises(Interrupted):
        run_job(job, lambda: True)


def test_the_camera_of_the_tests_is_not_the_default():
    assert CameraConfig().width_px != 160


def test_side_wind_is_steered_against_before_it_has_moved_the_car_far(tmp_path):
    swept = Sweep(plan(gallery()["gusts_130"], controllers=("lqr",)), tmp_path / "out")
    run(swept)
    (record,) = swept.records()
    assert record.figures.departures == 0
    assert record.figures.offset_max_m < 0.62  # 0.80 m when only 0.5 m/s² is learned within half a second
