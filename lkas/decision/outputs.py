"""The messages that decision sends. Only here left-positive values become the right-positive ones of the messages."""

import math
from collections.abc import Iterable

from lkas.decision.departure import Departure, DepartureWarning
from lkas.decision.lane import LaneState
from lkas.decision.limiter import ControlOutput
from lkas.decision.timeline import SPACING_S
from lkas.frames import rightward, rightward_deg
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DetectionMessage,
    SteeringTerms,
    TimelineMessage,
    TimelinePoint,
)


def control_message(
    now_s: float,
    newest: DetectionMessage | None,
    session: int,
    output: ControlOutput,
    mode: ControlMode,
    lane: LaneState | None,
    departure: Departure | None,
    terms: SteeringTerms | None,
    reason: str,
    valid_s: float,
) -> ControlMessage:
    """Build the command. `lane` and `departure` are None if the lane is unknown; stamps are the detection's."""
    return ControlMessage(
        session=newest.session if newest is not None else session,
        frame_id=newest.frame_id if newest is not None else 0,
        timestamp=newest.timestamp if newest is not None else now_s,
        capture_ns=newest.capture_ns if newest is not None else 0,
        steering=output.steering,
        throttle=output.throttle,
        brake=output.brake,
        mode=mode,
        lateral_offset=rightward(lane.offset_m) / lane.width_m if lane is not None else None,
        lateral_offset_meters=rightward(lane.offset_m) if lane is not None else None,
        heading_angle=rightward_deg(lane.heading_rad) if lane is not None else None,
        lane_width_pixels=_lane_width_pixels(newest) if newest is not None else None,
        departure_status=departure.status if departure is not None else None,
        curvature=lane.curvature_radpm if lane is not None else None,
        ttlc_left_s=departure.ttlc_left_s if departure is not None else None,
        ttlc_right_s=departure.ttlc_right_s if departure is not None else None,
        limiter=int(output.flags),
        state_reason=reason,
        valid_until=now_s + valid_s,
        terms=terms,
    )


def timeline_message(
    now_s: float, last: ControlMessage, predicted: Iterable[LaneState], warning: DepartureWarning
) -> TimelineMessage:
    """Build the timeline of the lane states predicted from `now_s` on; its stamps are those of the last command."""
    points = []
    for index, lane in enumerate(predicted):
        left_m, right_m = warning.margins_m(lane)
        points.append(
            TimelinePoint(
                t_s=index * SPACING_S,
                offset_m=lane.offset_m,
                heading_rad=lane.heading_rad,
                margin_left_m=left_m,
                margin_right_m=right_m,
            )
        )
    return TimelineMessage(
        session=last.session,
        frame_id=last.frame_id,
        timestamp=now_s,
        capture_ns=last.capture_ns,
        points=tuple(points),
        ttlc_left_s=last.ttlc_left_s,
        ttlc_right_s=last.ttlc_right_s,
    )


def _lane_width_pixels(detection: DetectionMessage) -> float | None:
    """Distance between the two lines in the image, in the lowest row that both reach."""
    left, right = detection.left_lane, detection.right_lane
    if left is None or right is None or left.y1 == left.y2 or right.y1 == right.y2:
        return None
    row_px = min(left.y1, right.y1)
    left_px, right_px = (
        line.x1 + (row_px - line.y1) * (line.x2 - line.x1) / (line.y2 - line.y1) for line in (left, right)
    )
    return right_px - left_px if math.isfinite(right_px - left_px) else None
