"""Lane models of a straight lane, as a detector would report them."""

from msgspec import structs

from lkas.integration.shared_memory.messages import Calibration, LaneLine, LaneModel
from tests.simulation.evaluation.drives import CAMERA


def model_of(offset_m=0.0, confidence=1.0, width_m=3.5):
    """Return both lines for a car `offset_m` left of the centre."""

    def line(side):
        sigmas = {f"sigma_c{n}": 0.01 for n in range(4)}
        c0 = side * width_m / 2 - offset_m
        return LaneLine(c0=c0, c1=0.0, c2=0.0, **sigmas, x_min_m=0, x_max_m=40, confidence=confidence)

    calibration = Calibration(**structs.asdict(CAMERA))
    return LaneModel(left=line(1), right=line(-1), width_m=width_m, width_sigma_m=0.01, calibration=calibration)
