"""Pure pursuit with the lane's curvature as feed-forward. Left is positive, in and out.

Coulter (1992): drive the circle through a point on the path one look-ahead distance L ahead, curvature = 2 y / L².
With the lane centre as a clothoid, y is the sum of the lane's bend and of the car's error, and so is the command:

    curvature = lane curvature - 2 offset / L² - 2 course / L

with course and curvature of a car with side slip (reference.py). The curvature is that at the predicted position of the
car instead of the chord's to the look-ahead point, which would cut corners in transition curves. The feedback has the
natural frequency sqrt(2) v / L and the damping ratio 0.7 at any speed, so L grows with speed. The offset term is
bounded, so that a large offset is corrected with limited lateral acceleration.
"""

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import SteeringCommand, bounded
from lkas.decision.controllers.reference import lane_errors
from lkas.decision.controllers.stateless import StatelessController
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters


def create(parameters: DecisionParameters, bicycle: Bicycle) -> "PurePursuitController":
    return PurePursuitController(parameters, bicycle)


class PurePursuitController(StatelessController):
    """Pure pursuit; parameters `lookahead_*` and `correction_mps2`."""

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, *, is_limited: bool = False) -> SteeringCommand:
        parameters = self._parameters
        lookahead_m = max(parameters.lookahead_min_m, parameters.lookahead_time_s * speed_mps)
        errors = lane_errors(lane, speed_mps, self._bicycle)
        bound_radpm = parameters.correction_mps2 / max(speed_mps, self._bicycle.scale.speed) ** 2
        offset_term_radpm = bounded(-2 * lane.offset_m / lookahead_m**2, bound_radpm)
        heading_term_radpm = -2 * errors.course_rad / lookahead_m
        return SteeringCommand(
            curvature_radpm=errors.curvature_radpm + offset_term_radpm + heading_term_radpm,
            feedforward_radpm=errors.curvature_radpm,
            offset_term_radpm=offset_term_radpm,
            heading_term_radpm=heading_term_radpm,
        )
