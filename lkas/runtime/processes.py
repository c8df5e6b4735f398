"""The manifest: which processes there are, when each runs and what to do when it ends."""

import json
import os
import sys
from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from lkas.runtime.child import ENVIRONMENT_KEY, PARENT_KEY


class Restart(StrEnum):
    """What the end of a process means."""

    ALWAYS = "always"  # it serves; whatever ended it, it comes back
    ON_FAILURE = "on_failure"  # it may finish; exit code 0 ends the whole run


class Process(Struct, frozen=True, kw_only=True):
    """One row of the manifest."""

    name: str
    command: tuple[str, ...]
    restart: Restart = Restart.ALWAYS
    heartbeat_limit_s: float | None = None  # silent for longer, once it has spoken: hung; None: it sends none
    stop_limit_s: float = 10.0  # after this it is killed, and leaves its segments behind
    settings: Mapping[str, object] | None = None  # of a child that speaks lkas.runtime.child; None: any program

    def child_environment(self, heartbeat_fd: int | None) -> dict[str, str]:
        """The variables to add to its environment, when this process starts it."""
        variables = {PARENT_KEY: str(os.getpid())}
        if self.settings is not None:
            variables[ENVIRONMENT_KEY] = json.dumps({**self.settings, "name": self.name, "heartbeat_fd": heartbeat_fd})
        return variables


def lkas_processes(*, instance: str, configuration: str, broadcast: bool, verbose: bool = False) -> tuple[Process, ...]:
    """The processes of `lkas`, in the order they are started; they are stopped in the reverse order."""
    settings = {"instance": instance, "configuration": configuration, "broadcast": broadcast, "verbose": verbose}
    modules = {
        "broker": "lkas.integration.server",
        "decision": "lkas.decision.server",
        "detection": "lkas.detection.server",
    }
    return tuple(
        Process(name=name, command=(sys.executable, "-m", module), heartbeat_limit_s=3.0, settings=settings)
        for name, module in modules.items()
        if name != "broker" or broadcast
    )
