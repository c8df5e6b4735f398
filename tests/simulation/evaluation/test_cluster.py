"""Sweeps on a Dask scheduler with two workers."""

import gc
import json
import os
import subprocess
import sys

import pytest
from msgspec import structs

from simulation.evaluation.cluster import Cluster
from simulation.evaluation.executors import InProcess
from simulation.evaluation.sweep import Sweep
from tests.simulation.evaluation.drives import write_short, write_too_far
from tests.simulation.evaluation.test_sweep import plan
from tests.support.stack import PATIENCE_S, ROOT, closed_port, wait_until

pytest.importorskip("distributed", reason="the extra `sweep` is not installed")

# The client library's own event loop leaves sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Extend the timeout for a busy machine; collect the library's leftovers here and not in another test."""
    monkeypatch.setattr("simulation.evaluation.cluster.CONNECT_TIMEOUT_S", PATIENCE_S)
    yield
    gc.collect()


def start(command, *arguments, folder):
    with (folder / f"{command}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{command}",
             "--scheduler-file", str(folder / "scheduler.json"), *arguments],
            cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """(address, worker processes)"""
    folder = tmp_path_factory.mktemp("cluster")
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", folder=folder)
    workers = []
    try:
        wait_until((folder / "scheduler.json").exists, "a scheduler")
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder))
        workers += [start("worker", *options, folder=folder) for _ in range(2)]
        log = folder / "scheduler.log"
        wait_until(lambda: log.read_text().count("Register worker") >= 2, "two workers")
        yield json.loads((folder / "scheduler.json").read_text())["address"], workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait(PATIENCE_S)


def without_time(records):
    return [structs.replace(r, metrics=structs.replace(r.metrics, real_time_factor=1.0)) for r in records]


def test_two_workers_give_the_same_results_as_one_process(tmp_path, cluster):
    path = write_short(tmp_path, distance_m=15)
    local, remote = (Sweep(plan(path, seeds=(1, 2, 3)), tmp_path / name) for name in ("local", "remote"))
    local.run(InProcess(), lambda job: None)
    remote.run(Cluster(cluster[0]), lambda job: None)
    assert remote.failed == {}
    assert len(remote.records()) == 3
    assert without_time(remote.records()) == without_time(local.records())


def test_a_run_that_fails_on_a_worker_is_reported_and_the_others_continue(tmp_path, cluster):
    sweep = Sweep(plan(write_too_far(tmp_path), write_short(tmp_path, distance_m=15)), tmp_path / "out")
    sweep.run(Cluster(cluster[0]), lambda job: None)
    ((job, error),) = sweep.failed.values()
    assert job.scenario.name == "too_far"
    assert "too short to drive from 500 m on" in str(error)
    assert [record.metrics.scenario for record in sweep.records()] == ["short"]


def test_workers_with_other_source_code_are_refused(tmp_path, cluster, monkeypatch):
    sweep = Sweep(plan(write_short(tmp_path, distance_m=15)), tmp_path / "out")
    monkeypatch.setattr("simulation.evaluation.cluster.code_digest", lambda: b"another version")
    sweep.run(Cluster(cluster[0]), lambda job: None)
    ((_, error),) = sweep.failed.values()
    assert "the source code of lkas on the worker differs" in str(error)


def test_an_interrupt_stops_the_runs_on_the_workers(tmp_path, cluster):
    long = Sweep(plan(write_short(tmp_path, name="long"), seeds=tuple(range(1, 40))), tmp_path / "out")

    def interrupt(job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        long.run(Cluster(cluster[0]), interrupt)
    assert len(long.done) == 1  # the finished run is stored
    short = Sweep(plan(write_short(tmp_path, distance_m=15)), tmp_path / "next")
    short.run(Cluster(cluster[0]), lambda job: None)  # the workers are free again
    assert len(short.records()) == 1


def test_no_scheduler_is_one_sentence_and_exit_code_3(tmp_path):
    with closed_port() as port:
        address = f"tcp://127.0.0.1:{port}"
        done = subprocess.run(
            [sys.executable, "-m", "simulation", "eval", "--scheduler", address, "--out", str(tmp_path / "out"),
             "--scenario", str(write_short(tmp_path))],
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.strip().count("\n") == 0
    assert f"no Dask scheduler answers at {address}; start one with `dask scheduler`" in done.stderr
