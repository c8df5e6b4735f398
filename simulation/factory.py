"""Chooses the backend and builds its world; imports only the chosen one."""

import logging
from collections.abc import Mapping
from typing import Any

from lkas.config import Configuration
from lkas.plugins.names import is_plugin_name
from simulation.backends import AUTO, BACKENDS
from simulation.carla.config import CarlaConfig
from simulation.carla.factory import CLIENT_LIBRARY, has_client_library
from simulation.carla.probe import speaks_carla
from simulation.config import SimulationConfig
from simulation.world import World

log = logging.getLogger(__name__)


def choose_backend(simulation: SimulationConfig, carla: CarlaConfig) -> str:
    """Return the configured backend; resolve `auto`.

    `auto` is `video` with a source, `carla` when a CARLA server answers and its client library is installed, and
    `embedded` otherwise.
    """
    if simulation.backend != AUTO:
        return simulation.backend
    if simulation.source is not None:
        return "video"
    if not speaks_carla(carla.host, carla.port):
        return "embedded"
    if not has_client_library():
        log.warning(
            "a CARLA server answers on %s:%d; to drive there, install %s", carla.host, carla.port, CLIENT_LIBRARY
        )
        return "embedded"
    return "carla"


def build_world(backend: str, configuration: Configuration, options: Mapping[str, Any] | None = None) -> World:
    """Build the world of a backend from its configuration sections, or of a plugin from its own options.

    Raises WorldError, WorldUnreachable.
    """
    if is_plugin_name(backend):
        from simulation.foreign.plugin_world import PluginWorld

        return PluginWorld(backend, options or {})
    entry = BACKENDS[backend]
    return entry.load()(*(configuration[name] for name in entry.sections))
