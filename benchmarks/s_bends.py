"""Random S-bends with the real LaneKeeper: the score to compare before and after a change of estimator or controller.

    python -m benchmarks.s_bends --controller lqr --runs 100 --jobs 2
    python -m benchmarks.s_bends --controller lqr --plant embedded

The car is the prototype's, a dynamic single track with saturating tyres, or that of the embedded world; the camera's
errors are white and correlated (tests/lkas/decision/noisy_camera.py). Radius 125 to 2000 m (log-uniform), lateral
acceleration 0.8 to 2.2 m/s², at most 130 km/h, latency 20 to 200 ms, steering lag 0.06 to 0.25 s, 0, 10 or 30 % of
the frames lost. The keeper assumes a lag of 0.12 s throughout. Lateral acceleration is a 0.1 s mean, jerk its change
over 0.5 s; offsets count after the first second. More rows: the same bends at latency 0, 200 and 300 ms, with 80 % of
the frames lost, with the errors of the real detector instead of the prototype's, and one second without frames at 130
km/h. The row `decide` is the CPU time of one decision, with and without a measurement.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks.embedded_car import EmbeddedCar
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import Drive, drive
from tests.lkas.decision.plant import Plant
from tests.lkas.decision.road import Road, bend, s_bend

KMH = 1 / 3.6
NOISE = 0.7  # of the prototype's errors
ROWS = ("mixed", "detector", "latency", "lost", "blackout", "decide")


class TestedCar(NamedTuple):
    """A car, and the model that the keeper has of it."""

    plant: type[Plant]
    options: dict[str, float]
    model: VehicleConfig
    model_slip: dict[str, float]


CARS = {
    # The compact car of the CommonRoad vehicle models (number 2).
    "prototype": TestedCar(
        plant=Plant,
        options={
            "dead_time_s": 0.0,
            "mass_kg": 1093.3,
            "inertia_kgm2": 1791.6,
            "front_m": 1.1562,
            "rear_m": 1.4227,
            "front_npr": 129.7e3,
            "rear_npr": 105.4e3,
        },
        model=VehicleConfig(wheelbase_m=2.579, cg_to_rear_axle_m=1.4227, steering_delay_s=0.02, steering_lag_s=0.12),
        model_slip={"understeer_s2pm": 0.0, "rear_slip_s2pm": 0.0045, "yaw_lag_s2pm": 0.004},
    ),
    "embedded": TestedCar(plant=EmbeddedCar, options={"dead_time_s": 0.06}, model=VehicleConfig(), model_slip={}),
}


class Task(NamedTuple):
    """One drive; `how` fixes values that are random otherwise."""

    controller: str
    car: str
    seed: int
    how: dict[str, Any]
    parameters: dict[str, Any]


def random_bend(task: Task) -> dict[str, float]:
    """Drive one random S-bend and return its metrics."""
    random = np.random.default_rng(task.seed)
    radius_m = float(np.exp(random.uniform(np.log(125), np.log(2000))))
    speed_mps = min(130 * KMH, float(np.sqrt(random.uniform(0.8, 2.2) * radius_m)))
    drawn = {
        "latency_s": float(random.uniform(0.02, 0.2)),
        "lag_s": float(random.uniform(0.06, 0.25)),
        "lost": float(random.choice([0.0, 0.1, 0.3])),
    }
    sign = float(random.choice([-1.0, 1.0]))
    road = s_bend(radius_m, speed_mps, sign)
    return _metrics(_drive(task, road, speed_mps, **(drawn | task.how)))


def blackout(task: Task) -> dict[str, float]:
    """Drive into a bend of 1000 m at 130 km/h, without frames for one second that starts at 2 to 6 s."""
    start_s = 2.0 + task.seed % 5
    how = {"latency_s": 0.05, "lag_s": 0.12} | task.how
    how["lines_at"] = lambda t: "blackout" if 0 <= t - start_s < 1 else "both"
    return _metrics(_drive(task, bend(1000, 130 * KMH), 130 * KMH, **how))


def decide_cost(task: Task) -> dict[str, float]:
    """Measure the CPU time of `decide` (ms) over one S-bend."""
    keeper = make_keeper(task.controller, 25.0, task.parameters, CARS[task.car])
    decide, costs = keeper.decide, {True: [], False: []}

    def timed(now_s, detection, vehicle):
        start_ns = time.process_time_ns()
        control = decide(now_s, detection, vehicle)
        costs[detection is not None].append(time.process_time_ns() - start_ns)
        return control

    keeper.decide = timed
    car = CARS[task.car]
    drive(s_bend(400, 25.0), 25.0, noise=NOISE, seed=task.seed, keeper=keeper, car=car.plant, **car.options)
    return {
        f"{name}_ms {label}": float(np.percentile(costs[measured], share)) / 1e6
        for measured, name in ((False, "without"), (True, "with_measurement"))
        for label, share in (("p50", 50), ("p99", 99))
    }


def _drive(task: Task, road: Road, speed_mps: float, **how: Any) -> Drive:
    car = CARS[task.car]
    keeper = make_keeper(task.controller, speed_mps, task.parameters, car)
    how = {"noise": NOISE} | car.options | how
    return drive(road, speed_mps, seed=task.seed, keeper=keeper, car=car.plant, **how)


def make_keeper(controller: str, speed_mps: float, parameters: dict[str, Any], car: TestedCar) -> LaneKeeper:
    """Create the keeper with its model of the car."""
    # With 3 m/s² the keeper does not slow down for the bends: each is driven at its random speed.
    values = car.model_slip | {"set_speed_mps": speed_mps, "curve_lateral_acceleration_mps2": 3.0} | parameters
    return LaneKeeper(DecisionParameters(controller=controller, **values), car.model, CameraConfig())


def _metrics(driven: Drive) -> dict[str, float]:
    return {
        "departed": float(driven.has_departed()),
        "finished": float(driven.plant.s_m > driven.plant.road.length_m - 31),
        "rms_m": driven.rms_m(1.0),
        "max_m": driven.max_m(1.0),
        "lateral_mps2": driven.max_lateral_mps2,
        "jerk_mps3": driven.max_jerk_mps3,
    }


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return median, 95th percentile and maximum over the runs; only the median of CPU times."""
    if "departed" not in runs[0]:
        return {name: round(float(np.median([run[name] for run in runs])), 3) for name in runs[0]}
    table = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    result = {
        "runs": len(runs),
        "departures": int(table["departed"].sum()),
        "unfinished": int(np.sum(1 - table["finished"])),
    }
    for name in ("rms_m", "max_m", "lateral_mps2", "jerk_mps3"):
        values = table[name]
        for label, value in (("p50", np.median(values)), ("p95", np.percentile(values, 95)), ("max", values.max())):
            result[f"{name} {label}"] = round(float(value), 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controller", nargs="+", choices=CONTROLLERS, default=list(CONTROLLERS))
    parser.add_argument("--plant", choices=list(CARS), default="prototype")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of section decision")
    parser.add_argument("--out", type=Path, help="write the summaries as JSON")
    options = parser.parse_args()
    parameters = {name: json.loads(value) for name, value in (item.split("=") for item in options.set)}
    fewer = max(1, options.runs // 4)
    rows = {"mixed": (random_bend, options.runs, {}), "blackout": (blackout, 20, {})}
    rows |= {
        "detector": (random_bend, options.runs, {"errors": "detector", "noise": 1.0}),
        "lost": (random_bend, fewer, {"lost": 0.8}),
    }
    rows |= {"decide": (decide_cost, 3, {})}
    rows |= {f"latency {ms} ms": (random_bend, fewer, {"latency_s": ms / 1000}) for ms in (0, 200, 300)}
    results: dict[str, dict] = {}
    with ProcessPoolExecutor(options.jobs, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        for controller in options.controller:
            for row, (run, count, how) in rows.items():
                if row.split()[0] in options.only:
                    tasks = [Task(controller, options.plant, seed, how, parameters) for seed in range(count)]
                    results[f"{controller}, {row}"] = summary(list(pool.map(run, tasks)))
                    print(f"{controller}, {row}: {results[f'{controller}, {row}']}", flush=True)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
