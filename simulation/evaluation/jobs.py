"""One run: everything that decides its outcome in one value, and the function that drives it."""

import functools
import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from lkas.config import Configuration, from_json
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.plugins.guard import PluginError
from lkas.plugins.names import is_plugin_name, short_name
from lkas.plugins.sources import content_digest
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld, RouteStart
from simulation.evaluation.driver import Driver
from simulation.evaluation.results import Record, RunFigures
from simulation.evaluation.run_score import Goal, RunScore
from simulation.evaluation.scenarios import Scenario
from simulation.evaluation.settings import SECTIONS
from simulation.lockstep import lockstep
from simulation.opendrive.default_route import MAX_LENGTH_M
from simulation.opendrive.route_choice import DEFAULT, TURNS
from simulation.world import Tick, WorldError

TIME_LIMIT_RATIO, TIME_LIMIT_S = 3.0, 10.0  # a way may take so much longer than at the set speed
REST_M = 5.0  # before the end of a route: a car inside of all bends drives a little less than its length
SOURCES = (".py", ".c", ".h", ".onnx")
ROOT = Path(__file__).resolve().parents[2]


class Interrupted(Exception):
    """Somebody asked the run to stop."""


class Job(Struct, frozen=True, kw_only=True):
    """One run to be made."""

    scenario: Scenario
    seed: int
    method: str
    controller: str
    latency_s: float
    configuration: str  # JSON of SECTIONS
    map_file: str
    plugin_digest: str  # hash of the sources of the plugins among method and controller
    inputs: str  # hash of all of these, of the map's content, and of the code that drives

    @property
    def name(self) -> str:
        """Readable, and the name of its file together with the hash."""
        latency_ms = round(self.latency_s * 1e3)
        drive = f"{self.scenario.name}.{self.scenario.head.condition}"
        return f"{drive}.{short_name(self.method)}.{short_name(self.controller)}.{latency_ms}ms.seed{self.seed}"

    @property
    def file_name(self) -> str:
        return f"{self.name}.{self.inputs[:12]}.json"


def job_of(
    scenario: Scenario, *, seed: int, method: str, controller: str, latency_s: float, configuration: str, map_file: Path
) -> Job:
    """A job and its hash. A scenario's own latency goes before the given one."""
    if scenario.head.latency_s is not None:
        latency_s = scenario.head.latency_s
    names = short_name(method), short_name(controller)  # a plugin is identified by its content, wherever it lies
    known = structs.replace(scenario, map=None), seed, *names, latency_s, configuration
    digest = hashlib.sha256(msgspec.json.encode(known))
    plugin_digest = digest_of_plugins(method, controller)
    digest.update(plugin_digest.encode())
    digest.update(map_file.read_bytes())
    digest.update(code_digest())
    return Job(
        scenario=scenario,
        seed=seed,
        method=method,
        controller=controller,
        latency_s=latency_s,
        configuration=configuration,
        map_file=str(map_file),
        plugin_digest=plugin_digest,
        inputs=digest.hexdigest(),
    )


def digest_of_plugins(*names: str) -> str:
    """Hash of the sources of the plugins among these names; empty when there is none."""
    return "".join(content_digest(name).hex() for name in names if is_plugin_name(name))


@functools.cache
def code_digest() -> bytes:
    """Of every source file that may take part in a run: results of other code are not these results."""
    digest = hashlib.sha256()
    for package in ("lkas", "simulation"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in SOURCES:
                digest.update(path.read_bytes())
    return digest.digest()


def run_job(job: Job, is_stopped: Callable[[], bool] = lambda: False) -> Record:
    """Drive it. Raises Interrupted as soon as `is_stopped` says so, WorldError for a map that can not be driven, and
    PluginError for a controller plugin that fails: metrics of its fallback would say nothing about it."""
    scenario = job.scenario
    loaded = from_json(SECTIONS, job.configuration)
    decision = structs.replace(loaded["decision"], set_speed_mps=scenario.head.set_speed_mps)
    configuration = Configuration({**{name: loaded[name] for name in loaded}, "decision": decision})
    world = EmbeddedWorld(
        SimulationConfig(
            map=job.map_file,
            route=scenario.route,
            condition=scenario.head.condition,
            seed=job.seed,
            start_speed_mps=scenario.start_speed_mps,
        ),
        configuration["camera"],
        configuration["vehicle"],
        RouteStart(
            s_m=scenario.start.s_m,
            offset_m=scenario.start.offset_m,
            heading_rad=math.radians(scenario.start.heading_deg),
        ),
    )
    goal = _goal(scenario, world)
    score = RunScore(goal)
    driver = Driver(
        world,
        configuration,
        method=job.method,
        controller=job.controller,
        latency_s=job.latency_s,
        events=scenario.events,
        seed=job.seed,
        on_detection=score.add_detection,
        on_withheld=score.withhold_frame,
    )
    if digest_of_plugins(job.method, job.controller) != job.plugin_digest:
        names = " or ".join(short_name(name) for name in (job.method, job.controller) if is_plugin_name(name))
        raise PluginError(f"{names} is not what it was when the evaluation began; start it again")

    def on_tick(tick: Tick, control: ControlMessage | None) -> None:
        score.add_tick(tick, control)
        driver.see(tick)

    begin_s = time.thread_time()
    lockstep(
        world,
        driver.decide,
        _time_limit_s(goal, scenario.head.set_speed_mps),
        on_tick,
        render=driver.needs_frames,
        is_over=lambda: score.end is not None or is_stopped(),
    )
    if is_stopped():
        raise Interrupted
    core_s = time.thread_time() - begin_s
    figures = RunFigures(
        scenario=scenario.name,
        map=scenario.map_name,
        route=_route_words(scenario.route, world),
        condition=scenario.head.condition,
        seed=job.seed,
        method=short_name(job.method),
        controller=short_name(job.controller),
        latency_s=job.latency_s,
        mean_speed_ratio=None,
        real_time_factor=score.driven_s / max(core_s, 1e-9),
        **score.figures(),
    )
    details = structs.replace(score.details(), detector_failures=driver.detector_failures)
    return Record(inputs=job.inputs, figures=figures, details=details)


def _goal(scenario: Scenario, world: EmbeddedWorld) -> Goal:
    """What the scenario asks for, or the way of its route, of a long one `MAX_LENGTH_M`."""
    distance_m, duration_s = scenario.distance_m, scenario.head.duration_s
    if distance_m is None and duration_s is None:
        distance_m = min(world.drive_length_m - REST_M, MAX_LENGTH_M)
        try:
            scenario.check_excused(distance_m)
        except ValueError as error:
            raise WorldError(f"{scenario.name}: {error}") from error
    excused = tuple((stretch.from_m, stretch.to_m) for stretch in scenario.excused)
    return Goal(distance_m=distance_m, duration_s=duration_s, excused=excused)


def _route_words(choice: str | None, world: EmbeddedWorld) -> str:
    """The route as results name it: what was chosen, then what it is."""
    route, stretch = world.route, world.route.stretch
    name = choice if choice in (None, DEFAULT, TURNS) else "named"
    roads = f"roads {','.join(route.roads)}" if route.roads else "within a junction"
    lane, end_reason = route.legs[0].lane, stretch.end_reason
    return f"{name or 'whole'}: {roads}, lane {lane:+d}, {stretch.length_m:.0f} m, ends {end_reason}"


def _time_limit_s(goal: Goal, set_speed_mps: float) -> float:
    if goal.distance_m is None:
        return goal.duration_s or 0.0
    return TIME_LIMIT_RATIO * goal.distance_m / set_speed_mps + TIME_LIMIT_S
