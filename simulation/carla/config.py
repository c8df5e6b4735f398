"""The section `carla`."""

from typing import Annotated

from lkas.parameters import Section, declare


class CarlaConfig(Section, frozen=True, kw_only=True):
    """Which CARLA server to drive on, and how. The map is `simulation.map`."""

    host: Annotated[str, declare("Address of the CARLA server")] = "127.0.0.1"
    port: Annotated[int, declare("Its port; the next one is used too", minimum=1, maximum=65534)] = 2000
    timeout_s: Annotated[float, declare("Longest wait for an answer", unit="s", minimum=0.5, maximum=120)] = 5.0
    load_timeout_s: Annotated[
        float, declare("Longest wait for a map, or a tick of the set-up", unit="s", minimum=1, maximum=600)
    ] = 60.0
    any_version: Annotated[
        bool, declare("Connect to a server of another version than the client; may end in a crash of either")
    ] = False
    weather: Annotated[
        str | None, declare("Weather by the name of its preset, as ClearNoon or HardRainSunset; null: as it is")
    ] = None
    spawn_point: Annotated[
        int | None, declare("Number of the map's spawn point to start from; null: where the route begins", minimum=0)
    ] = None
    vehicle: Annotated[str, declare("Blueprint of the car")] = "vehicle.tesla.model3"
    role_name: Annotated[str, declare("Name of our actors; those a crashed run left behind are removed by it")] = (
        "lkas_ego"
    )
    max_steer_deg: Annotated[
        float | None,
        declare(
            "Road-wheel angle of steer = 1 at standstill; null: as the wheels say",
            unit="deg",
            minimum=1,
            maximum=80,
        ),
    ] = None
    spectator: Annotated[bool, declare("Let the server's own view follow the car")] = True
    autopilot: Annotated[bool, declare("CARLA's traffic manager drives; our steering is not applied")] = False
    traffic_manager_port: Annotated[
        int, declare("Port that the traffic manager of autopilot opens here", minimum=1024, maximum=65535)
    ] = 8000
