"""A steering law of your own in a page: pure pursuit of a point on the lane's centre, a fixed time ahead.

    lkas demo --controller examples/own_controller.py:create
    simulation eval --suite smoke --method truth --controller lqr,examples/own_controller.py:create

Like every law it gives a curvature (1/m, left positive) for the lane state at the moment the car answers; the wheel's
angle, the limits and what happens without a lane are the keeper's business. It knows nothing of side slip and learns no
offset that stays, so it is some centimetres off in fast bends.
"""

from lkas.decision.controllers import SteeringCommand

PREVIEW_S, LEAST_PREVIEW_M = 1.2, 6.0


class PreviewPursuit:
    models_lag = False  # "give me the lane state when the car has answered": this law has no model of that itself

    def reset(self):
        """Called while it does not steer. There is nothing to forget."""

    def update(self, lane, speed_mps, dt_s, *, is_limited=False):
        """The circle through a point on the lane's centre: curvature 2 y / d², y to the left, d ahead."""
        ahead_m = max(LEAST_PREVIEW_M, PREVIEW_S * speed_mps)
        from_lane = lane.curvature_radpm + lane.curvature_rate_radpm2 * ahead_m / 3
        from_offset = -2 * lane.offset_m / ahead_m**2
        from_heading = -2 * lane.heading_rad / ahead_m
        return SteeringCommand(
            curvature_radpm=from_lane + from_offset + from_heading,
            feedforward_radpm=from_lane,  # the terms are plotted on the page
            offset_term_radpm=from_offset,
            heading_term_radpm=from_heading,
        )


def create(parameters, bicycle):
    """Made with section `decision` and the car's model, of which this law needs neither."""
    return PreviewPursuit()
