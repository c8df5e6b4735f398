"""Prepares the server before the car is spawned: map, weather, and leftovers of crashed runs."""

import logging
from pathlib import Path

import carla

from simulation.carla.config import CarlaConfig
from simulation.carla.connection import cleanup_step, server_call
from simulation.world import WorldError

log = logging.getLogger(__name__)


def load_map(client: carla.Client, world: carla.World, name: str | None, config: CarlaConfig) -> carla.World:
    """Load a map and return its world: None keeps the loaded map; a name of a server map, or an OpenDRIVE file.

    Loading destroys all actors and sensors. Raises WorldError, ServerLost.
    """
    if name is None:
        return world
    client.set_timeout(config.load_timeout_s)
    try:
        if name.endswith(".xodr"):
            with server_call(f"loading {name}"):
                return client.generate_opendrive_world(
                    _text_of(Path(name)), carla.OpendriveGenerationParameters(), reset_settings=False
                )
        with server_call("the map of the server"):
            if _short(world.get_map().name) == _short(name):
                return world
            known = sorted({_short(path) for path in client.get_available_maps()})
        if _short(name) not in known:
            raise WorldError(f"CARLA has no map {name}; it has {', '.join(known)}, and it loads files named *.xodr")
        with server_call(f"loading {name}"):
            return client.load_world(_short(name), reset_settings=False)
    finally:
        client.set_timeout(config.timeout_s)


def weather_preset(name: str) -> carla.WeatherParameters:
    """Return the preset of this name. Raises WorldError, which lists all names."""
    presets = {key: value for key, value in vars(carla.WeatherParameters).items() if _is_weather(value)}
    if name not in presets:
        raise WorldError(f"carla.weather = {name}: no such preset; expected one of {', '.join(sorted(presets))}")
    return presets[name]


def remove_leftovers(world: carla.World, role_name: str) -> int:
    """Destroy the actors of an earlier run, sensors first, and return their number."""
    with server_call("the list of actors"):
        ours = [actor for actor in world.get_actors() if actor.attributes.get("role_name") == role_name]
    ours.sort(key=lambda actor: not actor.type_id.startswith("sensor."))
    for actor in ours:
        with cleanup_step(f"{actor.type_id} {actor.id} of an earlier run was not removed"):
            actor.destroy()
    if ours:
        log.warning("CARLA: removed %d actors left by an earlier run", len(ours))
    return len(ours)


def _is_weather(value: object) -> bool:
    return isinstance(value, carla.WeatherParameters)


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{file}: cannot read this road file: {error}") from error
