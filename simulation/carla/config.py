"""The configuration section `carla`."""

from typing import Annotated

from lkas.parameters import Section, declare


class CarlaConfig(Section, frozen=True, kw_only=True):
    """The CARLA server and the ego car on it. The map is `simulation.map`."""

    host: Annotated[str, declare("Address of the CARLA server")] = "127.0.0.1"
    port: Annotated[int, declare("Port of the server; the next port is used too", minimum=1, maximum=65534)] = 2000
    timeout_s: Annotated[float, declare("Timeout of a call, tick or image", unit="s", minimum=0.5, maximum=120)] = 5.0
    load_timeout_s: Annotated[
        float, declare("Timeout for loading a map, and of a tick during set-up", unit="s", minimum=1, maximum=600)
    ] = 60.0
    any_version: Annotated[
        bool, declare("Connect to a server of another version than the client; either may crash")
    ] = False
    weather: Annotated[
        str | None, declare("Name of a weather preset such as ClearNoon or HardRainSunset; null: unchanged")
    ] = None
    spawn_point: Annotated[
        int | None, declare("Number of the map's spawn point to start from; null: start of the route", minimum=0)
    ] = None
    vehicle: Annotated[str, declare("Blueprint of the car")] = "vehicle.tesla.model3"
    role_name: Annotated[str, declare("role_name of our actors; actors left by a crashed run are found by it")] = (
        "lkas_ego"
    )
    max_steer_deg: Annotated[
        float | None,
        declare(
            "Road-wheel angle of steer = 1 at standstill; null: from the physics of the wheels",
            unit="deg",
            minimum=1,
            maximum=80,
        ),
    ] = None
    spectator: Annotated[bool, declare("Let the spectator view of the server follow the car")] = True
    autopilot: Annotated[bool, declare("CARLA's traffic manager drives; our steering is ignored")] = False
    traffic_manager_port: Annotated[
        int, declare("Port that the traffic manager opens on this machine", minimum=1024, maximum=65535)
    ] = 8000
