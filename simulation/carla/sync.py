"""The server's clock: synchronous mode with a fixed step, and restoring the previous settings."""

import logging

import carla

from simulation.carla.connection import ServerLost, cleanup_step, server_call
from simulation.world import WorldError

MAX_SUBSTEP_S = 0.01  # of physics; longer ones make the suspension ring
MAX_STEP_S = 0.1  # the server takes at most ten substeps in a tick
FOREIGN_TICK_S = 1.0  # without a tick for this time, no other client ticks the server

log = logging.getLogger(__name__)


def take_over_abandoned(world: carla.World) -> None:
    """Release a server that a dead client left in synchronous mode. Raises WorldError when another client ticks it."""
    with server_call("the settings of the server"):
        settings = world.get_settings()
    if not settings.synchronous_mode:
        return
    try:
        world.wait_for_tick(FOREIGN_TICK_S)
    except RuntimeError:
        log.warning("CARLA: the server was in synchronous mode without a client that ticks it; taking over")
        _make_asynchronous(settings)
        with server_call("asynchronous mode"):
            world.apply_settings(settings)
        return
    raise WorldError("another client ticks this CARLA server in synchronous mode; stop it first, only one may tick")


class ServerClock:
    """Ticks the server with a fixed step, from `start` to `restore`; `timeout_s` is the limit of one tick."""

    def __init__(self, world: carla.World, step_s: float, timeout_s: float) -> None:
        if step_s > MAX_STEP_S:
            raise WorldError(
                f"camera.rate_hz: a frame each {step_s:g} s; CARLA allows steps of at most {MAX_STEP_S:g} s, "
                f"that is at least {1 / MAX_STEP_S:g} Hz"
            )
        self.timeout_s = timeout_s
        self._world = world
        self._step_s = step_s
        with server_call("the settings of the server"):
            self._before = world.get_settings()
        if not self._before.fixed_delta_seconds:
            self._before.fixed_delta_seconds = None  # reported as 0.0; applying 0.0 would block until the timeout

    def start(self) -> None:
        """Enter synchronous mode: from now on only `tick` advances the server. Raises ServerLost."""
        with server_call("synchronous mode"):
            settings = self._world.get_settings()
            settings.synchronous_mode = True
            settings.fixed_delta_seconds = self._step_s
            settings.substepping = True
            settings.max_substep_delta_time = MAX_SUBSTEP_S
            settings.max_substeps = round(MAX_STEP_S / MAX_SUBSTEP_S)
            self._world.apply_settings(settings)

    def tick(self) -> carla.WorldSnapshot:
        """Advance by one step and return the state after it. Raises ServerLost."""
        with server_call("a tick"):
            frame = self._world.tick(self.timeout_s)
            snapshot = self._world.get_snapshot()
        if snapshot.frame != frame:
            raise ServerLost(
                f"tick {frame} was answered by the state of frame {snapshot.frame}: another client ticks the server"
            )
        return snapshot

    def restore(self) -> None:
        """Restore the settings from before `start`."""
        with cleanup_step("the settings were not restored"):
            self._world.apply_settings(self._before)


def _make_asynchronous(settings: carla.WorldSettings) -> None:
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
