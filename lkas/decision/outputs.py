"""The messages that leave decision, made of what it knows. Here, and only here, left becomes right."""

import math
from collections.abc import Iterable

from lkas.decision.departure import Departure, DepartureWarning
from lkas.decision.lane import LaneState
from lkas.decision.limiter import Limited
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
    limited: Limited,
    mode: ControlMode,
    lane: LaneState | None,
    departure: Departure | None,
    terms: SteeringTerms | None,
    reason: str,
    valid_s: float,
) -> ControlMessage:
    """What is sent at `now_s`. `lane` and `departure` are None when the lane is unknown; stamps are the detection's."""
    return ControlMessage(
        session=newest.session if newest is not None else session,
        frame_id=newest.frame_id if newest is not None else 0,
        timestamp=newest.timestamp if newest is not None else now_s,
        capture_ns=newest.capture_ns if newest is not None else 0,
        steering=limited.steering,
        throttle=limited.throttle,
        brake=limited.brake,
        mode=mode,
        lateral_offset=rightward(lane.offset_m) / lane.width_m if lane is not None else None,
        lateral_offset_meters=rightward(lane.offset_m) if lane is not None else None,
        heading_angle=rightward_deg(lane.heading_rad) if lane is not None else None,
        lane_width_pixels=_lane_width_pixels(newest) if newest is not None else None,
        departure_status=departure.status if departure is not None else None,
        curvature=lane.curvature_radpm if lane is not None else None,
        ttlc_left_s=departure.ttlc_left_s if departure is not None else None,
        ttlc_right_s=departure.ttlc_right_s if departure is not None else None,
        limiter=int(limited.flags),
        state_reason=reason,
        valid_until=now_s + valid_s,
        terms=terms,
    )


def timeline_message(
    now_s: float, last: ControlMessage, expected: Iterable[LaneState], warning: DepartureWarning
) -> TimelineMessage:
    """The lane states expected from `now_s` on, with their margins; the stamps are the last command's."""
    points = []
    for index, ahead in enumerate(expected):
        left_m, right_m = warning.margins_m(ahead)
        points.append(
            TimelinePoint(
                t_s=index * SPACING_S,
                offset_m=ahead.offset_m,
                heading_rad=ahead.heading_rad,
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
    """Distance between the two lines in the image, at the lowest row both of them reach."""
    left, right = detection.left_lane, detection.right_lane
    if left is None or right is None or left.y1 == left.y2 or right.y1 == right.y2:
        return None
    row_px = min(left.y1, right.y1)
    left_px, right_px = (
        line.x1 + (row_px - line.y1) * (line.x2 - line.x1) / (line.y2 - line.y1) for line in (left, right)
    )
    return right_px - left_px if math.isfinite(right_px - left_px) else None
