"""Departure warnings on the test bench: false ones for a car that keeps its lane, late ones for a car that drifts.

    python -m benchmarks.departure_warnings --km 300 --jobs 2

False: S-bends as in s_bends.py, 80 to 130 km/h, driven by the keeper. A warning is false when no tyre comes closer than
0.1 m to a line within 3 s after its start. Late: on a straight road the car drifts to either side at 0.1 to 0.8 m/s
without steering; measured is the distance of the tyre's outer edge beyond the line's inner edge at the start of the
warning (negative: before the line). It must not exceed +0.3 m, nor precede the earliest warning line of ISO 17361.
"""

import argparse
import json
import math
from collections import deque
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np

from benchmarks.s_bends import CARS, KMH, NOISE, make_keeper
from lkas.decision.departure import HALF_LINE_M, earliest_margin_m
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import DepartureStatus
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import TICK_S, Plant
from tests.lkas.decision.road import s_bend, straight

NEAR_LINE_M, WITHIN_S = 0.1, 3.0
DRIFTS_MPS = tuple(round(0.1 * n, 1) for n in range(1, 9))
MARGIN_M = 3.5 / 2 - HALF_LINE_M - VehicleConfig().width_m / 2  # of a centred car, to either line


def false_warnings(task: tuple[int, str]) -> tuple[float, int, int]:
    """Drive one S-bend; return kilometres, warnings and false warnings."""
    seed, errors = task
    car = CARS["prototype"]
    random = np.random.default_rng(seed)
    speed_mps = float(random.uniform(80, 130)) * KMH
    radius_m = max(125.0, speed_mps**2 / float(random.uniform(0.5, 2.0)))
    latency_s, lost = float(random.uniform(0.02, 0.2)), float(random.choice([0.0, 0.1, 0.3]))
    driven = drive(
        s_bend(radius_m, speed_mps, float(random.choice([-1.0, 1.0]))),
        speed_mps,
        noise=NOISE if errors == "prototype" else 1.0,
        errors=errors,
        latency_s=latency_s,
        lost=lost,
        seed=seed,
        keeper=make_keeper("lqr", speed_mps, {}, car),
        car=car.plant,
        **car.options,
    )
    warned = [control.departure_status not in (None, DepartureStatus.CENTERED) for control in driven.controls]
    starts = [tick for tick in range(1, len(warned)) if warned[tick] and not warned[tick - 1]]
    min_margins_m = [
        MARGIN_M - float(np.abs(driven.offset_m[tick : tick + round(WITHIN_S / TICK_S)]).max()) for tick in starts
    ]
    return driven.plant.s_m / 1000, len(starts), sum(margin_m > NEAR_LINE_M for margin_m in min_margins_m)


def drift(task: tuple[float, int, str]) -> tuple[float, float]:
    """Let one car drift; return its drift (m/s) and how far beyond the line the warning started (m; NaN: never)."""
    drift_mps, seed, errors = task
    random = np.random.default_rng(seed)
    speed_mps, side = float(random.uniform(70, 130)) * KMH, float(random.choice([-1.0, 1.0]))
    plant = Plant(road=straight(2000.0), speed_mps=speed_mps)
    camera, in_transit = NoisyCamera(seed, NOISE if errors == "prototype" else 1.0, errors), deque()
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    for tick in range(3000):
        now_s = tick * TICK_S
        if now_s >= 2.0:  # centred and settled; now it drifts without steering
            plant.heading_rad = side * math.asin(drift_mps / plant.speed_mps)
        plant.speed_mps = speed_mps
        plant.tick(None)
        state = plant.state(now_s, random.normal() * 0.003 * NOISE)
        if tick % 3 == 0:
            in_transit.append((now_s + 0.05, camera.expose(plant, now_s, tick)))
        detection = in_transit.popleft()[1] if in_transit and in_transit[0][0] <= now_s + 1e-9 else None
        control = keeper.decide(now_s, detection, state)
        beyond_m = side * plant.offset_m - MARGIN_M
        if now_s >= 2.0 and control.departure_status not in (None, DepartureStatus.CENTERED):
            return drift_mps, beyond_m
        if beyond_m > 0.6:
            break
    return drift_mps, math.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--km", type=float, default=300.0)
    parser.add_argument("--drifts", type=int, default=20, help="cars per drift speed")
    parser.add_argument("--errors", choices=["prototype", "detector"], default="prototype")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        drifts = [(d, seed, options.errors) for d in DRIFTS_MPS for seed in range(options.drifts)]
        starts = list(pool.map(drift, drifts))
        for drift_mps in DRIFTS_MPS:
            beyond = np.array([beyond_m for d, beyond_m in starts if d == drift_mps])
            found = {
                "never": int(np.isnan(beyond).sum()),
                "after +0.3 m": int((beyond > 0.3).sum()),
                "before the earliest line": int((-beyond > earliest_margin_m(drift_mps, 0.75)).sum()),
                "from m": round(float(np.nanmin(beyond)), 2),
                "to m": round(float(np.nanmax(beyond)), 2),
            }
            print(f"drift {drift_mps} m/s: {json.dumps(found)}", flush=True)
        km, warnings, false, seed = 0.0, 0, 0, 0
        while km < options.km:
            batch = [(seed + n, options.errors) for n in range(20)]
            seed += len(batch)
            for drive_km, drive_warnings, drive_false in pool.map(false_warnings, batch):
                km, warnings, false = km + drive_km, warnings + drive_warnings, false + drive_false
            print(f"{km:.0f} km: {warnings} warnings, {false} false, {100 * false / km:.2f} per 100 km", flush=True)


if __name__ == "__main__":
    main()
