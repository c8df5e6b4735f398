"""The section `simulation`."""

from typing import Annotated, Literal

from lkas.parameters import Section, declare


class SimulationConfig(Section, frozen=True, kw_only=True):
    """Which world to run, and how."""

    backend: Annotated[Literal["auto", "embedded", "video"], declare("World to run")] = "auto"
    map: Annotated[str | None, declare("OpenDRIVE file of the embedded world; null: the built-in loop")] = None
    route: Annotated[
        str | None,
        declare("Way through the map: ids of roads to go over, with commas; 'random': by the seed; null: straightest"),
    ] = None
    source: Annotated[str | None, declare("Video file, folder of images or camera index of the video world")] = None
    loop: Annotated[bool, declare("Start the film again when it is over")] = False
    seed: Annotated[int, declare("Seed of everything random in the world", minimum=0)] = 1
    start_speed_mps: Annotated[float, declare("Speed at the start", unit="m/s", minimum=0, maximum=60)] = 0.0
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
