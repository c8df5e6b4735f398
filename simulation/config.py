"""The configuration section `simulation`."""

from typing import Annotated

from lkas.parameters import Section, declare
from simulation.backends import AUTO, BACKENDS
from simulation.conditions import ConditionName


class SimulationConfig(Section, frozen=True, kw_only=True):
    """Which world to run, and its settings."""

    backend: Annotated[str, declare("World to run", choices=(AUTO, *BACKENDS))] = AUTO
    map: Annotated[
        str | None,
        declare("OpenDRIVE file, or the name of a CARLA map; null: the built-in loop, or the map loaded in CARLA"),
    ] = None
    route: Annotated[
        str | None,
        declare(
            "Route on the map: road ids with commas; 'default': the stretch that the evaluation drives; "
            "'turns': random at each junction, by the seed; null: the longest closed route"
        ),
    ] = None
    condition: Annotated[ConditionName, declare("Light, weather, wear and traffic of the embedded world")] = "clear"
    source: Annotated[str | None, declare("Video file, folder of images, camera or stream address")] = None
    loop: Annotated[bool, declare("Restart the video at its end")] = False
    seed: Annotated[int, declare("Seed of all randomness in the world", minimum=0)] = 1
    start_speed_mps: Annotated[float, declare("Speed at the start", unit="m/s", minimum=0, maximum=60)] = 0.0
    side_wind_mps: Annotated[
        float,
        declare("Crosswind, positive blows to the left", unit="m/s", minimum=-40, maximum=40),
    ] = 0.0
    gusts_mps: Annotated[float, declare("Standard deviation of crosswind gusts", unit="m/s", minimum=0, maximum=15)] = (
        0.0
    )
    steering_offset_deg: Annotated[
        float,
        declare("Offset of the road wheels from the commanded angle, left positive", unit="deg", minimum=-5, maximum=5),
    ] = 0.0
    friction_ratio: Annotated[float, declare("Friction of the road relative to a dry road", minimum=0.1, maximum=1)] = (
        1.0
    )
    frame_delay_s: Annotated[
        float, declare("Delay from the exposure of a frame to its publication", unit="s", minimum=0, maximum=1)
    ] = 0.0
    frame_drop_ratio: Annotated[
        float, declare("Share of frames dropped at random, by the seed", minimum=0, maximum=1)
    ] = 0.0
    film_speed_mps: Annotated[
        float, declare("Assumed speed of a video or live camera", unit="m/s", minimum=0, maximum=60)
    ] = 20.0
    film_rate_hz: Annotated[
        float | None,
        declare(
            "Frame rate of a video; null: as the file states, camera.rate_hz for a folder of images",
            unit="Hz",
            minimum=1,
            maximum=240,
        ),
    ] = None
    film_start_s: Annotated[
        float, declare("Position in a video at which to start, also after a loop", unit="s", minimum=0, maximum=86400)
    ] = 0.0
    calibration: Annotated[
        str | None, declare("YAML file with section camera of a video or live camera; null: unknown")
    ] = None
