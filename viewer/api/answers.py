"""The JSON that the API returns. Times: `timestamp` in seconds, `age_s` since the exposure or the arrival."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from lkas.integration.shared_memory.messages import LaneLine, TimelinePoint, Track
from lkas.integration.zmq import messages
from viewer.wire import BrokerState


class DetectedLine(Struct, frozen=True, kw_only=True):
    """A line of the lane: the segment in the image, in px, and the line on the ground if known."""

    side: str  # left or right
    x1: float
    y1: float
    x2: float
    y2: float
    confidence: float
    line: LaneLine | None = None


class Detections(Struct, frozen=True, kw_only=True):
    """The newest detection. `timestamp` is world time."""

    frame_id: int | None
    session: int | None
    timestamp: float | None
    age_s: float | None
    fresh: bool
    processing_time_ms: float | None
    detections: list[DetectedLine]
    problem: str | None = None  # why there are none, and what to do


class Tracks(Struct, frozen=True, kw_only=True):
    """The lines that are followed over time."""

    frame_id: int | None
    session: int | None
    timestamp: float | None
    age_s: float | None
    fresh: bool
    tracks: list[Track]
    problem: str | None = None  # why there are none, and what to do


class Timeline(Struct, frozen=True, kw_only=True):
    """One prediction, and the times in which a line will be crossed."""

    points: list[TimelinePoint]
    ttlc_left_s: float | None
    ttlc_right_s: float | None


class Timelines(Struct, frozen=True, kw_only=True):
    """The predicted path; no entry when no lane is known."""

    frame_id: int | None
    session: int | None
    timestamp: float | None
    age_s: float | None
    fresh: bool
    timelines: list[Timeline]
    problem: str | None = None  # why there are none, and what to do


class ControlAnswer(Struct, frozen=True, kw_only=True):
    """The newest command. `timestamp` is in epoch seconds."""

    age_s: float | None
    fresh: bool
    control: messages.Control | None
    problem: str | None = None


class StateAnswer(Struct, frozen=True, kw_only=True):
    """The newest vehicle state. `timestamp` is in epoch seconds."""

    age_s: float | None
    fresh: bool
    state: messages.State | None
    problem: str | None = None


class HealthAnswer(Struct, frozen=True, kw_only=True):
    """Whether anybody steers, and if not, why; the processes and their latencies."""

    mode: str | None  # of the newest command; null: no process decides
    state_reason: str  # one sentence
    broker: BrokerState
    health: messages.Health | None


class StatsAnswer(Struct, frozen=True, kw_only=True):
    """Counters: of the channels on this machine, and of this viewer."""

    channels: dict[str, Any]
    viewers: int
    malformed_messages: int


class ParameterList(Struct, frozen=True, kw_only=True):
    """All declared parameters, and the revision of each category."""

    parameters: list[messages.ParameterState]
    revisions: dict[str, int]
    problem: str | None = None


class NewValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The value that a parameter is to have."""

    value: messages.Value


class Done(Struct, frozen=True, kw_only=True):
    """The answer to an order: what applies now, or null while it is carried out."""

    applied: messages.Value
    active: bool | None = None  # of a parameter: whether the running method reads it


class NewAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action for the simulation, or for decision (override, indicator)."""

    action: messages.Name
    params: Annotated[dict[messages.Name, messages.Value], Meta(max_length=8)] = {}


class NumberedEvent(Struct, frozen=True, kw_only=True):
    """An event with its number; numbers grow."""

    id: int
    event: messages.BroadcastEvent


class EventList(Struct, frozen=True, kw_only=True):
    """Events in order. `last` is for the next request's `since`."""

    events: list[NumberedEvent]
    last: int


class Instance(Struct, frozen=True, kw_only=True):
    """A stack on this machine, and who writes its channels."""

    name: str
    channels: dict[str, int | None]  # pid of the writer; null: none


class InstanceList(Struct, frozen=True, kw_only=True):
    """The stacks of this user on this machine."""

    instances: list[Instance]
