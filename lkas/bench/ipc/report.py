"""A whole run of `lkas bench ipc`, as the report that `--json` prints."""

import time
from collections.abc import Callable
from typing import Any

from lkas.bench.ipc import duel
from lkas.bench.ipc.floor import Floor
from lkas.bench.ipc.plan import ROWS
from lkas.bench.ipc.targets import judged_targets


def measure(
    rounds: int, readers: int, scale: float, progress: Callable[[float, str, str], None] | None = None
) -> dict[str, Any]:
    """Measure all rows that are installed, and judge the targets.

    `scale` multiplies the messages per test. `progress` is called after each step: share done [0, 1], row, metric.
    """
    started_s = time.monotonic()
    measurements: list[duel.Measurement] = []
    with Floor() as floor:
        missing = {row.name: row.missing() for row in ROWS} | {floor.name: floor.missing()}
        rows = [row for row in ROWS if missing[row.name] is None]
        for share, measured in duel.run(rounds, scale, readers, rows, floor):
            measurements += measured
            for row, metric, *_ in measured[:1]:
                if progress:
                    progress(share, row, metric)
    medians = duel.medians(measurements)
    return {
        "rounds": rounds,
        "scale": scale,
        "readers": readers,
        "took_s": time.monotonic() - started_s,
        "skipped": {name: reason for name, reason in missing.items() if reason},
        "rows": medians,
        "targets": judged_targets(medians),
    }
