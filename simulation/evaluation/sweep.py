"""All runs of an evaluation: which there are, which are done already, and what they say together."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from lkas.plugins.names import short_names
from simulation.evaluation.executors import Executor
from simulation.evaluation.jobs import Job, job_of, run_job
from simulation.evaluation.results import Record, write_whole
from simulation.evaluation.scenarios import Scenario, road_text
from simulation.evaluation.settings import TRUTH, ZERO


class Plan(Struct, frozen=True, kw_only=True):
    """What to run."""

    scenarios: tuple[Scenario, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...]
    controllers: tuple[str, ...]
    latency_s: float
    configuration: str  # JSON
    default_controller: str  # of the baseline that `zero` is held against


class Sweep:
    """A plan and the folder its results live in."""

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
        self._baselines = {job.inputs: self._baseline(job) for job in self.jobs}
        needed = {job.inputs: job for job in (*self.jobs, *self._baselines.values())}
        self.done: dict[str, Record] = {}  # by inputs
        self.failed: dict[str, tuple[Job, Exception]] = {}
        for job in needed.values():
            record = self._stored(job)
            if record is not None:
                self.done[job.inputs] = record
        self.open = [job for job in needed.values() if job.inputs not in self.done]

    def run(self, executor: Executor, on_done: Callable[[Job], None]) -> None:
        """Make the open runs; each is kept as soon as it is done."""
        for job, result in executor.run(run_job, self.open):
            if isinstance(result, Record):
                self.done[job.inputs] = result  # first: whoever sees the file and interrupts finds the run counted
                write_whole(self._folder / job.file_name, msgspec.json.encode(result).decode())
            else:
                self.failed[job.inputs] = (job, result)
            on_done(job)

    def records(self) -> list[Record]:
        """Those of the plan that are done, in its order, held against their baselines."""
        records, labels = [], self._labels()
        for job in self.jobs:
            record = self.done.get(job.inputs)
            if record is not None:
                baseline = self.done.get(self._baselines[job.inputs].inputs)
                ratio = _speed_ratio(record, baseline)
                named = {"method": labels[job.method], "controller": labels[job.controller]}
                figures = structs.replace(record.figures, mean_speed_ratio=ratio, **named)
                records.append(structs.replace(record, figures=figures))
        return records

    def _labels(self) -> dict[str, str]:
        """What people read in the place of each name; two own files of one name are told apart by their folders."""
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
        """The same drive with perfect perception and nothing going wrong."""
        controller = self._plan.default_controller if job.controller == ZERO else job.controller
        return self._job(job.scenario.undisturbed(), job.seed, TRUTH, controller)

    def _stored(self, job: Job) -> Record | None:
        """A result with the same inputs; one that can not be read is made again."""
        try:
            record = msgspec.json.decode((self._folder / job.file_name).read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None
        return record if record.inputs == job.inputs else None


def _speed_ratio(record: Record, baseline: Record | None) -> float | None:
    if baseline is None or record.details.mean_speed_mps is None or not baseline.details.mean_speed_mps:
        return None
    return record.details.mean_speed_mps / baseline.details.mean_speed_mps


def _map_file(scenario: Scenario, folder: Path) -> Path:
    """The scenario's map; a generated one is written, where it can be looked at and driven with `simulation --map`."""
    if scenario.map is not None:
        return Path(scenario.map)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{scenario.name}.xodr"
    write_whole(path, road_text(scenario))
    return path
