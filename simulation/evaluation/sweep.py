"""All runs of an evaluation: which are planned, which are finished, and their results against the baselines."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from lkas.atomic_file import write_atomically
from lkas.plugins.names import short_names
from lkas.plugins.sources import module_file
from simulation.evaluation.executors import Executor
from simulation.evaluation.jobs import Job, job_of
from simulation.evaluation.run import run_job
from simulation.evaluation.run_record import Record
from simulation.evaluation.scenario import Scenario
from simulation.evaluation.scenario_file import road_text
from simulation.evaluation.settings import TRUTH, ZERO


class Plan(Struct, frozen=True, kw_only=True):
    """The combinations to run: scenarios x seeds x methods x controllers."""

    scenarios: tuple[Scenario, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...]
    controllers: tuple[str, ...]
    latency_s: float
    configuration: str  # JSON
    default_controller: str  # of the baseline of `zero`


class Sweep:
    """A plan and the folder of its results."""

    def __init__(self, plan: Plan, out: Path) -> None:
        self._folder = out / "runs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._maps = {scenario.name: _map_file(scenario, out / "roads") for scenario in plan.scenarios}
        self.jobs = [
            self._job(scenario, seed, method, controller)
            for method in plan.methods
            for controller in plan.controllers
            for scenario in plan.scenarios
            for seed in plan.seeds
        ]
        driven = [job for job in self.jobs if job.scenario.world is None]  # a custom world has no perfect perception
        self._baselines = {job.inputs: self._baseline(job) for job in driven}
        needed = {job.inputs: job for job in (*self.jobs, *self._baselines.values())}
        self.done: dict[str, Record] = {}  # by inputs
        self.failed: dict[str, tuple[Job, Exception]] = {}
        for job in needed.values():
            record = self._stored(job)
            if record is not None:
                self.done[job.inputs] = record
        self.open = [job for job in needed.values() if job.inputs not in self.done]

    def run(self, executor: Executor, on_done: Callable[[Job], None]) -> None:
        """Drive the open runs; each result is stored when it is finished."""
        for job, result in executor.run(run_job, self.open):
            if isinstance(result, Record):
                self.done[job.inputs] = result  # before the file: an interrupt after the file finds the run counted
                write_atomically(self._folder / job.file_name, msgspec.json.encode(result).decode())
            else:
                self.failed[job.inputs] = (job, result)
            on_done(job)

    def records(self) -> list[Record]:
        """Return the finished records of the plan, in its order, with their speed relative to the baseline."""
        records, labels = [], self._labels()
        for job in self.jobs:
            record = self.done.get(job.inputs)
            if record is not None:
                planned = self._baselines.get(job.inputs)
                baseline = None if planned is None else self.done.get(planned.inputs)
                ratio = _speed_ratio(record, baseline)
                named = {"method": labels[job.method], "controller": labels[job.controller]}
                metrics = structs.replace(record.metrics, mean_speed_ratio=ratio, **named)
                records.append(structs.replace(record, metrics=metrics))
        return records

    def _labels(self) -> dict[str, str]:
        """Return the displayed text of each name; plugin files of the same name are distinguished by their folders."""
        names = [*self._plan.methods, *self._plan.controllers]
        return dict(zip(names, short_names(names), strict=True))

    def _job(self, scenario: Scenario, seed: int, method: str, controller: str) -> Job:
        return job_of(
            scenario,
            seed=seed,
            method=method,
            controller=controller,
            latency_s=self._plan.latency_s,
            configuration=self._plan.configuration,
            map_file=self._maps[scenario.name],
        )

    def _baseline(self, job: Job) -> Job:
        """Return the job of the same drive with perfect perception and without events."""
        controller = self._plan.default_controller if job.controller == ZERO else job.controller
        return self._job(job.scenario.undisturbed(), job.seed, TRUTH, controller)

    def _stored(self, job: Job) -> Record | None:
        """Return the stored result with the same inputs; None also for an unreadable file."""
        try:
            record = msgspec.json.decode((self._folder / job.file_name).read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return record if record.inputs == job.inputs else None


def _speed_ratio(record: Record, baseline: Record | None) -> float | None:
    if baseline is None or record.details.mean_speed_mps is None or not baseline.details.mean_speed_mps:
        return None
    return record.details.mean_speed_mps / baseline.details.mean_speed_mps


def _map_file(scenario: Scenario, folder: Path) -> Path:
    """Return the scenario's map; write a generated road into the folder, so that `simulation --map` can drive it."""
    if scenario.world is not None:
        return module_file(scenario.world) or Path(scenario.world)
    if scenario.map is not None:
        return Path(scenario.map)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario.name}.xodr"
    write_atomically(path, road_text(scenario))
    return path
