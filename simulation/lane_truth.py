"""The true position of a car in the lane of a route, also beyond the lane borders and off the road."""

import math

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import Pose
from simulation.opendrive.routes import Route
from simulation.world import Truth


class LaneTruth:
    """Computes the truth of one car on one route. The tyres are at the axles, half the car's width to either side."""

    def __init__(self, route: Route, front_m: float, rear_m: float, width_m: float) -> None:
        """`front_m` and `rear_m` are the axles' distances from the ego origin."""
        self.route = route
        self._corners_m = [(ahead, left) for ahead in (front_m, -rear_m) for left in (width_m / 2, -width_m / 2)]

    def at(
        self,
        pose: Pose,
        near_s_m: float,
        *,
        timestamp: float,
        distance_m: float,
        speed_mps: float,
        lateral_acceleration_mps2: float,
    ) -> tuple[float, Truth]:
        """Return the arc length of the ego origin on the route, searched near `near_s_m`, and the truth there."""
        curve = self.route.curve
        s_m, offset_m = curve.to_lane(pose.x_m, pose.y_m, near_s_m)
        _, _, heading, curvature = curve.pose(s_m)
        margin_left_m = margin_right_m = math.inf
        cos, sin = math.cos(pose.yaw_rad), math.sin(pose.yaw_rad)
        for ahead, left in self._corners_m:
            x, y = pose.x_m + ahead * cos - left * sin, pose.y_m + ahead * sin + left * cos
            corner_s_m, corner_t_m = curve.to_lane(x, y, s_m + ahead)
            lane = self.route.lane_at(corner_s_m)
            margin_left_m = min(margin_left_m, lane.left_line_m - corner_t_m)
            margin_right_m = min(margin_right_m, corner_t_m - lane.right_line_m)
        truth = Truth(
            timestamp=timestamp,
            distance_m=distance_m,
            offset_m=offset_m,
            heading_error_rad=wrap_rad(pose.yaw_rad - heading),
            curvature_radpm=curvature,
            lane_width_m=self.route.lane_at(s_m).width_m,
            margin_left_m=margin_left_m,
            margin_right_m=margin_right_m,
            speed_mps=speed_mps,
            lateral_acceleration_mps2=lateral_acceleration_mps2,
        )
        return s_m, truth
