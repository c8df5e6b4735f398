"""What a run drives: road or map, start, speed, and the events on the way."""

from pathlib import Path
from typing import Annotated

from msgspec import Struct, structs

from lkas.parameters import Section, declare
from lkas.plugins.names import short_name
from simulation.conditions import ConditionName
from simulation.evaluation.scenario_events import DisturbanceEvent, FaultEvent, ScenarioEvent, SetSpeed
from simulation.evaluation.scenario_roads import GeneratedRoad, Segment, road_length_m
from simulation.opendrive.route_choice import DEFAULT

MAX_EXCUSED_RATIO = 0.05  # of the distance


class StartPose(Section, frozen=True, kw_only=True):
    """Initial position, heading and speed of the car relative to its lane; left positive."""

    s_m: Annotated[float, declare("Distance along the route", unit="m", minimum=0.1, maximum=20000)] = 10.0
    offset_m: Annotated[float, declare("Offset from the lane centre", unit="m", minimum=-1.5, maximum=1.5)] = 0.0
    heading_deg: Annotated[float, declare("Heading relative to the lane", unit="deg", minimum=-10, maximum=10)] = 0.0
    speed_mps: Annotated[float | None, declare("Speed; null: the set speed", unit="m/s", minimum=0, maximum=45)] = None


class ExcusedStretch(Section, frozen=True, kw_only=True):
    """A stretch where lines are crossed intentionally, such as a merge or a split; departures there do not count."""

    from_m: Annotated[float, declare("Start, as travelled distance", unit="m", minimum=0, maximum=1e6)] = 0.0
    to_m: Annotated[float, declare("End, as travelled distance", unit="m", minimum=0, maximum=1e6)] = 0.0
    reason: Annotated[str, declare("Why lines are crossed there")] = ""


class ScenarioHeader(Section, frozen=True, kw_only=True):
    """The top-level keys of a scenario file that hold single values."""

    description: Annotated[str, declare("Purpose, in one sentence")] = ""
    map: Annotated[str | None, declare("OpenDRIVE file, relative to the scenario file, or `loop`")] = None
    route: Annotated[
        str | None, declare("Route on the map: `default`, `turns`, or road ids with commas; null: default")
    ] = None
    configuration: Annotated[
        str | None,
        declare("Configuration file of the car, beside the scenario file or among those of this project"),
    ] = None
    condition: Annotated[ConditionName, declare("Light, weather, wear and traffic")] = "clear"
    set_speed_mps: Annotated[float, declare("Set speed", unit="m/s", minimum=0.05, maximum=45)] = 13.9
    duration_s: Annotated[float | None, declare("World time to drive", unit="s", minimum=1, maximum=36000)] = None
    distance_m: Annotated[
        float | None,
        declare(
            "Distance to drive; without duration and distance: the whole road or route",
            unit="m",
            minimum=1,
            maximum=1e6,
        ),
    ] = None
    latency_s: Annotated[
        float | None, declare("From the pose to the applied control; null: --latency", unit="s", minimum=0, maximum=1)
    ] = None


class Scenario(Struct, frozen=True, kw_only=True):
    """One complete, checked drive."""

    name: str
    header: ScenarioHeader
    car: str = "{}"  # JSON of the values that its configuration file sets, by section
    map: str | None = None  # an absolute path; None: the generated road
    world: str | None = None  # a plugin FILE.py:NAME in place of the embedded world
    world_options: str = "{}"  # JSON of its arguments
    road: GeneratedRoad = GeneratedRoad()
    segments: tuple[Segment, ...] = ()
    start: StartPose = StartPose()
    disturbances: tuple[DisturbanceEvent, ...] = ()
    faults: tuple[FaultEvent, ...] = ()
    excused: tuple[ExcusedStretch, ...] = ()

    @property
    def start_speed_mps(self) -> float:
        return self.header.set_speed_mps if self.start.speed_mps is None else self.start.speed_mps

    @property
    def distance_m(self) -> float | None:
        """The distance to drive; None: until the duration or the end of the map's route."""
        if self.header.distance_m is None and self.header.duration_s is None and self.map is None:
            return road_length_m(self.segments) - self.start.s_m
        return self.header.distance_m

    @property
    def route(self) -> str | None:
        """The choice of a route on a map; None: a generated road, which has only one."""
        return None if self.map is None else self.header.route or DEFAULT

    @property
    def map_name(self) -> str:
        if self.world is not None:
            return short_name(self.world)
        return "generated" if self.map is None else Path(self.map).name

    @property
    def events(self) -> tuple[ScenarioEvent, ...]:
        """All disturbances and faults."""
        return (*self.disturbances, *self.faults)

    def undisturbed(self) -> "Scenario":
        """Return the same drive in clear weather without events, except changes of the set speed."""
        kept = tuple(event for event in self.disturbances if isinstance(event, SetSpeed))
        header = structs.replace(self.header, condition="clear")
        return structs.replace(self, header=header, disturbances=kept, faults=())

    def check_excused(self, distance_m: float) -> None:
        """Raise ValueError when more than 5 % of this distance is excused."""
        excused_m = sum(stretch.to_m - stretch.from_m for stretch in self.excused)
        if excused_m > MAX_EXCUSED_RATIO * distance_m:
            raise ValueError(
                f"excused: {excused_m:.0f} m of {distance_m:.0f} m, expected at most {MAX_EXCUSED_RATIO:.0%} "
                "of the distance"
            )
