"""The car in its lane, as the estimator knows it and the controllers use it."""

from msgspec import Struct, structs

RATE_MEMORY_S = 2.0  # transition curves do not last: a curvature rate is expected to fade with this time


class LaneState(Struct, frozen=True, kw_only=True):
    """Ego origin against the lane centre at one moment. Left positive; angles counter-clockwise.

    A bend to the left has positive curvature. Heading and lane tangent are both taken at the ego origin.
    """

    offset_m: float  # the ego origin left of the lane centre
    heading_rad: float  # the car's x axis against the lane's tangent
    curvature_radpm: float
    curvature_rate_radpm2: float  # change of curvature per metre driven
    width_m: float
    yaw_rate_radps: float  # of the car
    offset_sigma_m: float
    heading_sigma_rad: float
    curvature_sigma_radpm: float
    width_sigma_m: float

    def mirrored(self) -> "LaneState":
        """The same situation seen in a mirror."""
        return structs.replace(
            self,
            offset_m=-self.offset_m,
            heading_rad=-self.heading_rad,
            curvature_radpm=-self.curvature_radpm,
            curvature_rate_radpm2=-self.curvature_rate_radpm2,
            yaw_rate_radps=-self.yaw_rate_radps,
        )
