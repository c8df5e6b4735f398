"""`lkas`: detection, decision and, with --broadcast, the broker, kept running until Ctrl-C."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import typer

from lkas.cli.settings import check_model, check_own_code, load_settings
from lkas.cli.supervise import StopRequest, supervise
from lkas.config import Configuration
from lkas.runtime import log
from lkas.runtime.processes import lkas_processes
from lkas.runtime.supervisor import ProcessState, Supervisor


def run(
    *,
    config: str | None,
    assignments: Sequence[str],
    flags: Mapping[str, tuple[str, Any]],
    instance: str,
    broadcast: bool,
    verbose: bool,
) -> int:
    """Run the lkas processes; returns the exit code."""
    configuration = with_real_ports(load_settings(config, assignments, flags))
    check_model(configuration, flags["--model"][1])
    check_own_code(configuration)
    log.set_up("lkas", verbose)
    stop = StopRequest()
    reporter = ProcessReporter(configuration) if broadcast else None
    supervisor = Supervisor(
        lkas_processes(instance=instance, configuration=configuration.to_json(), broadcast=broadcast, verbose=verbose),
        on_change=reporter.take if reporter else None,
    )
    typer.echo(_banner(configuration, instance, broadcast))
    try:
        return supervise(supervisor, stop, reporter.repeat if reporter else _nothing)
    finally:
        if reporter:
            reporter.close()


def with_real_ports(configuration: Configuration) -> Configuration:
    """The same configuration with `zmq.port_base` = 0 replaced by free ports."""
    from lkas.integration.zmq.ports import free_port_base

    zmq = configuration["zmq"]
    if zmq.port_base:
        return configuration
    chosen = msgspec.structs.replace(zmq, port_base=free_port_base(zmq.host))
    return Configuration({**{name: configuration[name] for name in configuration}, "zmq": chosen})


class ProcessReporter:
    """Tells the broker which processes run, on every change and once a second (the broker may restart)."""

    PERIOD_NS = 1_000_000_000

    def __init__(self, configuration: Configuration) -> None:
        from lkas.cli.settings import configured_ports
        from lkas.clock import MonotonicClock
        from lkas.integration.zmq.client import SupervisorClient

        self._clock = MonotonicClock()
        self._client = SupervisorClient(configured_ports(configuration))
        self._states: list[ProcessState] = []
        self._due_ns = 0

    def take(self, states: list[ProcessState]) -> None:
        """A change: sent at once."""
        self._states = states
        self._due_ns = 0
        self.repeat()

    def repeat(self) -> None:
        """Send the states again when a second has passed."""
        now_ns = self._clock.now_ns()
        if now_ns >= self._due_ns:
            from lkas.integration.zmq.messages import ProcessEntry

            self._due_ns = now_ns + self.PERIOD_NS
            self._client.send_processes(
                tuple(
                    ProcessEntry(name=state.name, pid=state.pid, state=state.state, restarts=state.restarts)
                    for state in self._states
                )
            )

    def close(self) -> None:
        self._client.close()


def _nothing() -> None:
    return None


def _banner(configuration: Configuration, instance: str, broadcast: bool) -> str:
    where = f"broker on ports {configuration['zmq'].port_base}-{configuration['zmq'].port_base + 5}"
    return (
        f"lkas: detection ({configuration['detection'].method}), decision ({configuration['decision'].controller})"
        + (f", {where}" if broadcast else "")
        + ("" if instance == "default" else f", instance {instance}")
        + ". Ctrl-C stops."
    )
