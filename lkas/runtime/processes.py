"""The process table: the five processes, when each one runs, and what to do when it ends."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from lkas.runtime import launch
from lkas.runtime.child import ENVIRONMENT_KEY, PARENT_KEY
from lkas.runtime.heartbeat import HEARTBEAT_KEY
from lkas.runtime.log import LogOptions


class Restart(StrEnum):
    """What to do when a process ends."""

    ALWAYS = "always"  # a server: start it again, whatever its exit code
    ON_FAILURE = "on_failure"  # it may finish its work: exit code 0 ends the whole run


class RunsWith(StrEnum):
    """The command that starts a process."""

    LKAS = "lkas"
    BROADCAST = "lkas --broadcast"
    DEMO = "lkas demo"  # otherwise the user starts it by hand


class Process(Struct, frozen=True, kw_only=True):
    """One process for the supervisor to keep running."""

    name: str
    command: tuple[str, ...]
    restart: Restart = Restart.ALWAYS
    heartbeat_limit_s: float | None = None  # hung when silent for longer after its first beat; None: sends no beats
    stop_limit_s: float = 10.0  # killed when it has not ended so long after SIGTERM
    settings: Mapping[str, object] | None = None  # for lkas.runtime.child; None: an ordinary program

    def child_environment(self, heartbeat_fd: int | None) -> dict[str, str]:
        """Return the variables to add to the environment of the process."""
        variables = {PARENT_KEY: str(os.getpid())}
        if heartbeat_fd is not None:
            variables[HEARTBEAT_KEY] = str(heartbeat_fd)
        if self.settings is not None:
            variables[ENVIRONMENT_KEY] = json.dumps({**self.settings, "name": self.name})
        return variables


class ProcessRow(Struct, frozen=True, kw_only=True):
    """One row of the process table."""

    name: str
    module: str  # its `main` is the process
    runs_with: RunsWith
    restart: Restart = Restart.ALWAYS
    heartbeat_limit_s: float = 3.0
    takes_options: bool = False  # a program with command-line options; else a child that takes settings

    def process(self, settings: Mapping[str, object], options: Sequence[str] = ()) -> Process:
        """Return the process of this row, started with these settings or these command-line options."""
        return Process(
            name=self.name,
            command=python_command(self.module, *options),
            restart=self.restart,
            heartbeat_limit_s=self.heartbeat_limit_s,
            settings=None if self.takes_options else settings,
        )


# A simulation may load a map of its server for a minute within one cycle.
# In the order in which they are started. They are stopped in the reverse order.
PROCESS_TABLE = (
    ProcessRow(name="broker", module="lkas.integration.server", runs_with=RunsWith.BROADCAST),
    ProcessRow(name="decision", module="lkas.decision.server", runs_with=RunsWith.LKAS),
    ProcessRow(name="detection", module="lkas.detection.server", runs_with=RunsWith.LKAS),
    ProcessRow(
        name="simulation",
        module="simulation.cli",
        runs_with=RunsWith.DEMO,
        restart=Restart.ON_FAILURE,
        heartbeat_limit_s=90.0,
        takes_options=True,
    ),
    ProcessRow(name="viewer", module="viewer.cli", runs_with=RunsWith.DEMO, takes_options=True),
)


def processes_of(
    commands: Iterable[RunsWith],
    *,
    instance: str,
    configuration: str,
    log: LogOptions | None = None,
    options: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Process, ...]:
    """Return the processes that these commands start, in the order of the table.

    `configuration` is the JSON of the children's sections; `options` are command-line options by process name.
    """
    wanted, options, log = set(commands), options or {}, log or LogOptions()
    settings = {
        "instance": instance,
        "configuration": configuration,
        "broadcast": RunsWith.BROADCAST in wanted,
        "verbose": log.verbose,
        "log_format": log.format,
    }
    return tuple(row.process(settings, options.get(row.name, ())) for row in PROCESS_TABLE if row.runs_with in wanted)


def python_command(module: str, *options: str) -> tuple[str, ...]:
    """Return the command line that runs the `main` of a module with this interpreter; see lkas.runtime.launch."""
    return (sys.executable, "-P", launch.__file__, module, *options)
