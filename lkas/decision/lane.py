"""The lane state: the car's pose in its lane and the lane's shape, shared by the estimator and the controllers."""

from msgspec import Struct, structs

CURVATURE_RATE_TIME_CONSTANT_S = 2.0  # transition curves end: a curvature rate is predicted to decay with this time


class LaneState(Struct, frozen=True, kw_only=True):
    """Pose of the ego origin relative to the lane centre. Left is positive, angles are counter-clockwise.

    A bend to the left has positive curvature. Heading and lane tangent are both taken at the ego origin.
    """

    offset_m: float  # of the ego origin from the lane centre
    heading_rad: float  # of the car's x axis relative to the lane's tangent
    curvature_radpm: float  # of the lane
    curvature_rate_radpm2: float  # change of the lane's curvature per metre of distance
    width_m: float  # of the lane
    yaw_rate_radps: float  # of the car
    offset_sigma_m: float
    heading_sigma_rad: float
    curvature_sigma_radpm: float
    width_sigma_m: float

    def mirrored(self) -> "LaneState":
        """Return the state with left and right exchanged."""
        return structs.replace(
            self,
            offset_m=-self.offset_m,
            heading_rad=-self.heading_rad,
            curvature_radpm=-self.curvature_radpm,
            curvature_rate_radpm2=-self.curvature_rate_radpm2,
            yaw_rate_radps=-self.yaw_rate_radps,
        )
