"""Every message of the pipeline, declared once.

The binary record in shared memory, its schema hash, the C structs and the JSON on the wire are derived from
these classes, and so are the calls that write them. New fields go to the end, with a default; none is reordered or
reused.

Signs. `steering`, `lateral_offset`, `lateral_offset_meters` and `heading_angle` are positive to the right, as a
steering command is applied. Every other signed field is ISO 8855: x forward, y left, angles counter-clockwise, so
left is positive. The ego origin is the ground below the centre of gravity.

Clocks. `timestamp` and `valid_until` are world time in seconds (simulated, media time, or monotonic for a live
camera). `capture_ns` and `publish_ns` are this machine's monotonic clock and serve ages and latencies only.

Types of a record field: bool, int (64 bit), float (64 bit), an Enum, a nested Struct, `X | None` (a presence
flag), `Text` with a byte capacity, or a tuple of records with a capacity.
"""

from enum import IntFlag, StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

__all__ = [
    "Calibration",
    "CalibrationStatus",
    "CameraGeometry",
    "ControlMessage",
    "ControlMode",
    "DepartureStatus",
    "DetectionMessage",
    "ImageMessage",
    "LaneLine",
    "LaneMessage",
    "LaneModel",
    "LimiterFlag",
    "LineColour",
    "LineOrigin",
    "LineType",
    "Message",
    "Pose",
    "SteeringTerms",
    "TimelineMessage",
    "TimelinePoint",
    "Track",
    "TrackState",
    "TracksMessage",
    "VehicleState",
    "asdict",
]


def _text(capacity_bytes: int) -> Meta:
    """UTF-8 text cut at a character so that it fits `capacity_bytes`."""
    return Meta(extra={"bytes": capacity_bytes})


ReasonText = Annotated[str, _text(96)]


def asdict(message: Struct) -> dict[str, Any]:
    """Return a message as a plain dict, nested structs included (an image stays an array)."""
    return {
        name: asdict(value) if isinstance(value, Struct) else value
        for name, value in ((field, getattr(message, field)) for field in message.__struct_fields__)
    }


class Message(Struct, frozen=True, gc=False, kw_only=True):
    """Stamps that every message carries. Joins and gap counts use (session, frame_id)."""

    session: int = 0  # random, drawn at each start of a world; below 2**53, so that JSON keeps it
    frame_id: int = 0  # the camera frame this message belongs to
    timestamp: float = 0.0  # s, world time at which that frame was exposed (vehicle state: of the state)
    capture_ns: int = 0  # monotonic ns of the exposure
    publish_ns: int = 0  # monotonic ns at which this message was written, set by the channel
    sequence: int = 0  # counts this channel's messages, across restarts of its writer; set by the channel


class ImageMessage(Message, frozen=True, kw_only=True):
    """One camera frame."""

    image: Any  # (H, W, 3) uint8 RGB array; the record holds the stamps, the pixels follow


# ---------------------------------------------------------------- detection


class LineType(StrEnum):
    UNKNOWN = "unknown"
    SOLID = "solid"
    DASHED = "dashed"
    DOUBLE = "double"
    BOTTS_DOTS = "botts_dots"
    EDGE = "edge"


class LineColour(StrEnum):
    UNKNOWN = "unknown"
    WHITE = "white"
    YELLOW = "yellow"


class LineOrigin(StrEnum):
    """The source of a line's values; decision ignores `predicted`."""

    MEASURED = "measured"
    OTHER_LINE = "other_line"
    PREDICTED = "predicted"


class CalibrationStatus(StrEnum):
    UNCALIBRATED = "uncalibrated"
    ESTIMATING = "estimating"
    CALIBRATED = "calibrated"
    GIVEN = "given"


class LaneMessage(Struct, frozen=True, gc=False):
    """One lane line as a segment in the image: the line drawn at its lowest and its highest visible row."""

    x1: float  # px, bottom end
    y1: float  # px
    x2: float  # px, top end, always below the horizon
    y2: float  # px
    confidence: float = 1.0  # [0, 1]: probability that such a line is correct


