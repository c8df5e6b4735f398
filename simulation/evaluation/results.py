"""Writes and reads results.json and results.csv. Other programs rely on their keys."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from lkas.atomic_file import write_atomically
from simulation.evaluation.metrics import RunMetrics, summarize

MACHINE_TIMES = ("latency_ms", "real_time_factor")  # everything else is the same on every machine


def write_results(out: Path, runs: Sequence[RunMetrics]) -> None:
    """Write results.json and results.csv into the folder `out`."""
    document = {"summary": _rounded(summarize(runs)), "runs": [_rounded(run) for run in runs]}
    document = {"digest": digest(document), **document}
    write_atomically(out / "results.json", json.dumps(document, indent=2) + "\n")
    text = StringIO()
    rows = [_flat(_rounded(run)) for run in runs]
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / "results.csv", text.getvalue())


def digest(document: Mapping[str, Any]) -> str:
    """Return SHA-256 (hex) of all results that are not times of this machine, in any order of the runs.

    Equal digests: the same drives, to the last of the written digits.
    """

    def repeatable(run: Mapping[str, Any]) -> str:
        return json.dumps({key: value for key, value in run.items() if key not in MACHINE_TIMES}, sort_keys=True)

    texts = [repeatable(document["summary"]), *sorted(map(repeatable, document["runs"]))]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def read_digest(folder: Path) -> str:
    """Return the digest that a results.json states. Raises ValueError as `read_runs`."""
    path = folder / "results.json"
    try:
        return msgspec.convert(msgspec.json.decode(path.read_bytes())["digest"], str)
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: cannot read its digest: {error}") from error


def read_runs(folder: Path) -> list[RunMetrics]:
    """Read the runs of a results.json. Raises ValueError, which names the file and the reason."""
    path = folder / "results.json"
    try:
        document = msgspec.json.decode(path.read_bytes())
        return msgspec.convert(document["runs"], list[RunMetrics])
    except OSError as error:
        raise ValueError(f"{path}: cannot read these results: {error.strerror}") from error
    except (msgspec.MsgspecError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: cannot read these results: {error}") from error


def _rounded(run: RunMetrics) -> dict[str, Any]:
    """Round to six significant digits, which exceeds the accuracy of every metric."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: rounded(inner) for key, inner in value.items()}
        return float(f"{value:.6g}") if isinstance(value, float) else value

    return rounded(msgspec.to_builtins(run))


def _flat(run: dict[str, Any]) -> dict[str, Any]:
    latency = run.pop("latency_ms") or {"p50": None, "p99": None}
    return {**run, "latency_p50_ms": latency["p50"], "latency_p99_ms": latency["p99"]}
