"""What `lkas doctor` prints on a terminal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lkas.cli.findings import Finding
from lkas.cli.tables import add_row, print_table
from lkas.runtime.printable import printable

if TYPE_CHECKING:
    from lkas.cli.segments import SegmentState
    from lkas.cli.sockets import SocketState


def print_findings(findings: Iterable[Finding], removed: list[str]) -> None:
    console = Console()
    for finding in findings:
        mark = "[green]ok[/]" if finding.fine else "[red]!![/]"
        console.print(f"{mark}  {finding.name}: {_escaped(finding.found)}", highlight=False, soft_wrap=True)
        if not finding.fine:
            console.print(f"    {_escaped(finding.advice)}", highlight=False, soft_wrap=True)
    for name in removed:
        console.print(f"removed {name}", highlight=False, soft_wrap=True)


def print_segments(segments: list["SegmentState"]) -> None:
    if not segments:
        Console().print("No channels in shared memory.")
        return
    table = Table(
        "segment", "instance", "type", "MB", "writer", "readers", "age", "rate", "messages", "drops", "corrupt",
        box=None, pad_edge=False,
    )  # fmt: skip
    for state in segments:
        segment = state.segment
        add_row(
            table,
            segment.name,
            segment.instance,
            segment.record_type,
            f"{segment.size_bytes / 2**20:.1f}",
            "-" if segment.writer_pid is None else f"pid {segment.writer_pid}",
            str(segment.readers),
            _age(segment.age_s),
            "-" if state.rate_hz is None else f"{state.rate_hz:.0f} Hz",
            str(segment.sequence),
            str(segment.drops),
            str(segment.corrupt) if segment.has_checksum else "-",
        )
    print_table(table)
    for state in segments:
        _print_advice(f"{state.segment.name} ({state.segment.instance})", state.state, state.advice)


def print_sockets(sockets: list["SocketState"]) -> None:
    if not sockets:
        return
    table = Table(
        "socket", "instance", "pattern", "used by", "receiver", "pid", "MB", "received", "waiting", "drops",
        box=None, pad_edge=False,
    )  # fmt: skip
    for state in sockets:
        socket = state.socket
        name = (socket.name, socket.instance, socket.pattern, _pids(socket.users))
        for receiver in socket.receivers:
            add_row(
                table,
                *name,
                receiver.role if receiver.is_alive else f"{receiver.role}, dead",
                str(receiver.pid),
                f"{receiver.memory_bytes / 2**20:.1f}",
                str(receiver.received),
                f"{receiver.waiting}/{receiver.slots}",
                str(receiver.dropped),
            )
            name = ("", "", "", "")
        if not socket.receivers:
            add_row(table, *name, "-")
    Console().print()
    print_table(table)
    for state in sockets:
        socket = state.socket
        _print_advice(f"{socket.name} ({socket.pattern}, {socket.instance})", state.state, state.advice)


def _age(age_s: float | None) -> str:
    if age_s is None:
        return "-"
    return f"{age_s:.1f} s" if age_s < 60 else f"{age_s / 60:.0f} min" if age_s < 3600 else f"{age_s / 3600:.0f} h"


def _pids(pids: list[int]) -> str:
    shown = ", ".join(map(str, pids[:2]))
    return f"{shown}{f' + {len(pids) - 2}' if len(pids) > 2 else ''}" if pids else "-"


def _escaped(text: str) -> str:
    return escape(printable(text))


def _print_advice(name: str, state: str, advice: str | None) -> None:
    if advice is not None:
        Console().print(f"[yellow]{_escaped(name)}[/]: {_escaped(state)}", soft_wrap=True)
        Console().print(f"    {_escaped(advice)}", highlight=False, soft_wrap=True)
