"""Converts channel messages to the messages of the topics: world time to epoch seconds, lines to pixels."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from lkas.frames import line_pixels
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    DetectionMessage,
    LaneLine,
    LaneMessage,
    LaneModel,
    VehicleState,
)
from lkas.integration.zmq.messages import (
    Control,
    Detection,
    Pixels,
    State,
    VehicleReport,
    decode_detection,
    encode,
    epoch_s,
)

CONTROL_MAX_AGE_NS = 500_000_000  # the values of an older command are reported as unknown


def detection(data: DetectionMessage | Mapping[str, Any], frame_id: int, height_px: int | None) -> Detection:
    """Return a detection with its lines in pixels. A dict may contain NumPy numbers and arrays, and omit fields.

    Raises MalformedMessageError, which names the bad field, and TypeError for a value that JSON does not know.
    """
    if isinstance(data, DetectionMessage):
        message = Detection(**_fields(data))
    else:
        message = decode_detection(encode({**data, "type": "detection"}))
    model = message.lane_model
    left = message.left_line_px or _line_px(message.left_lane, model and model.left, model, height_px)
    right = message.right_line_px or _line_px(message.right_lane, model and model.right, model, height_px)
    return msgspec.structs.replace(
        message,
        frame_id=frame_id,
        timestamp=epoch_s(message.capture_ns),
        left_line_px=left,
        right_line_px=right,
    )


def control(message: ControlMessage) -> Control:
    """Return a command with both its times in epoch seconds."""
    timestamp = epoch_s(message.capture_ns)
    fields = _fields(message)
    fields |= {"timestamp": timestamp, "valid_until": timestamp + message.valid_until - message.timestamp}
    return Control(**fields)


def state(vehicle: VehicleState, command: ControlMessage | None, now_ns: int) -> State:
    """Join the vehicle state with the newest command. An old command counts as unknown, except in a paused world."""
    if command is not None and not vehicle.paused and now_ns - command.publish_ns > CONTROL_MAX_AGE_NS:
        command = None
    return State(
        session=vehicle.session,
        frame_id=vehicle.frame_id,
        timestamp=epoch_s(vehicle.capture_ns),
        speed=vehicle.speed_mps,
        steering=command and command.steering,
        throttle=command and command.throttle,
        brake=command and command.brake,
        lateral_offset=command and command.lateral_offset,
        heading_angle=command and command.heading_angle,
        departure_status=command and command.departure_status,
        paused=vehicle.paused,
    )


def reported_state(report: VehicleReport) -> State:
    """Return the state that a simulation without a vehicle channel reports."""
    return State(
        session=report.session,
        frame_id=report.frame_id,
        timestamp=epoch_s(report.capture_ns),
        speed=report.speed,
        steering=report.steering,
        throttle=report.throttle,
        brake=report.brake,
        paused=report.paused,
    )


def _line_px(
    lane: LaneMessage | None, line: LaneLine | None, model: LaneModel | None, height_px: int | None
) -> Pixels | None:
    """Return the curve of the lane model, or the two-point line when there is no model."""
    if line is not None and model is not None:
        calibration = model.calibration
        # Without a given height, the principal point is assumed in the middle of the image.
        rows = height_px or round(2 * calibration.cy_px + 1)
        pixels = np.round(line_pixels(line, calibration, rows), 1).tolist()
        if len(pixels) >= 2:
            return pixels
    if lane is not None:
        return [(lane.x1, lane.y1), (lane.x2, lane.y2)]
    return None


def _fields(message: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}
