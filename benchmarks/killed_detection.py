"""kill -9 of detection at 100 km/h, in the running system: offset and state over time.

    python -m benchmarks.killed_detection --where straight transition bend --plot killed.png

Starts `lkas demo` (simulation, detection, decision, broker, viewer; real processes, real time) on a motorway of its
own: straight, clothoid of 80 m, R = 1000 m. When the car has reached the place at speed, detection is killed; the
supervisor starts it anew. The offset is the truth: the pose that the world publishes, against the road's geometry.
Prints a table per place, and of each the largest offset, the time without both lines and the braking it cost.
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
class Moment:
    """One line of the record; left is positive."""

    since_kill_s: float
    offset_m: float  # truth
    believed_m: float | None  # decision's own
    speed_mps: float
    mode: str
    reason: str


def record(place: str, folder: Path) -> list[Moment]:
    """Drive to the place, kill detection there, and drive on."""
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
        pid = wait_until(lambda: stack.pid_of("detection"), f"detection runs\n{stack.output()}", 60.0, 0.5)
        return _watch(route, PLACES_M[place], pid, vehicles, controls)
    finally:
        vehicles.close()
        controls.close()
        stack.close()


def _watch(route: Route, place_m: float, pid: int, vehicles: VehicleChannel, controls: ControlChannel) -> list[Moment]:
    seen: list[tuple[float, Moment]] = []
    near_m, killed_s, deadline_s = 0.0, None, time.monotonic() + 300
    while time.monotonic() < deadline_s:
        state, control = vehicles.read(timeout=1.0), controls.latest()
        if state is None or state.pose is None or control is None:
            continue
        near_m, offset_m = route.curve.to_lane(state.pose.x_m, state.pose.y_m, near_m)
        if killed_s is None and near_m >= place_m:
            os.kill(pid, signal.SIGKILL)
            killed_s = state.timestamp
        right_m = control.lateral_offset_meters
        believed_m = None if right_m is None else -right_m
        now = Moment(0.0, offset_m, believed_m, state.speed_mps or 0.0, str(control.mode), control.state_reason)
        if not seen or state.timestamp >= seen[-1][0] + PERIOD_S - 1e-6:
            seen.append((state.timestamp, now))
        if killed_s is not None and state.timestamp > killed_s + AFTER_S:
            return [
                Moment(t - killed_s, m.offset_m, m.believed_m, m.speed_mps, m.mode, m.reason)
                for t, m in seen
                if t >= killed_s - BEFORE_S
            ]
    raise TimeoutError(f"the car did not get {place_m:.0f} m along the road, and {AFTER_S:g} s on, within 300 s")


def print_table(place: str, moments: list[Moment]) -> None:
    print(f"\n{place}: detection killed at {moments[0].speed_mps * 3.6:.0f} km/h")
    print(f"{'t s':>6} {'offset m':>9} {'believed m':>11} {'km/h':>6}  mode")
    last_mode, due_s = "", -BEFORE_S
    for m in moments:
        if m.since_kill_s >= due_s or m.mode != last_mode:
            believed = "-" if m.believed_m is None else f"{m.believed_m:.2f}"
            reason = f" ({m.reason})" if m.mode != last_mode else ""
            print(
                f"{m.since_kill_s:6.2f} {m.offset_m:9.2f} {believed:>11} {m.speed_mps * 3.6:6.1f}  {m.mode}{reason}",
                flush=True,
            )
            due_s = max(due_s, m.since_kill_s - m.since_kill_s % ROW_S + ROW_S)
            last_mode = m.mode
    after = [m for m in moments if m.since_kill_s >= 0]
    apart = [b.since_kill_s - a.since_kill_s for a, b in pairwise(after) if a.mode != "lane_keeping"]
    print(
        f"largest offset {max(abs(m.offset_m) for m in after):.2f} m, without both lines {sum(apart):.1f} s, "
        f"slowest {min(m.speed_mps for m in after) * 3.6:.0f} km/h"
    )


def plot(records: dict[str, list[Moment]], file: Path) -> None:
    """Offset over time, a panel per place; grey where the lane was not kept by both lines."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(records), 1, sharex=True, squeeze=False, figsize=(8, 2.4 * len(records)))
    for panel, (place, moments) in zip(panels[:, 0], records.items(), strict=True):
        times = [m.since_kill_s for m in moments]
        panel.plot(times, [m.offset_m for m in moments], label="truth")
        believed = [float("nan") if m.believed_m is None else m.believed_m for m in moments]
        panel.plot(times, believed, "--", label="believed")
        for a, b in pairwise(moments):
            if a.mode != "lane_keeping":
                panel.axvspan(a.since_kill_s, b.since_kill_s, color="0.88", lw=0)
        panel.set(title=f"{place}, {moments[0].speed_mps * 3.6:.0f} km/h", ylabel="offset m, left +", ylim=(-0.8, 0.8))
        panel.axvline(0, color="tab:red", lw=1)
        panel.legend(loc="upper right", ncols=2)
    panels[-1, 0].set_xlabel("s after the kill; grey: not LANE_KEEPING")
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--where", nargs="+", choices=PLACES_M, default=list(PLACES_M))
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the offsets (extra `report`)")
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
