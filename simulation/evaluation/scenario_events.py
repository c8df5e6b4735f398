"""Events of a scenario: disturbances act on the car, faults act between camera and decision.

An event starts at a time (`at_s`) or at a travelled distance (`at_m`), or at once without both. It lasts for
`duration_s`, or until the end of the drive without it.
"""

from typing import Annotated

from lkas.parameters import Section, declare


class ScenarioEvent(Section, frozen=True, kw_only=True, tag_field="kind", tag=str):
    """Start and duration of an event."""

    at_s: Annotated[float | None, declare("World time of the start", unit="s", minimum=0, maximum=36000)] = None
    at_m: Annotated[float | None, declare("Travelled distance at the start", unit="m", minimum=0, maximum=1e6)] = None
    duration_s: Annotated[
        float | None, declare("Duration; null: until the end of the drive", unit="s", minimum=0.01, maximum=36000)
    ] = None


class SideWind(ScenarioEvent, frozen=True, kw_only=True, tag="side_wind"):
    """Crosswind; it rises and falls within 0.2 s."""

    speed_mps: Annotated[
        float, declare("Crosswind, positive blows to the left", unit="m/s", minimum=-40, maximum=40)
    ] = 10.0


class SteeringOffset(ScenarioEvent, frozen=True, kw_only=True, tag="steering_offset"):
    """An offset of the road wheels from the commanded angle."""

    offset_deg: Annotated[
        float, declare("Offset of the road wheels, left positive", unit="deg", minimum=-5, maximum=5)
    ] = 1.0


class Grip(ScenarioEvent, frozen=True, kw_only=True, tag="grip"):
    """A slippery stretch."""

    friction_ratio: Annotated[float, declare("Friction relative to a dry road", minimum=0.1, maximum=1)] = 0.5


class SetSpeed(ScenarioEvent, frozen=True, kw_only=True, tag="set_speed"):
    """A different set speed."""

    speed_mps: Annotated[float, declare("Set speed during the event", unit="m/s", minimum=1, maximum=45)] = 10.0


class DroppedFrames(ScenarioEvent, frozen=True, kw_only=True, tag="dropped_frames"):
    """Frames that never reach the detector."""

    ratio: Annotated[float, declare("Share of frames dropped at random, by the seed", minimum=0, maximum=1)] = 0.3


class Blackout(ScenarioEvent, frozen=True, kw_only=True, tag="blackout"):
    """Black frames."""


class DetectorDead(ScenarioEvent, frozen=True, kw_only=True, tag="detector_dead"):
    """No detections, as without the detector's process."""


class LateDetections(ScenarioEvent, frozen=True, kw_only=True, tag="late_detections"):
    """Detections that arrive late."""

    delay_s: Annotated[float, declare("Added to --latency", unit="s", minimum=0, maximum=2)] = 0.1


class FrozenSpeed(ScenarioEvent, frozen=True, kw_only=True, tag="frozen_speed"):
    """The car reports the speed it had at the start of the fault."""


DISTURBANCES = (SideWind, SteeringOffset, Grip, SetSpeed)
FAULTS = (DroppedFrames, Blackout, DetectorDead, LateDetections, FrozenSpeed)

DisturbanceEvent = SideWind | SteeringOffset | Grip | SetSpeed
FaultEvent = DroppedFrames | Blackout | DetectorDead | LateDetections | FrozenSpeed


def kind_of(event: type[ScenarioEvent]) -> str:
    """Return the name of an event class in a scenario file."""
    return str(event.__struct_config__.tag)
