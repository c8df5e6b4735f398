"""What is chosen before the car comes: the map, the weather, and who is cleared away first."""

import logging
from pathlib import Path

import carla

from simulation.carla.config import CarlaConfig
from simulation.carla.connection import calling, leaving
from simulation.world import WorldError

log = logging.getLogger(__name__)


def load_map(client: carla.Client, world: carla.World, name: str | None, config: CarlaConfig) -> carla.World:
    """The world on the map asked for: the loaded one (None), one of the server's by name, or an OpenDRIVE file.

    Loading ends every actor, sensor and map object there was. Raises WorldError, ServerLost.
    """
    if name is None:
        return world
    client.set_timeout(config.load_timeout_s)
    try:
        if name.endswith(".xodr"):
            with calling(f"loading {name}"):
                return client.generate_opendrive_world(
                    _text_of(Path(name)), carla.OpendriveGenerationParameters(), reset_settings=False
                )
        with calling("the map of the server"):
            if _short(world.get_map().name) == _short(name):
                return world
            known = sorted({_short(path) for path in client.get_available_maps()})
        if _short(name) not in known:
            raise WorldError(f"CARLA has no map {name}; it has {', '.join(known)}, and takes files named *.xodr")
        with calling(f"loading {name}"):
            return client.load_world(_short(name), reset_settings=False)
    finally:
        client.set_timeout(config.timeout_s)


def weather_preset(name: str) -> carla.WeatherParameters:
    """Raises WorldError, which names them all."""
    presets = {key: value for key, value in vars(carla.WeatherParameters).items() if _is_weather(value)}
    if name not in presets:
        raise WorldError(f"carla.weather = {name}: no such preset; there are {', '.join(sorted(presets))}")
    return presets[name]


def remove_leftovers(world: carla.World, role_name: str) -> int:
    """Destroy what an earlier run of ours left behind, sensors first; how many there were."""
    with calling("the list of actors"):
        ours = [actor for actor in world.get_actors() if actor.attributes.get("role_name") == role_name]
    ours.sort(key=lambda actor: not actor.type_id.startswith("sensor."))
    for actor in ours:
        with leaving(f"{actor.type_id} {actor.id} of an earlier run was not removed"):
            actor.destroy()
    if ours:
        log.warning("CARLA: removed %d actors that an earlier run had left behind", len(ours))
    return len(ours)


def _is_weather(value: object) -> bool:
    return isinstance(value, carla.WeatherParameters)


def _short(path: str) -> str:
    return path.rpartition("/")[2]


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{file}: can not read this road file: {error}") from error
