"""How fast a serial car is in neutral after each kind of failure: `python -m benchmarks.neutral_times [ROUNDS]`.

Over a pseudo terminal, with examples/car/microcontroller.c on its other end. Exit code 5 when one took over 0.1 s.
"""

import random
import sys
import tempfile
from pathlib import Path

from lkas.runtime.exit_codes import EXIT_BELOW_THRESHOLD
from tests.lkas.car.board import FAILURES, build_board, neutral_after_s

ROUNDS = 40  # of each failure
LIMIT_S = 0.1


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rng, times_s = random.Random(1), []
    with tempfile.TemporaryDirectory() as folder:
        program = build_board(Path(folder))
        for failure in FAILURES:
            found_s = sorted(neutral_after_s(program, failure, rng) for _ in range(rounds))
            times_s += found_s
            print(
                f"{failure:<7} p50 {1000 * found_s[rounds // 2]:3.0f} ms, max {1000 * found_s[-1]:3.0f} ms", flush=True
            )
    late = sum(time_s > LIMIT_S for time_s in times_s)
    print(f"{len(times_s) - late} of {len(times_s)} within {1000 * LIMIT_S:.0f} ms")
    return EXIT_BELOW_THRESHOLD if late else 0


if __name__ == "__main__":
    raise SystemExit(main())
