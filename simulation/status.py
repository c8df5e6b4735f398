"""Output of the program: a live status line on a terminal, plain lines otherwise, and a table at the end."""

import json
from pathlib import Path
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.table import Table

from lkas.atomic_file import write_atomically
from lkas.clock import Clock
from lkas.frames import rightward
from simulation.runner import Runner

LIVE_PERIOD_S = 0.2
PLAIN_PERIOD_S = 10.0
ERASE_LINE = "\r\x1b[2K"

UNITS = {"s": "s", "ms": "ms", "m": "m", "mps": "m/s"}


class StatusLine:
    """Prints one line about the drive: updated in place on a terminal, every ten seconds otherwise."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._is_live = stream.isatty()
        self._period_ns = round((LIVE_PERIOD_S if self._is_live else PLAIN_PERIOD_S) * 1e9)
        self._due_ns = clock.now_ns() + self._period_ns

    def update(self, runner: Runner) -> None:
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns or runner.tick is None:
            return
        self._due_ns = now_ns + self._period_ns
        line = status_text(runner, runner.frame_rate.rate_hz(now_ns))
        self._stream.write(f"{ERASE_LINE}{line}" if self._is_live else f"{line}\n")
        self._stream.flush()

    def close(self) -> None:
        """Erase the live line, so that further output starts on an empty line."""
        if self._is_live:
            self._stream.write(ERASE_LINE)
            self._stream.flush()


def status_text(runner: Runner, frames_hz: float) -> str:
    """Return time, speed, frame rate, mode and offset in one line; unknown values are omitted."""
    if runner.tick is None:
        return "starting"
    state, truth = runner.tick.state, runner.tick.truth
    parts = [f"{state.timestamp:8.1f} s"]
    if state.speed_mps is not None:
        parts.append(f"{state.speed_mps:5.1f} m/s")
    parts.append(f"{frames_hz:4.1f} fps")
    control = runner.control_in_force
    parts.append(runner.status if control is None else str(control.mode))
    if truth is not None:
        parts.append(f"offset {rightward(truth.offset_m):+.2f} m")
    return "  ".join(parts)


def statistics(runner: Runner, lost_s: float) -> dict[str, Any]:
    """Return the metrics of the drive and the counters of the runner, as `--json` writes them."""
    render = runner.latency.percentiles().get("render")
    return {
        "world": runner.world.name,
        **msgspec.to_builtins(runner.score.card()),
        "dropped_frames": runner.dropped_frames,
        "lost_s": round(lost_s, 3),
        "render_ms": msgspec.to_builtins(render) if render else None,
    }


def print_table(metrics: dict[str, Any], console: Console) -> None:
    """Print the metrics as a table."""
    table = Table(title="drive", title_justify="left", show_header=False)
    for name, value in metrics.items():
        label, unit = _label_and_unit(name)
        table.add_row(label, _text(value), unit)
    console.print(table)


def write_json(path: Path, metrics: dict[str, Any]) -> None:
    """Write the metrics to a JSON file. Raises OSError, with a sentence that names the file."""
    try:
        write_atomically(path, json.dumps(metrics, indent=2) + "\n")
    except OSError as error:
        raise OSError(f"--json {path}: cannot be written: {error.strerror}") from error


def _label_and_unit(name: str) -> tuple[str, str]:
    stem, _, suffix = name.rpartition("_")
    label = stem if suffix in UNITS else name
    return label.replace("_", " "), UNITS.get(suffix, "")


def _text(value: Any) -> str:
    match value:
        case None:
            return "unknown"
        case float():
            return f"{value:.3f}"
        case {"p50": p50, "p99": p99}:
            return f"p50 {p50:.2f}, p99 {p99:.2f}"
    return str(value)
