"""The command `simulation bench`: measures the cost of frames and ticks of the embedded world on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.world import WorldError

if TYPE_CHECKING:
    from simulation.embedded.bench import ConditionTimings

TARGETS_MS = {"clear": 5.0, "mixed": 9.0}  # CPU time of a frame, p50


def bench(
    condition: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this condition; may be repeated.", show_default="all")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, max=100_000, help="Frames per condition.")] = 200,
    map_file: Annotated[Path | None, typer.Option("--map", metavar="FILE.xodr", help="Road to drive.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all randomness in the world.")] = 1,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write an image of each condition and an overview to DIR; no timing."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the timings as JSON.", metavar="")] = False,
) -> None:
    """Time frames of 800x600 by condition and stage, ticks and truth, in CPU time of one thread.

    \b
    Examples:
    simulation bench                                      all conditions
    simulation bench --condition clear --condition mixed  two of them
    simulation bench --pictures sheet                     write images instead

    Exit codes: 0 success, 1 failed, 2 usage or map.
    """
    for name in condition or ():
        if name not in CONDITIONS:
            _fail(EXIT_USAGE, f"--condition {name}: expected one of {', '.join(CONDITIONS)}")
    use_one_thread()
    import cv2

    cv2.setNumThreads(1)
    config = SimulationConfig(map=None if map_file is None else str(map_file), seed=seed)
    try:
        if pictures is not None:
            _write_images(pictures, config)
        else:
            _measure(condition or list(CONDITIONS), config, frames, as_json=as_json)
    except WorldError as error:
        _fail(EXIT_USAGE, str(error))
    except OSError as error:
        _fail(EXIT_FAILED, str(error))


def _write_images(folder: Path, config: SimulationConfig) -> None:
    from lkas.vehicle import CameraConfig
    from simulation.embedded.bench import write_images

    for path in write_images(folder, config, CameraConfig()):
        typer.echo(str(path))


def _measure(names: list[str], config: SimulationConfig, frames: int, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from lkas.vehicle import CameraConfig
    from simulation.embedded.bench import measure

    timings = []
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        task = progress.add_task("", total=len(names) * frames)
        for name in names:
            progress.update(task, description=name)
            timings.append(measure(name, config, CameraConfig(), frames, lambda: progress.advance(task)))
    if as_json:
        typer.echo(msgspec.json.encode({"targets_ms": TARGETS_MS, "conditions": timings}).decode())
    else:
        _print(timings)


def _print(timings: "list[ConditionTimings]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(
        box=box.SIMPLE_HEAD, title="ms of CPU per frame; stages p50", title_justify="left", padding=(0, 0, 0, 1)
    )
    table.add_column("", no_wrap=True)
    for heading in ("p50", "p99", *timings[0].stages_ms):
        table.add_column(heading, justify="right", no_wrap=True)
    for timing in timings:
        stages = (f"{stage.p50:.2f}" for stage in timing.stages_ms.values())
        frame = f"[bold]{timing.frame_ms.p50:.2f}[/]", f"{timing.frame_ms.p99:.1f}"
        table.add_row(timing.condition, *frame, *stages)
    console.print(table)
    for label, values in (
        ("tick of 10 ms, p50", [timing.tick_ms.p50 for timing in timings]),
        ("truth of a tick, p50", [timing.truth_ms.p50 for timing in timings]),
    ):
        console.print(f"{label}: {min(values):.3f} to {max(values):.3f} ms")
    built_s = [timing.build_s for timing in timings]
    console.print(f"road file to first frame: {min(built_s):.1f} to {max(built_s):.1f} s")
    for timing in timings:
        if (limit_ms := TARGETS_MS.get(timing.condition)) is not None:
            verdict = "met" if timing.frame_ms.p50 <= limit_ms else "missed"
            console.print(f"{timing.condition}: {timing.frame_ms.p50:.2f} ms, target {limit_ms:g} ms: {verdict}")


def _fail(code: int, text: str) -> None:
    typer.echo(f"simulation bench: {text}", err=True)
    raise typer.Exit(code)
