"""Sums up the drives of `make foreign`: distance, departures and offset per method. Exit code 1 when it became worse.

python scripts/foreign_summary.py FOLDER SEED...
"""

import math
import sys
from pathlib import Path

from simulation.evaluation.results import read_runs

MIN_DISTANCE_M = 2000.0
MAX_DEPARTURES = 1  # per method: the sharpest bend of seed 3 begins without a transition curve, see docs/your_own.md


def main() -> int:
    folder, seeds = Path(sys.argv[1]), sys.argv[2:]
    runs = [run for seed in seeds for run in read_runs(folder / seed)]
    has_failed = False
    for method in dict.fromkeys(run.method for run in runs):
        members = [run for run in runs if run.method == method]
        distance_m = sum(run.distance_m for run in members)
        square_m3 = sum((run.offset_rms_m or 0.0) ** 2 * run.distance_m for run in members)
        departures = sum(run.departures or 0 for run in members)
        incomplete = [run for run in members if not run.counts and not run.departures]
        rms_m = math.sqrt(square_m3 / distance_m)
        print(
            f"{method}: {distance_m:.0f} m, {departures} departures, offset RMS {rms_m:.3f} m, "
            f"max {max(run.offset_max_m or 0.0 for run in members):.2f} m, {len(incomplete)} others ended early"
        )
        has_failed |= departures > MAX_DEPARTURES or bool(incomplete) or distance_m < MIN_DISTANCE_M
    return 1 if has_failed else 0


if __name__ == "__main__":
    sys.exit(main())
