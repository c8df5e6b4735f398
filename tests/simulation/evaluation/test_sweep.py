"""Sweeps of short drives: baselines, resuming, failures."""

import signal
from multiprocessing.popen_spawn_posix import Popen

import pytest
from msgspec import structs

from lkas.atomic_file import write_atomically
from lkas.config import load
from lkas.vehicle import CameraConfig
from simulation.evaluation.executors import InProcess, Processes
from simulation.evaluation.run import Interrupted, run_job
from simulation.evaluation.scenario_file import built_in_scenarios, load_scenario
from simulation.evaluation.settings import SECTIONS
from simulation.evaluation.sweep import Plan, Sweep
from tests.simulation.evaluation.drives import write_short, write_too_far

SMALL = ("camera.width_px=160", "camera.height_px=120")  # fast to render; the image content does not matter


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


def run(sweep):
    done = []
    sweep.run(InProcess(), done.append)
    assert sweep.failed == {}
    return done


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Perfect perception with and without steering."""
    folder = tmp_path_factory.mktemp("sweep")
    sweep = Sweep(plan(write_short(folder), controllers=("pure_pursuit", "zero")), folder / "out")
    run(sweep)
    return sweep.records()


def test_perfect_perception_stays_in_the_lane(finished):
    metrics = finished[0].metrics
    assert metrics.controller == "pure_pursuit"
    assert (metrics.departures, metrics.completed_ratio, metrics.counts) == (0, 1.0, True)
    assert metrics.offset_max_m < 0.15
    assert metrics.mean_speed_ratio == 1.0
    assert (metrics.availability_ratio, metrics.wrong_confident_ratio, metrics.lost_frame_ratio) == (1.0, 0.0, 0.0)
    assert (metrics.latency_ms.p50, metrics.latency_ms.p99) == pytest.approx((50.0, 50.0))
    assert 1.5 < metrics.lat_accel_max_mps2 < 2.0  # 10 m/s at R = 60 m
    assert metrics.distance_m == pytest.approx(82.0, abs=0.5)
    assert metrics.real_time_factor > 0


def test_without_steering_the_car_leaves_the_lane_and_the_run_does_not_count(finished):
    record = finished[1]
    assert record.metrics.controller == "zero"
    assert record.metrics.departures == 1
    assert record.details.end == "more than 1.75 m off the lane centre"
    assert record.details.trace.offset_m[-1] < -1.5  # without steering, the car leaves a left bend to the right
    assert not record.metrics.counts


def test_a_repeated_drive_has_the_same_result(tmp_path, finished):
    sweep = Sweep(plan(write_short(tmp_path)), tmp_path / "out")
    run(sweep)
    (again,) = sweep.records()
    assert structs.replace(again.metrics, real_time_factor=1.0) == structs.replace(
        finished[0].metrics, real_time_factor=1.0
    )
    assert again.details == finished[0].details


def test_only_missing_or_changed_runs_are_driven(tmp_path):
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


def test_the_baseline_has_perfect_perception_without_events_and_is_no_result(tmp_path):
    path = write_short(tmp_path, faults="[{kind: dropped_frames, ratio: 1.0}]")
    sweep = Sweep(plan(path, controllers=("zero",)), tmp_path / "out")
    baseline = [job for job in sweep.open if job.controller != "zero"]
    assert [job.scenario.events for job in baseline] == [()]
    run(sweep)
    (record,) = sweep.records()
    assert record.metrics.mean_speed_ratio < 0.9  # it never detected a lane, and braked
    assert record.metrics.availability_ratio is None


@pytest.mark.parametrize(("fault", "dropped", "available"), [
    ("{kind: dropped_frames, ratio: 0.5}", 0.5, 1.0),
    ("{kind: blackout, at_s: 2, duration_s: 1}", 0.0, 1 - 1 / 8.3),  # it slows down during the blackout
])  # fmt: skip
def test_dropped_frames_are_counted_as_withheld_and_black_frames_have_no_lane(tmp_path, fault, dropped, available):
    sweep = Sweep(plan(write_short(tmp_path, faults=f"[{fault}]")), tmp_path / "out")
    run(sweep)
    (record,) = sweep.records()
    assert record.metrics.lost_frame_ratio == 0.0
    assert record.details.withheld_frame_ratio == pytest.approx(dropped, abs=0.1)
    assert record.metrics.availability_ratio == pytest.approx(available, abs=0.02)


def test_a_real_detector_drives(tmp_path):
    sweep = Sweep(
        structs.replace(
            plan(write_short(tmp_path, distance_m=25), methods=("cv",)),
            configuration=load(SECTIONS, environ={}, assignments=("camera.width_px=400", "camera.height_px=300"))
            .to_json(),
        ),
        tmp_path / "out",
    )  # fmt: skip
    run(sweep)
    (record,) = sweep.records()
    assert record.metrics.departures == 0
    assert record.metrics.availability_ratio > 0.9
    assert 0 < record.metrics.detection_offset_p95_m < 0.2


def test_a_failed_run_is_reported_and_the_others_continue(tmp_path):
    sweep = Sweep(plan(write_too_far(tmp_path), write_short(tmp_path, distance_m=15)), tmp_path / "out")
    sweep.run(InProcess(), lambda job: None)
    ((job, error),) = sweep.failed.values()
    assert job.scenario.name == "too_far"
    assert "too short to drive from 500 m on" in str(error)
    assert [record.metrics.scenario for record in sweep.records()] == ["short"]


def test_several_processes_give_the_same_results_as_one(tmp_path, monkeypatch):
    path = write_short(tmp_path, distance_m=15)
    one, two = (Sweep(plan(path, seeds=(1, 2)), tmp_path / name) for name in ("one", "two"))
    run(one)
    masks, launch = [], Popen._launch

    def launch_and_record(self, process):
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        launch(self, process)

    monkeypatch.setattr(Popen, "_launch", launch_and_record)
    two.run(Processes(2), lambda job: None)
    assert masks  # the second process is started while the first one is busy
    assert all(signal.SIGINT in mask for mask in masks), "a Ctrl-C may reach workers before they set their handler"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def without_time(records):
        return [structs.replace(r, metrics=structs.replace(r.metrics, real_time_factor=1.0)) for r in records]

    assert without_time(one.records()) == without_time(two.records())
    assert len(two.records()) == 2


def test_a_run_counts_as_finished_as_soon_as_its_file_exists(tmp_path, monkeypatch):
    def write_and_interrupt(file, text):
        write_atomically(file, text)
        raise KeyboardInterrupt

    sweep = Sweep(plan(write_short(tmp_path, distance_m=15), seeds=(1, 2)), tmp_path / "out")
    monkeypatch.setattr("simulation.evaluation.sweep.write_atomically", write_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(InProcess(), lambda job: None)
    assert len(list((tmp_path / "out" / "runs").iterdir())) == len(sweep.records()) == 1


def test_a_run_ends_on_request(tmp_path):
    job = Sweep(plan(write_short(tmp_path)), tmp_path / "out").open[0]
    with pytest.raises(Interrupted):
        run_job(job, lambda: True)


def test_the_camera_of_these_tests_is_not_the_default():
    assert CameraConfig().width_px != 160


def test_the_controller_compensates_side_wind(tmp_path):
    sweep = Sweep(plan(built_in_scenarios()["gusts_130"], controllers=("lqr",)), tmp_path / "out")
    run(sweep)
    (record,) = sweep.records()
    assert record.metrics.departures == 0
    assert record.metrics.offset_max_m < 0.62  # 0.80 m if it learned only 0.5 m/s² within half a second
