"""`lkas bench pipeline`: latency of the processes that run now, measured at their channels."""

from typing import Annotated

import msgspec
import typer

from lkas.cli.settings import InstanceOption, JsonOption, checked_instance, fail
from lkas.runtime.exit_codes import EXIT_UNREACHABLE

ATTACH_LIMIT_S = 3.0


def bench_pipeline(
    duration: Annotated[float, typer.Option(metavar="SECONDS", min=1, max=3600, help="How long to measure.")] = 10.0,
    as_json: JsonOption = False,
    instance: InstanceOption = "default",
) -> None:
    """Latency of each stage of the running pipeline, from the stamps in its channels. Does not affect the pipeline.

    Needs a running simulation and lkas (for instance `lkas demo`), but no broker.

    Example: lkas bench pipeline --duration 30
    """
    from lkas.bench.pipeline import measure, report, summary, table
    from lkas.cli.tables import wide_console

    instance = checked_instance(instance)
    latency, took_s = measure(duration, ATTACH_LIMIT_S, show_progress=not as_json)
    if not latency.frames:
        fail(
            f"no frame within {ATTACH_LIMIT_S:g} s on instance {instance!r}; start `lkas demo`, or `simulation` and "
            "`lkas`; `lkas doctor` shows what runs",
            EXIT_UNREACHABLE,
        )
    if as_json:
        typer.echo(msgspec.json.encode(report(latency, took_s)).decode())
    else:
        console = wide_console()
        console.print(table(latency))
        console.print(summary(latency, took_s))
