"""All JSON messages on the six ports, as msgspec structs. Decoding is strict.

Unknown fields are ignored, so that messages can grow. A wrong type, a number that is not finite or a text that is too
long raises `MalformedMessageError`. `timestamp` in the JSON is in epoch seconds, computed by `epoch_s` only.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from lkas.health import Level, Percentiles
from lkas.integration.shared_memory.messages import ControlMessage, DepartureStatus, DetectionMessage
from lkas.parameters import Parameter

TOPICS = ("frame", "detection", "control", "state", "health", "parameters", "event")
MAX_INBOUND_BYTES = 64 * 1024  # of one message to the broker
MAX_READ_GAP_NS = 1_000_000  # two clocks read within this time show the same moment

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=1000)]
RequestId = Annotated[str, Meta(max_length=128)]
# JavaScript represents whole numbers exactly up to 2**53.
Value = bool | Annotated[int, Meta(ge=-(2**53), le=2**53)] | float | Annotated[str, Meta(max_length=1000)] | None
Pixels = list[tuple[float, float]]


class MalformedMessageError(ValueError):
    """The bytes are not the expected message. The text names the field."""


def epoch_s(monotonic_ns: int) -> float:
    """Convert a monotonic stamp to epoch seconds. 0 means no stamp and becomes the current time."""
    if not monotonic_ns:
        return time.time()
    while True:
        before_ns, epoch_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after_ns - before_ns < MAX_READ_GAP_NS:  # else this process was interrupted between the clocks
            return (epoch_ns - (before_ns + after_ns) // 2 + monotonic_ns) / 1e9


# ---------------------------------------------------------------- telemetry: topics for viewers


class FrameHeader(Struct, tag="frame", tag_field="type", frozen=True, kw_only=True):
    """Header of a camera frame. The JPEG is the next part of the same message."""

    session: int
    frame_id: int
    timestamp: float
    width: int
    height: int


class Detection(DetectionMessage, tag="detection", tag_field="type", frozen=True, kw_only=True):
    """A DetectionMessage with the lines in pixels, from the bottom of the image upwards."""

    left_line_px: Pixels | None = None
    right_line_px: Pixels | None = None


class Control(ControlMessage, tag="control", tag_field="type", frozen=True, kw_only=True):
    """A ControlMessage; `timestamp` and `valid_until` in epoch seconds."""


class State(Struct, tag="state", tag_field="type", frozen=True, kw_only=True):
    """The vehicle state with the lane position of the newest command. Signs as in ControlMessage: right is positive."""

    session: int = 0
    frame_id: int = 0
    timestamp: float
    speed: float | None = None  # m/s
    steering: float | None = None
    throttle: float | None = None
    brake: float | None = None
    lateral_offset: float | None = None
    heading_angle: float | None = None
    departure_status: DepartureStatus | None = None
    paused: bool = False


class ProcessHealth(Struct, frozen=True, kw_only=True):
    name: Name
    pid: int | None
    state: Text
    rate_hz: float | None
    age_ms: float | None  # of its newest input
    restarts: int | None


class Health(Struct, tag="health", tag_field="type", frozen=True, kw_only=True):
    timestamp: float
    processes: list[ProcessHealth]
    latency_ms: dict[str, Percentiles]


class ParameterState(Parameter, frozen=True, kw_only=True):
    """A declared parameter with its current value. Not active: the running method does not read it."""

    value: Value = None
    active: bool = True


class Parameters(Struct, tag="parameters", tag_field="type", frozen=True, kw_only=True):
    """All declared parameters of all connected processes."""

    timestamp: float
    parameters: list[ParameterState]
    revisions: dict[str, int]  # by category; grows with each change


class BroadcastEvent(Struct, tag="event", tag_field="type", frozen=True, kw_only=True):
    timestamp: float
    name: Name
    level: Level
    process: Name
    text: Text


# ---------------------------------------------------------------- requests of tools and viewers, and their answers


class ActionRequest(Struct, frozen=True, kw_only=True):
    action: Name
    params: dict[Name, Value] = {}
    request_id: RequestId = ""


class ParameterRequest(Struct, frozen=True, kw_only=True):
    category: Name
    name: Name
    value: Value
    request_id: RequestId = ""


class Ack(Struct, frozen=True, kw_only=True):
    """The answer to a request. `ok` with `applied` null: accepted, a second answer follows."""

    request_id: str
    ok: bool
    applied: Value = None  # the current value; true for an action
    active: bool | None = None  # of a parameter: whether the running method reads it
    error: str | None = None


# ---------------------------------------------------------------- instructions to processes


class Hello(Struct, tag="hello", tag_field="type", frozen=True, kw_only=True):
    """The first message of a broker. A process answers with its parameter table."""

    broker: str  # random, different for each broker


class SetParameter(Struct, tag="parameter", tag_field="type", frozen=True, kw_only=True):
    category: Name
    name: Name
    value: Value
    revision: int
    request_id: RequestId


class SetValues(Struct, tag="values", tag_field="type", frozen=True, kw_only=True):
    """The broker's values, for a process that started after they were changed."""

    category: Name
    values: dict[Name, Value]
    revision: int


