"""Drives the closed loop through CARLA's client library against the stub server, and checks real time and clean-up.

    python -m benchmarks.carla_drive --minutes 10 --method truth

The server is a separate process that renders the built-in loop for an 800 x 600 camera at 20 Hz. `truth` is perfect
perception with the real decision, `cv` the real detection too. The exit code is 5 after a lane departure, or when the
busier process needs more CPU time than the driven time. Wall time depends on other load of the machine.
"""

import argparse
import time

import cv2
import psutil

from lkas.runtime.exit_codes import EXIT_BELOW_THRESHOLD
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.world import CarlaWorld
from simulation.config import SimulationConfig
from tests.simulation.carla.driving import drive
from tests.support.carla_server.process import StubServer

TIMEOUT_S = 60.0  # tolerates a busy machine


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.carla_drive")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--method", default="truth")
    parser.add_argument("--rate", type=float, default=20.0, help="frames and ticks per second")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    server = StubServer("--lifetime", "7200")
    process = psutil.Process(server.pid)
    config = CarlaConfig(port=server.port, timeout_s=TIMEOUT_S)
    world = CarlaWorld(
        SimulationConfig(start_speed_mps=10.0), config, CameraConfig(rate_hz=arguments.rate), VehicleConfig()
    )
    driven_s = 60.0 * arguments.minutes
    start_s, client_s, server_s = time.monotonic(), time.process_time(), sum(process.cpu_times()[:2])
    card = drive(world, arguments.method, driven_s)
    wall_s, client_s = time.monotonic() - start_s, time.process_time() - client_s
    server_s = sum(process.cpu_times()[:2]) - server_s
    world.close()
    final = server.state()
    server.close()
    print(f"driven      {driven_s:.0f} s, {card.distance_m:.0f} m, engaged {card.engaged_ratio:.1%}")
    print(f"departures  {card.departures}; offset rms {card.offset_rms_m:.3f} m, max {card.offset_max_m:.3f} m")
    print(f"wall        {wall_s:.0f} s: {driven_s / wall_s:.2f} x real time")
    print(f"CPU         client {client_s:.0f} s, server {server_s:.0f} s")
    print(f"left        {len(final['actors'])} actors, synchronous: {final['is_synchronous']}")
    if card.departures or max(client_s, server_s) > driven_s:
        raise SystemExit(EXIT_BELOW_THRESHOLD)


if __name__ == "__main__":
    main()