class CameraGeometry(Struct, frozen=True, gc=False, kw_only=True):
    """A camera over the ground, placed in the ego frame. Angles in radians, ISO 8855 (left, up-to-down).

    A pinhole camera with lens distortion (lkas.lens; all zero: none).
    pitch_rad > 0 looks down, yaw_rad > 0 looks left, roll_rad > 0 leans right (clockwise seen from behind).
    """

    focal_px: float
    cx_px: float  # principal point, column
    cy_px: float  # principal point, row
    height_m: float  # above the ground
    pitch_rad: float = 0.0
    yaw_rad: float = 0.0
    roll_rad: float = 0.0
    x_m: float = 0.0  # ahead of the ego origin
    y_m: float = 0.0  # left of the ego origin
    k1: float = 0.0  # radial distortion, of r², r⁴ and (k3) r⁶
    k2: float = 0.0
    p1: float = 0.0  # tangential distortion
    p2: float = 0.0
    k3: float = 0.0


class Calibration(CameraGeometry, frozen=True, kw_only=True):
    """The camera geometry a lane model was measured with, and its quality."""

    status: CalibrationStatus = CalibrationStatus.GIVEN
    percent: float = 100.0  # of the frames a full estimate needs
    spread_px: float = 0.0  # of the vanishing point over the frames used


class LaneLine(Struct, frozen=True, gc=False, kw_only=True):
    """One line on the ground in the ego frame: y(x) = c0 + c1 x + c2 x²/2 + c3 x³/6, metres, left positive."""

    c0: float  # m, lateral position beside the ego origin
    c1: float  # rad, heading of the line against the car
    c2: float  # 1/m, curvature, positive in a left bend
    c3: float = 0.0  # 1/m², curvature rate
    sigma_c0: float
    sigma_c1: float
    sigma_c2: float
    sigma_c3: float
    x_min_m: float  # the visible range
    x_max_m: float
    confidence: float  # [0, 1]
    type: LineType = LineType.UNKNOWN
    colour: LineColour = LineColour.UNKNOWN
    age: int = 0  # frames this line has been followed
    origin: LineOrigin = LineOrigin.MEASURED


class LaneModel(Struct, frozen=True, gc=False, kw_only=True):
    """The measurement of the ego lane in this frame alone, with its covariance; never smoothed over time."""

    left: LaneLine | None
    right: LaneLine | None
    width_m: float | None  # of this lane; None when only one line is visible
    width_sigma_m: float | None
    calibration: Calibration


class DetectionMessage(Message, frozen=True, kw_only=True):
    """The lines that the detector found in one frame."""

    left_lane: LaneMessage | None = None
    right_lane: LaneMessage | None = None
    processing_time_ms: float = 0.0
    lane_model: LaneModel | None = None
    frame_publish_ns: int = 0  # monotonic ns at which the frame itself was published


class TrackState(StrEnum):
    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    COASTING = "coasting"


class Track(Struct, frozen=True, gc=False, kw_only=True):
    """One line followed over time, ego frame, as LaneLine."""

    id: int
    type: LineType
    age: int
    state: TrackState
    c0: float
    c1: float
    c2: float
    c3: float
    covariance: Annotated[tuple[float, ...], Meta(max_length=16)]  # 4x4, row by row
    confidence: float


class TracksMessage(Message, frozen=True, kw_only=True):
    tracks: Annotated[tuple[Track, ...], Meta(max_length=8)] = ()


# ---------------------------------------------------------------- decision


class ControlMode(StrEnum):
    LANE_KEEPING = "lane_keeping"
    SINGLE_LINE = "single_line"
    HOLD = "hold"
    DEGRADED = "degraded"
    MINIMUM_RISK = "minimum_risk"
    STANDBY = "standby"
    MANUAL = "manual"


class DepartureStatus(StrEnum):
    CENTERED = "centered"
    DRIFT = "drift"
    DEPARTURE = "departure"


