"""`lkas doctor`: what this machine has, who owns which segment, what is in the way and what to do."""

import platform
import shutil
import socket
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lkas.cli.settings import ConfigOption, JsonOption, SetOption, load_settings
from lkas.cli.tables import print_table
from lkas.runtime.exit_codes import EXIT_FAILED

if TYPE_CHECKING:
    from lkas.cli.segments import SegmentState
    from lkas.cli.sockets import SocketState

NEEDED_FREE_MB = 64  # eight slots of the default camera and some more
CARLA_PORT = 2000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `advice` says what to do when it is not fine."""

    name: str
    fine: bool
    found: str
    advice: str = ""


def doctor(
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove stale segments and sockets, never a living one.", metavar="")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Look for what is missing, stale or in the way.

    Example: lkas doctor --clean
    """
    from lkas.cli.segments import segment_states
    from lkas.cli.sockets import socket_states
    from lkas.integration.shared_memory.segment import remove_stale

    zmq = load_settings(config, assignments)["zmq"]
    removed = [segment.name for segment in remove_stale()] if clean else []
    findings = list(_findings(zmq.host, zmq.port_base))
    segments, sockets = segment_states(), socket_states()
    report: dict[str, Any] = {
        "findings": findings,
        "segments": [state.as_dict() for state in segments],
        "sockets": [state.as_dict() for state in sockets],
        "removed": removed,
    }
    if as_json:
        typer.echo(msgspec.json.encode(msgspec.to_builtins(report)).decode())
    else:
        _print(findings, removed)
        _print_segments(segments)
        _print_sockets(sockets)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def _findings(host: str, port_base: int) -> Iterator[Finding]:
    from lkas.integration.shared_memory.segment import DEFAULT_DIRECTORY

    yield Finding(name="Python", fine=True, found=f"{platform.python_version()} on {platform.platform()}")
    yield _core()
    packages = {name: metadata.version(name) for name in ("numpy", "opencv-python-headless", "pyzmq", "msgspec")}
    yield Finding(
        name="packages", fine=True, found=", ".join(f"{name} {version}" for name, version in packages.items())
    )
    free_mb = shutil.disk_usage(DEFAULT_DIRECTORY).free // 2**20
    yield Finding(
        name="shared memory",
        fine=free_mb >= NEEDED_FREE_MB,
        found=f"{free_mb} MB free in {DEFAULT_DIRECTORY}",
        advice=f"a stack needs about {NEEDED_FREE_MB} MB: enlarge {DEFAULT_DIRECTORY} (docker run --shm-size=256m)",
    )
    yield _ports(host, port_base)
    yield _carla()


def _core() -> Finding:
    try:
        from lkas.integration.shared_memory import _core

        return Finding(name="compiled core", fine=True, found=str(_core.__file__))
    except ImportError as error:
        return Finding(name="compiled core", fine=False, found=str(error), advice="run `make setup`")


def _ports(host: str, port_base: int) -> Finding:
    taken = [port for port in range(port_base, port_base + 6) if _answers(host, port)]
    names = f"{port_base}-{port_base + 5}"
    if not taken:
        return Finding(name="broker ports", fine=True, found=f"{names} are free")
    if len(taken) == 6:
        return Finding(name="broker ports", fine=True, found=f"a broker answers on {names}")
    return Finding(
        name="broker ports",
        fine=False,
        found=f"another program holds {', '.join(map(str, taken))} of {names}",
        advice="stop it, or move ours with --set zmq.port_base=6557 in all three programs",
    )


def _carla() -> Finding:
    client = metadata.version("carla") if find_spec("carla") else "not installed"
    server = "answers" if _answers("127.0.0.1", CARLA_PORT) else "not there"
    return Finding(
        name="CARLA",
        fine=True,
        found=f"client {client}, server {server} (not needed: the embedded world takes its place)",
    )


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False


def _print(findings: list[Finding], removed: list[str]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    for finding in findings:
        mark = "[green]ok[/]" if finding.fine else "[red]!![/]"
        console.print(f"{mark}  {finding.name}: {escape(finding.found)}", highlight=False, soft_wrap=True)
        if not finding.fine:
            console.print(f"    {escape(finding.advice)}", highlight=False, soft_wrap=True)
    for name in removed:
        console.print(f"removed {name}", highlight=False, soft_wrap=True)


def _print_segments(segments: list["SegmentState"]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not segments:
        Console().print("No channels in shared memory.")
        return
    table = Table(
        "segment", "instance", "type", "MB", "writer", "readers", "age", "rate", "messages", "drops", "corrupt",
        box=None, pad_edge=False,
    )  # fmt: skip
    for state in segments:
        segment = state.segment
        table.add_row(
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


def _print_sockets(sockets: list["SocketState"]) -> None:
    from rich.console import Console
    from rich.table import Table

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
            table.add_row(
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
            table.add_row(*name, "-")
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


def _print_advice(name: str, state: str, advice: str | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    if advice is not None:
        Console().print(f"[yellow]{escape(name)}[/]: {escape(state)}", soft_wrap=True)
        Console().print(f"    {escape(advice)}", highlight=False, soft_wrap=True)
