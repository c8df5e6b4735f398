"""`lkas doctor`: the installation, the owners of segments and sockets, what is wrong and what to do."""

from typing import Annotated, Any

import msgspec
import typer

from lkas.cli.settings import ConfigOption, JsonOption, SetOption, configured_ports, load_settings
from lkas.runtime.exit_codes import EXIT_FAILED


def doctor(
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove stale segments and sockets, never one in use.", metavar="")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Check the installation, the shared memory and the ports, and say what to do.

    Exit code 0: all is well; 1: something is wrong, such as a stale or damaged segment.

    Example: lkas doctor --clean
    """
    from lkas.cli.findings import findings
    from lkas.cli.segments import segment_states
    from lkas.cli.sockets import socket_states
    from lkas.integration.shared_memory.segment import remove_stale

    ports = configured_ports(load_settings(config, assignments))
    removed = [segment.name for segment in remove_stale()] if clean else []
    results = list(findings(ports))
    segments, sockets = segment_states(), socket_states()
    report: dict[str, Any] = {
        "findings": results,
        "segments": [state.as_dict() for state in segments],
        "sockets": [state.as_dict() for state in sockets],
        "removed": removed,
    }
    if as_json:
        typer.echo(msgspec.json.encode(msgspec.to_builtins(report)).decode())
    else:
        from lkas.cli.doctor_tables import print_findings, print_segments, print_sockets

        print_findings(results, removed)
        print_segments(segments)
        print_sockets(sockets)
    if not all(finding.fine for finding in results) or not all(state.is_fine for state in segments):
        raise typer.Exit(EXIT_FAILED)