class LimiterFlag(IntFlag):
    """The limits that changed a command."""

    STEERING_ANGLE = 1
    STEERING_RATE = 2
    LATERAL_ACCELERATION = 4
    LATERAL_JERK = 8
    NOT_FINITE = 16
    STALE_SPEED = 32
    NO_STEERING_RANGE = 64
    BRAKING_FOR_BEND = 128


class SteeringTerms(Struct, frozen=True, kw_only=True):
    """The terms whose sum is the curvature that the controller requests, before the limiter. 1/m, left positive."""

    feedforward: float  # the curvature of the lane
    offset: float  # from the offset to the lane centre
    heading: float  # from the heading error
    integral: float  # from persistent offsets
    handover: float  # remaining difference to the controller before this one
    trim: float  # for what the vehicle model lacks: a misaligned wheel, side wind, a banked road


class ControlMessage(Message, frozen=True, kw_only=True):
    """One command to the vehicle, and its reasons. None means unknown."""

    steering: float  # [-1, 1] of the largest road-wheel angle, positive right
    throttle: float  # [0, 1]
    brake: float  # [0, 1]
    mode: ControlMode = ControlMode.MANUAL
    lateral_offset: float | None = None  # share of the lane width, positive: the vehicle is right of the centre
    lateral_offset_meters: float | None = None  # m, positive right
    heading_angle: float | None = None  # deg, positive: the vehicle points right of the lane
    lane_width_pixels: float | None = None  # px, at the lowest row both lines share
    departure_status: DepartureStatus | None = None
    curvature: float | None = None  # 1/m of the lane here, left positive
    ttlc_left_s: float | None = None  # s until a left wheel touches the left line; None: not within the horizon
    ttlc_right_s: float | None = None
    limiter: int = 0  # LimiterFlag bits
    state_reason: ReasonText = ""
    valid_until: float = 0.0  # s, world time; after it the world stops the vehicle by itself
    terms: SteeringTerms | None = None  # None: the steering does not follow the lane


class TimelinePoint(Struct, frozen=True, gc=False, kw_only=True):
    t_s: float
    offset_m: float
    heading_rad: float
    margin_left_m: float
    margin_right_m: float


class TimelineMessage(Message, frozen=True, kw_only=True):
    """The predicted motion over the next 3 s, one point each 0.1 s."""

    points: Annotated[tuple[TimelinePoint, ...], Meta(max_length=31)] = ()
    ttlc_left_s: float | None = None
    ttlc_right_s: float | None = None


# ---------------------------------------------------------------- vehicle


class Pose(Struct, frozen=True, gc=False, kw_only=True):
    """Ego origin in the world's map frame."""

    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    pitch_rad: float = 0.0
    roll_rad: float = 0.0


class VehicleFacts(Struct, frozen=True, gc=False, kw_only=True):
    """What a world knows of its own car. It takes precedence over the configuration; None: as configured."""

    wheelbase_m: float | None = None
    cg_to_rear_axle_m: float | None = None
    width_m: float | None = None  # over the tyres' outer edges
    steering_delay_s: float | None = None  # dead time from command to wheel
    steering_lag_s: float | None = None  # first-order lag of the wheel
    full_throttle_mps2: float | None = None  # acceleration at throttle = 1
    full_brake_mps2: float | None = None  # deceleration at brake = 1


class VehicleState(Message, frozen=True, kw_only=True):
    """The vehicle as its own sensors report it. None: this world does not know (a video has no yaw rate)."""

    speed_mps: float | None = None
    yaw_rate_radps: float | None = None  # left positive
    steering_angle_rad: float | None = None  # at the road wheel, left positive
    pose: Pose | None = None
    acceleration_mps2: float | None = None  # longitudinal
    lateral_acceleration_mps2: float | None = None  # left positive
    paused: bool = False
    max_steer_rad: float | None = None  # road-wheel angle of steering = 1; None: the vehicle cannot be steered
    rate: float = 1.0  # world seconds per real second, 0 while paused
    tick_s: float = 0.01  # world seconds between two states
    camera: CameraGeometry | None = None  # the camera as placed by this world; None: unknown (a video)
    vehicle: VehicleFacts | None = None  # None: this world knows nothing of its car
