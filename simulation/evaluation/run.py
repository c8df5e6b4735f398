"""Drives one job in lock-step and scores it."""

import math
import time
from collections.abc import Callable
from contextlib import closing

import msgspec
from msgspec import structs

from lkas.config import Configuration, from_json
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.plugins.guard import PluginError
from lkas.plugins.names import is_plugin_name, short_name
from lkas.scale import FULL_SIZE
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld, RouteStart
from simulation.evaluation.driver import LockstepDriver
from simulation.evaluation.jobs import Job, plugin_digest
from simulation.evaluation.metrics import RunMetrics
from simulation.evaluation.run_end import Goal
from simulation.evaluation.run_record import Record
from simulation.evaluation.run_score import RunScore
from simulation.evaluation.scenario import Scenario
from simulation.evaluation.settings import SECTIONS
from simulation.foreign.plugin_world import PluginWorld
from simulation.lockstep import lockstep
from simulation.opendrive.default_route import MAX_LENGTH_M
from simulation.opendrive.route_choice import DEFAULT, TURNS
from simulation.world import Tick, WorldError

TIME_LIMIT_RATIO, TIME_LIMIT_S = 3.0, 10.0  # time limit: this ratio of the time at the set speed, plus this time
END_MARGIN_M = 5.0  # before the end of a route: on the inside of all bends, a car travels less than the route length


class Interrupted(Exception):
    """The run was stopped before its end."""


def run_job(job: Job, is_stopped: Callable[[], bool] = lambda: False) -> Record:
    """Drive a job and return its record.

    Raises Interrupted when `is_stopped` returns True, WorldError for a map that cannot be driven, and PluginError
    when a controller plugin fails, because its fallback would be scored instead.
    """
    scenario = job.scenario
    configuration = _configuration(job)
    if scenario.world is None:
        return _driven(job, configuration, _embedded_world(job, configuration), is_stopped)
    with closing(PluginWorld(scenario.world, msgspec.json.decode(scenario.world_options))) as world:
        camera = structs.replace(configuration["camera"], width_px=world.width_px, height_px=world.height_px)
        seen = Configuration({**{name: configuration[name] for name in configuration}, "camera": camera})
        return _driven(job, seen, world, is_stopped)


def _configuration(job: Job) -> Configuration:
    """Return the configuration of the job with the car and the set speed of its scenario."""
    loaded, car = from_json(SECTIONS, job.configuration), msgspec.json.decode(job.scenario.car)
    sections = {name: structs.replace(loaded[name], **car.get(name, {})) for name in loaded}
    decision = structs.replace(sections["decision"], set_speed_mps=job.scenario.header.set_speed_mps)
    return Configuration({**sections, "decision": decision})


def _embedded_world(job: Job, configuration: Configuration) -> EmbeddedWorld:
    scenario = job.scenario
    return EmbeddedWorld(
        SimulationConfig(
            map=job.map_file,
            route=scenario.route,
            condition=scenario.header.condition,
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


def _driven(
    job: Job, configuration: Configuration, world: EmbeddedWorld | PluginWorld, is_stopped: Callable[[], bool]
) -> Record:
    scenario = job.scenario
    goal = _goal(scenario, world)
    score = RunScore(goal, configuration["camera"].geometry())
    driver = LockstepDriver(
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
    plugins = (job.method, job.controller, scenario.world or "")
    if plugin_digest(*plugins) != job.plugin_digest:
        names = " or ".join(short_name(name) for name in plugins if is_plugin_name(name))
        raise PluginError(f"{names} has changed since the evaluation was started; start it again")

    def on_tick(tick: Tick, control: ControlMessage | None) -> None:
        score.add_tick(tick, control)
        driver.observe(tick)

    limit_s = _time_limit_s(goal, scenario.header.set_speed_mps)
    start_s = time.thread_time()
    lockstep(
        world,
        driver.decide,
        limit_s,
        on_tick,
        render=driver.needs_frames,
        is_over=lambda: score.end is not None or is_stopped(),
    )
    if is_stopped():
        raise Interrupted
    if scenario.world is not None and score.driven_s < limit_s - world.tick_s:
        score.complete("the world ended")
    cpu_s = time.thread_time() - start_s
    metrics = RunMetrics(
        scenario=scenario.name,
        map=scenario.map_name,
        route=_route_text(scenario.route, world) if isinstance(world, EmbeddedWorld) else None,
        condition=scenario.header.condition if scenario.world is None else None,
        seed=job.seed,
        method=short_name(job.method),
        controller=short_name(job.controller),
        latency_s=job.latency_s,
        mean_speed_ratio=None,
        real_time_factor=score.driven_s / max(cpu_s, 1e-9),
        **score.metrics(),
    )
    details = structs.replace(score.details(), detector_failures=driver.detector_failures)
    return Record(inputs=job.inputs, metrics=metrics, details=details)


def _goal(scenario: Scenario, world: EmbeddedWorld | PluginWorld) -> Goal:
    """Return the goal of the scenario, by default the length of its route, at most `MAX_LENGTH_M`."""
    distance_m, duration_s = scenario.distance_m, scenario.header.duration_s
    if distance_m is None and duration_s is None and isinstance(world, EmbeddedWorld):
        distance_m = min(world.drive_length_m - END_MARGIN_M * world.route.road_map.scale.length, MAX_LENGTH_M)
        try:
            scenario.check_excused(distance_m)
        except ValueError as error:
            raise WorldError(f"{scenario.name}: {error}") from error
    excused = tuple((stretch.from_m, stretch.to_m) for stretch in scenario.excused)
    road = world.route.road_map.scale if isinstance(world, EmbeddedWorld) else FULL_SIZE
    return Goal(distance_m=distance_m, duration_s=duration_s, excused=excused, road=road)


def _route_text(choice: str | None, world: EmbeddedWorld) -> str:
    """Return the description of the route in the results: the choice, then the roads, lane and length."""
    route, stretch = world.route, world.route.stretch
    name = choice if choice in (None, DEFAULT, TURNS) else "named"
    roads = f"roads {','.join(route.roads)}" if route.roads else "within a junction"
    return (
        f"{name or 'whole'}: {roads}, lane {route.legs[0].lane:+d}, {stretch.length_m:.0f} m, ends {stretch.end_reason}"
    )


def _time_limit_s(goal: Goal, set_speed_mps: float) -> float:
    if goal.distance_m is None:
        return goal.duration_s or 0.0
    return TIME_LIMIT_RATIO * goal.distance_m / set_speed_mps + TIME_LIMIT_S
