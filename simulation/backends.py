"""The registry of worlds: one entry per backend, with the factory that builds its world.

To add a world, implement `simulation.world.World` in a module and add an entry here. The configuration key
`simulation.backend`, the option `--backend` and the contract tests (tests/simulation/test_worlds.py) read this table.
Factories are named as text, so that reading the table imports no world.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from simulation.world import World

AUTO = "auto"


class Backend(Struct, frozen=True, kw_only=True):
    """How to build one kind of world."""

    factory: str  # "module:callable"; takes the configuration `sections` in this order and returns a World
    sections: tuple[str, ...] = ("simulation", "camera", "vehicle")
    flags: frozenset[str] = frozenset()  # options of the command that apply to this world only

    def load(self) -> "Callable[..., World]":
        """Import and return the factory."""
        module, _, name = self.factory.partition(":")
        return getattr(import_module(module), name)


BACKENDS: dict[str, Backend] = {
    "embedded": Backend(
        factory="simulation.embedded.world:EmbeddedWorld",
        flags=frozenset({"map", "route", "condition"}),
    ),
    "carla": Backend(
        factory="simulation.carla.factory:open_world",
        sections=("simulation", "carla", "camera", "vehicle"),
        flags=frozenset({"map", "route", "host", "port", "autopilot"}),
    ),
    "video": Backend(
        factory="simulation.video.world:open_source",
        flags=frozenset({"source", "loop"}),
    ),
}
