"""A controller plugin on one page: pure pursuit of a point on the lane centre, a fixed time ahead.

    lkas demo --controller examples/own_controller.py:create
    simulation eval --suite smoke --method truth --controller lqr,examples/own_controller.py:create

Like every controller it returns a curvature (1/m, left positive) for the predicted lane state. LaneKeeper converts it
to a wheel angle, applies the limits and handles a lost lane. This controller has no side slip and no integral, so it
is some centimetres off the centre in fast bends.
"""

from lkas.decision.controllers import SteeringCommand

PREVIEW_S, MIN_PREVIEW_M = 1.2, 6.0


class PreviewPursuit:
    models_lag = False  # pass the lane state predicted past the lag: this controller has no model of the lag

    def reset(self):
        """Called while the controller does not steer. It has no state to clear."""

    def update(self, lane, speed_mps, dt_s, *, is_limited=False):
        """Drive the circle through a point on the lane centre: curvature 2 y / d², y to the left, d ahead."""
        ahead_m = max(MIN_PREVIEW_M, PREVIEW_S * speed_mps)
        from_lane = lane.curvature_radpm + lane.curvature_rate_radpm2 * ahead_m / 3
        from_offset = -2 * lane.offset_m / ahead_m**2
        from_heading = -2 * lane.heading_rad / ahead_m
        return SteeringCommand(
            curvature_radpm=from_lane + from_offset + from_heading,
            feedforward_radpm=from_lane,  # the viewer plots the terms
            offset_term_radpm=from_offset,
            heading_term_radpm=from_heading,
        )


def create(parameters, bicycle):
    """Called with the parameters of section `decision` and the vehicle model; this controller needs neither."""
    return PreviewPursuit()
