"""`lkas`: detection, decision and, with --broadcast, the broker, kept running until Ctrl-C."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from lkas.cli.settings import (
    check_model,
    check_plugins,
    configured_ports,
    load_settings,
    set_up_output,
    with_free_ports,
)
from lkas.cli.supervise import EventSender, StopSignals, states_sender, supervise
from lkas.config import Configuration
from lkas.runtime.log import LogOptions, supervisor_line
from lkas.runtime.processes import RunsWith, processes_of
from lkas.runtime.reporter import ProcessReporter
from lkas.runtime.supervisor import Supervisor


def run(
    *,
    config: str | None,
    assignments: Sequence[str],
    flags: Mapping[str, tuple[str, Any]],
    instance: str,
    broadcast: bool,
    log_options: LogOptions,
) -> int:
    """Run the lkas processes and return the exit code."""
    configuration = with_free_ports(load_settings(config, assignments, flags))
    check_model(configuration, flags["--model"][1])
    check_plugins(configuration)
    with set_up_output("lkas", log_options):
        return _supervised(configuration, instance, broadcast, log_options)


def _supervised(configuration: Configuration, instance: str, broadcast: bool, log_options: LogOptions) -> int:
    stop = StopSignals()
    processes = processes_of(
        {RunsWith.LKAS, RunsWith.BROADCAST} if broadcast else {RunsWith.LKAS},
        instance=instance,
        configuration=configuration.to_json(),
        log=log_options,
    )
    typer.echo(_banner(configuration, instance, broadcast))
    log_line = supervisor_line(log_options)
    if not broadcast:
        return supervise(Supervisor(processes, log_line=log_line), stop)
    from lkas.integration.zmq.client import SupervisorClient

    with contextlib.closing(SupervisorClient(configured_ports(configuration))) as client:
        reporter, events = ProcessReporter(states_sender(client)), EventSender(client)
        supervisor = Supervisor(processes, on_change=reporter.update, on_event=events.add, log_line=log_line)

        def each_step() -> None:
            reporter.repeat()
            events.send()

        return supervise(supervisor, stop, each_step)


def _banner(configuration: Configuration, instance: str, broadcast: bool) -> str:
    ports = configured_ports(configuration)
    return (
        f"lkas: detection ({configuration['detection'].method}), decision ({configuration['decision'].controller})"
        + (f", broker on ports {ports.base}-{ports.last}" if broadcast else "")
        + ("" if instance == "default" else f", instance {instance}")
        + ". Ctrl-C stops."
    )
