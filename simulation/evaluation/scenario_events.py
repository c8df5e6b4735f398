"""What may happen on a drive: disturbances push the car, faults come between camera and decision.

Each event begins at a time (`at_s`) or a place (`at_m`, way driven), at once with neither, and lasts for `duration_s`,
or to the end of the drive without it.
"""

from typing import Annotated

from lkas.parameters import Section, declare


class Event(Section, frozen=True, kw_only=True, tag_field="kind", tag=str):
    """When it happens."""

    at_s: Annotated[float | None, declare("World time of its begin", unit="s", minimum=0, maximum=36000)] = None
    at_m: Annotated[float | None, declare("Way driven at its begin", unit="m", minimum=0, maximum=1e6)] = None
    duration_s: Annotated[
        float | None, declare("How long it lasts; null: to the end", unit="s", minimum=0.01, maximum=36000)
    ] = None


class SideWind(Event, frozen=True, kw_only=True, tag="side_wind"):
    """Wind across the car; it rises and falls within 0.2 s."""

    speed_mps: Annotated[
        float, declare("Wind across the car, positive blows to the left", unit="m/s", minimum=-40, maximum=40)
    ] = 10.0


class SteeringOffset(Event, frozen=True, kw_only=True, tag="steering_offset"):
    """Wheels that point elsewhere than the steering says."""

    offset_deg: Annotated[
        float, declare("Road wheels against the steering, left positive", unit="deg", minimum=-5, maximum=5)
    ] = 1.0


class Grip(Event, frozen=True, kw_only=True, tag="grip"):
    """A slippery stretch."""

    friction_ratio: Annotated[float, declare("Friction as a share of the dry road's", minimum=0.1, maximum=1)] = 0.5


class SetSpeed(Event, frozen=True, kw_only=True, tag="set_speed"):
    """Another set speed."""

    speed_mps: Annotated[float, declare("Set speed meanwhile", unit="m/s", minimum=1, maximum=45)] = 10.0


class DroppedFrames(Event, frozen=True, kw_only=True, tag="dropped_frames"):
    """Frames that never reach the detector."""

    ratio: Annotated[float, declare("Share of the frames lost, at random by the seed", minimum=0, maximum=1)] = 0.3


class Blackout(Event, frozen=True, kw_only=True, tag="blackout"):
    """Black frames."""


class DetectorDead(Event, frozen=True, kw_only=True, tag="detector_dead"):
    """No detections at all, as when the detector's process is gone."""


class LateDetections(Event, frozen=True, kw_only=True, tag="late_detections"):
    """Detections that arrive late."""

    delay_s: Annotated[float, declare("Added to --latency", unit="s", minimum=0, maximum=2)] = 0.1


class FrozenSpeed(Event, frozen=True, kw_only=True, tag="frozen_speed"):
    """The car goes on reporting the speed it had when the fault began."""


DISTURBANCES = (SideWind, SteeringOffset, Grip, SetSpeed)
FAULTS = (DroppedFrames, Blackout, DetectorDead, LateDetections, FrozenSpeed)

Disturbance = SideWind | SteeringOffset | Grip | SetSpeed
Fault = DroppedFrames | Blackout | DetectorDead | LateDetections | FrozenSpeed


def kind_of(event: type[Event]) -> str:
    """The name of a kind in a scenario file."""
    return str(event.__struct_config__.tag)
