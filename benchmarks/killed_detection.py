"""Kill detection (SIGKILL) at 100 km/h in the running system: offset and mode over time.

    python -m benchmarks.killed_detection --where straight transition bend --plot killed.png

Starts `lkas demo` (simulation, detection, decision, broker, viewer; separate processes, real time) on a generated
motorway: straight, clothoid of 80 m, R = 1000 m. Detection is killed when the car reaches the place at speed; the
supervisor restarts it. The offset is the true one: the pose that the world publishes, relative to the road.
Prints a table per place, with the largest offset, the time without both lines and the lowest speed.
"""

import argparse
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lkas.integration.shared_memory import ControlChannel, VehicleChannel
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import Route, find_route
from simulation.opendrive.writer import bend, road_xml, straight
from tests.support.stack import Stack, wait_until

SPEED_MPS = 100 / 3.6
STRAIGHT_M, CLOTHOID_M, RADIUS_M = 900.0, 80.0, 1000.0
PLACES_M = {"straight": 750.0, "transition": STRAIGHT_M + 10, "bend": STRAIGHT_M + CLOTHOID_M + 150}
BEFORE_S, AFTER_S = 1.0, 8.0
PERIOD_S = 0.02
ROW_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the record; left is positive."""

    since_kill_s: float
    offset_m: float  # true
    estimated_m: float | None  # by decision
    speed_mps: float
    mode: str
    reason: str


def record(place: str, folder: Path) -> list[Sample]:
    """Drive to the place, kill detection there, and continue."""
    road = folder / "motorway.xodr"
    pieces = [straight(STRAIGHT_M), *bend(RADIUS_M, 40, CLOTHOID_M)]
    road.write_text(road_xml("motorway", pieces, lane_width_m=3.75, is_closed=False, note="straight, then a bend"))
    route = find_route(read_map(road))
    stack = Stack(folder)
    speed = ("--set", f"decision.set_speed_mps={SPEED_MPS:g}")
    stack.start("lkas", "demo", "--no-browser", "--port", str(stack.viewer_port), "--map", str(road), *speed)
    os.environ["LKAS_INSTANCE"] = stack.instance
    vehicles, controls = VehicleChannel(), ControlChannel()
    try:
        pid = wait_until(lambda: stack.pid_of("detection"), f"a running detection\n{stack.output()}", 60.0, 0.5)
        return _samples(route, PLACES_M[place], pid, vehicles, controls)
    finally:
        vehicles.close()
        controls.close()
        stack.close()


def _samples(
    route: Route, place_m: float, pid: int, vehicles: VehicleChannel, controls: ControlChannel
) -> list[Sample]:
    samples: list[tuple[float, Sample]] = []
    s_m, killed_s, deadline_s = 0.0, None, time.monotonic() + 300
    while time.monotonic() < deadline_s:
        state, control = vehicles.read(timeout=1.0), controls.latest()
        if state is None or state.pose is None or control is None:
            continue
        s_m, offset_m = route.curve.to_lane(state.pose.x_m, state.pose.y_m, s_m)
        if killed_s is None and s_m >= place_m:
            os.kill(pid, signal.SIGKILL)
            killed_s = state.timestamp
        right_m = control.lateral_offset_meters
        estimated_m = None if right_m is None else -right_m
        now = Sample(0.0, offset_m, estimated_m, state.speed_mps or 0.0, str(control.mode), control.state_reason)
        if not samples or state.timestamp >= samples[-1][0] + PERIOD_S - 1e-6:
            samples.append((state.timestamp, now))
        if killed_s is not None and state.timestamp > killed_s + AFTER_S:
            return [
                Sample(t - killed_s, m.offset_m, m.estimated_m, m.speed_mps, m.mode, m.reason)
                for t, m in samples
                if t >= killed_s - BEFORE_S
            ]
    raise TimeoutError(
        f"timeout after 300 s: the car did not reach {place_m:.0f} m along the road and {AFTER_S:g} s more"
    )


def print_table(place: str, samples: list[Sample]) -> None:
    print(f"\n{place}: detection killed at {samples[0].speed_mps * 3.6:.0f} km/h")
    print(f"{'t s':>6} {'offset m':>9} {'estimated m':>12} {'km/h':>6}  mode")
    last_mode, due_s = "", -BEFORE_S
    for m in samples:
        if m.since_kill_s >= due_s or m.mode != last_mode:
            estimated = "-" if m.estimated_m is None else f"{m.estimated_m:.2f}"
            reason = f" ({m.reason})" if m.mode != last_mode else ""
            print(
                f"{m.since_kill_s:6.2f} {m.offset_m:9.2f} {estimated:>12} {m.speed_mps * 3.6:6.1f}  {m.mode}{reason}",
                flush=True,
            )
            due_s = max(due_s, m.since_kill_s - m.since_kill_s % ROW_S + ROW_S)
            last_mode = m.mode
    after = [m for m in samples if m.since_kill_s >= 0]
    lost_s = [b.since_kill_s - a.since_kill_s for a, b in pairwise(after) if a.mode != "lane_keeping"]
    print(
        f"largest offset {max(abs(m.offset_m) for m in after):.2f} m, without both lines {sum(lost_s):.1f} s, "
        f"slowest {min(m.speed_mps for m in after) * 3.6:.0f} km/h"
    )


def plot(records: dict[str, list[Sample]], file: Path) -> None:
    """Plot the offset over time, one panel per place; grey where the mode was not LANE_KEEPING."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(records), 1, sharex=True, squeeze=False, figsize=(8, 2.4 * len(records)))
    for panel, (place, samples) in zip(panels[:, 0], records.items(), strict=True):
        times = [m.since_kill_s for m in samples]
        panel.plot(times, [m.offset_m for m in samples], label="true")
        estimated = [float("nan") if m.estimated_m is None else m.estimated_m for m in samples]
        panel.plot(times, estimated, "--", label="estimated")
        for a, b in pairwise(samples):
            if a.mode != "lane_keeping":
                panel.axvspan(a.since_kill_s, b.since_kill_s, color="0.88", lw=0)
        panel.set(title=f"{place}, {samples[0].speed_mps * 3.6:.0f} km/h", ylabel="offset m, left +", ylim=(-0.8, 0.8))
        panel.axvline(0, color="tab:red", lw=1)
        panel.legend(loc="upper right", ncols=2)
    panels[-1, 0].set_xlabel("s after the kill; grey: not LANE_KEEPING")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--where", nargs="+", choices=PLACES_M, default=list(PLACES_M))
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="plot the offsets (extra `report`)")
    options = parser.parse_args()
    records = {}
    for place in options.where:
        with tempfile.TemporaryDirectory(prefix="lkas-") as folder:
            records[place] = record(place, Path(folder))
        print_table(place, records[place])
    if options.plot is not None:
        plot(records, options.plot)


if __name__ == "__main__":
    main()
