"""The section `simulation`."""

from typing import Annotated, Literal

from lkas.parameters import Section, declare
from simulation.conditions import ConditionName


class SimulationConfig(Section, frozen=True, kw_only=True):
    """Which world to run, and how."""

    backend: Annotated[Literal["auto", "embedded", "carla", "video"], declare("World to run")] = "auto"
    map: Annotated[
        str | None,
        declare("OpenDRIVE file, or a map of CARLA's by name; null: the built-in loop, or the one loaded in CARLA"),
    ] = None
    route: Annotated[
        str | None,
        declare(
            "Way through the map: ids of roads with commas; 'default': the stretch evaluation drives; "
            "'turns': each junction by the seed; null: the longest round"
        ),
    ] = None
    condition: Annotated[ConditionName, declare("Light, weather, wear and traffic of the embedded world")] = "clear"
    source: Annotated[str | None, declare("Video file, folder of images or camera index of the video world")] = None
    loop: Annotated[bool, declare("Start the film again when it is over")] = False
    seed: Annotated[int, declare("Seed of everything random in the world", minimum=0)] = 1
    start_speed_mps: Annotated[float, declare("Speed at the start", unit="m/s", minimum=0, maximum=60)] = 0.0
    side_wind_mps: Annotated[
        float,
        declare("Wind across the car, positive blows to the left", unit="m/s", minimum=-40, maximum=40),
    ] = 0.0
    gusts_mps: Annotated[
        float, declare("Standard deviation of gusts across the car", unit="m/s", minimum=0, maximum=15)
    ] = 0.0
    steering_offset_deg: Annotated[
        float, declare("Road wheels against the steering, left positive", unit="deg", minimum=-5, maximum=5)
    ] = 0.0
    friction_ratio: Annotated[
        float, declare("Friction of the road, as a share of the dry one's", minimum=0.1, maximum=1)
    ] = 1.0
    frame_delay_s: Annotated[
        float, declare("From a frame's exposure to its publication", unit="s", minimum=0, maximum=1)
    ] = 0.0
    frame_drop_ratio: Annotated[
        float, declare("Share of the frames that get lost, at random by the seed", minimum=0, maximum=1)
    ] = 0.0
    film_speed_mps: Annotated[
        float, declare("Speed assumed of a film, which does not tell", unit="m/s", minimum=0, maximum=60)
    ] = 20.0
    film_rate_hz: Annotated[
        float | None,
        declare(
            "Frames per second of a film; null: as a video file says, camera.rate_hz for a folder of images",
            unit="Hz",
            minimum=1,
            maximum=240,
        ),
    ] = None
    film_start_s: Annotated[
        float, declare("Where in a film to begin, also after a loop", unit="s", minimum=0, maximum=86400)
    ] = 0.0
    calibration: Annotated[
        str | None, declare("YAML file with a section camera of the film or live camera; null: nobody knows it")
    ] = None