class PerformAction(Struct, tag="action", tag_field="type", frozen=True, kw_only=True):
    action: Name
    params: dict[Name, Value] = {}
    request_id: RequestId = ""


Instruction = Hello | SetParameter | SetValues | PerformAction


# ---------------------------------------------------------------- reports of processes


class StatusReport(Struct, tag="status", tag_field="type", frozen=True, kw_only=True):
    process: Name
    pid: int
    state: Text
    rate_hz: float | None = None
    age_ms: float | None = None
    latency_ms: dict[Name, Percentiles] = {}
    category: Name | None = None  # of its parameters
    revision: int = 0


class TableReport(Struct, tag="table", tag_field="type", frozen=True, kw_only=True):
    """The parameters of a process. `parameters` null: it declares none and checks each value itself."""

    process: Name
    category: Name
    parameters: tuple[Parameter, ...] | None
    values: dict[Name, Value]
    active: tuple[Name, ...] | None = None  # names that the running method reads; null: all
    revision: int = 0


class ParameterResult(Struct, tag="parameter_result", tag_field="type", frozen=True, kw_only=True):
    request_id: RequestId
    category: Name
    name: Name
    ok: bool
    value: Value = None  # the current value
    revision: int = 0
    error: Text | None = None


class ActionResult(Struct, tag="action_result", tag_field="type", frozen=True, kw_only=True):
    request_id: RequestId
    process: Name
    ok: bool
    error: Text | None = None


class EventReport(Struct, tag="event", tag_field="type", frozen=True, kw_only=True):
    process: Name
    name: Name
    level: Level
    text: Text


class ProcessEntry(Struct, frozen=True, kw_only=True):
    name: Name
    pid: int | None = None
    state: Text
    restarts: int = 0


class ProcessesReport(Struct, tag="processes", tag_field="type", frozen=True, kw_only=True):
    """The child processes of a supervisor."""

    processes: Annotated[tuple[ProcessEntry, ...], Meta(max_length=32)]


class VehicleReport(Struct, tag="vehicle", tag_field="type", frozen=True, kw_only=True):
    """The vehicle state, from a simulation without a vehicle channel."""

    session: int = 0
    frame_id: int = 0
    capture_ns: int = 0
    speed: float | None = None
    steering: float | None = None
    throttle: float | None = None
    brake: float | None = None
    paused: bool = False


Report = StatusReport | TableReport | ParameterResult | ActionResult | EventReport | ProcessesReport | VehicleReport


# ---------------------------------------------------------------- bytes


def _plain(value: Any) -> Any:
    """Return a NumPy number or array as numbers and lists. Raises TypeError for all else that JSON does not know."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__} cannot be sent: expected numbers, texts, lists or arrays")
    return value.tolist()


encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=_plain).encode


def _decoder(kind: Any, what: str) -> Callable[[bytes], Any]:
    decode = msgspec.json.Decoder(kind).decode

    def strict(data: bytes) -> Any:
        try:
            return decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            hint = " (in JSON, NaN and infinity are null)" if "got `null`" in str(error) else ""
            raise MalformedMessageError(f"not {what}: {error}{hint}") from error

    return strict


decode_action: Callable[[bytes], ActionRequest] = _decoder(ActionRequest, "an action request")
decode_parameter: Callable[[bytes], ParameterRequest] = _decoder(ParameterRequest, "a parameter request")
decode_ack: Callable[[bytes], Ack] = _decoder(Ack, "an ack")
decode_instruction: Callable[[bytes], Instruction] = _decoder(Instruction, "an instruction of the broker")
decode_report: Callable[[bytes], Report] = _decoder(Report, "a report of a process")
decode_detection: Callable[[bytes], Detection] = _decoder(Detection, "a detection")
decode_topic: Callable[[bytes], dict[str, Any]] = _decoder(dict[str, Any], "a JSON object")
