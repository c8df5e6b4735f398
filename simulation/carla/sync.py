"""The server's clock: taken over in synchronous mode with a fixed step, and given back as it was."""

import logging

import carla

from simulation.carla.connection import ServerLost, calling, leaving
from simulation.world import WorldError

MAX_SUBSTEP_S = 0.01  # of physics; longer ones make the suspension ring
MAX_STEP_S = 0.1  # the server takes at most ten substeps in a tick
FOREIGN_TICK_S = 1.0  # nobody else ticks when nothing moved for so long

log = logging.getLogger(__name__)


def take_over_abandoned(world: carla.World) -> None:
    """Free a server that a dead client left in synchronous mode. Raises WorldError when somebody is ticking it."""
    with calling("the settings of the server"):
        settings = world.get_settings()
    if not settings.synchronous_mode:
        return
    try:
        world.wait_for_tick(FOREIGN_TICK_S)
    except RuntimeError:
        log.warning("CARLA: the server stood in synchronous mode without anybody to tick it; taken over")
        _make_asynchronous(settings)
        with calling("asynchronous mode"):
            world.apply_settings(settings)
        return
    raise WorldError("another client ticks this CARLA server in synchronous mode; end it first, only one may tick")


class Clock:
    """Ticks the server in a fixed step, from `start` to `restore`; a tick may take `timeout_s`."""

    def __init__(self, world: carla.World, step_s: float, timeout_s: float) -> None:
        if step_s > MAX_STEP_S:
            raise WorldError(
                f"camera.rate_hz: a frame each {step_s:g} s; CARLA takes steps of at most {MAX_STEP_S:g} s, "
                f"so at least {1 / MAX_STEP_S:g} Hz"
            )
        self.timeout_s = timeout_s
        self._world = world
        self._step_s = step_s
        with calling("the settings of the server"):
            self._before = world.get_settings()
        if not self._before.fixed_delta_seconds:
            self._before.fixed_delta_seconds = None  # told as 0.0, which the library would wait for in vain

    def start(self) -> None:
        """Stop the server's own time: from now on it moves by `tick` only. Raises ServerLost."""
        with calling("synchronous mode"):
            settings = self._world.get_settings()
            settings.synchronous_mode = True
            settings.fixed_delta_seconds = self._step_s
            settings.substepping = True
            settings.max_substep_delta_time = MAX_SUBSTEP_S
            settings.max_substeps = round(MAX_STEP_S / MAX_SUBSTEP_S)
            self._world.apply_settings(settings)

    def tick(self) -> carla.WorldSnapshot:
        """One step; the state after it. Raises ServerLost."""
        with calling("a tick"):
            frame = self._world.tick(self.timeout_s)
            snapshot = self._world.get_snapshot()
        if snapshot.frame != frame:
            raise ServerLost(f"tick {frame} was answered by the state of frame {snapshot.frame}: somebody else ticks")
        return snapshot

    def restore(self) -> None:
        """The settings from before."""
        with leaving("the settings were not restored"):
            self._world.apply_settings(self._before)


def _make_asynchronous(settings: carla.WorldSettings) -> None:
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
