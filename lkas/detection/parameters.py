"""The section `detection`: every parameter of every method, declared once."""

from typing import Annotated, Literal

from lkas.detection.registry import METHODS
from lkas.parameters import Section, declare

LANE_FIT, HOUGH, ONNX = ("cv", "hybrid", "onnx"), ("hough",), ("onnx",)  # by whom a parameter is read


class DetectionParameters(Section, frozen=True, kw_only=True):
    """Parameters of the detectors. Lengths on the road in metres, in the image in pixels."""

    method: Annotated[str, declare("Detection method", choices=METHODS)] = "hybrid"
    model: Annotated[str | None, declare("Lane network of method onnx: an ONNX file", used_by=ONNX)] = None
    calibration: Annotated[
        Literal["auto", "config"],
        declare("Camera geometry: from the world or estimated from the image (auto), or section camera (config)"),
    ] = "auto"
    calibration_file: Annotated[
        str | None,
        declare("File that keeps the estimated camera pose between runs, if the world does not provide it; null: none"),
    ] = None
    canny_low: Annotated[float, declare("Canny: lower threshold", minimum=1, maximum=150, live=True, used_by=HOUGH)] = (
        50.0
    )
    canny_high: Annotated[
        float, declare("Canny: upper threshold", minimum=50, maximum=255, live=True, used_by=HOUGH)
    ] = 150.0
    hough_threshold: Annotated[
        int, declare("Hough: votes a segment needs", minimum=1, maximum=150, live=True, used_by=HOUGH)
    ] = 50
    hough_min_line_len: Annotated[
        float, declare("Hough: shortest segment", unit="px", minimum=10, maximum=150, live=True, used_by=HOUGH)
    ] = 40.0
    hough_max_line_gap: Annotated[
        float, declare("Hough: longest gap in a segment", unit="px", minimum=1, maximum=300, live=True, used_by=HOUGH)
    ] = 100.0
    lane_width_m: Annotated[
        float, declare("Expected lane width", unit="m", minimum=0.2, maximum=6, live=True, used_by=LANE_FIT)
    ] = 3.6
    marking_width_m: Annotated[
        float, declare("Width of a marking", unit="m", minimum=0.01, maximum=0.5, live=True, used_by=LANE_FIT)
    ] = 0.15
    lean_deg_per_mps2: Annotated[
        float,
        declare(
            "Roll of the car out of a bend per lateral acceleration",
            unit="deg/(m/s²)",
            minimum=0,
            maximum=2,
            live=True,
            used_by=LANE_FIT,
        ),
    ] = 0.5  # 3 to 7 degrees per g are usual (T. D. Gillespie, Fundamentals of Vehicle Dynamics, ch. 6)
    ridge_threshold: Annotated[
        float,
        declare(
            "Ridge response a marking needs, in units of the noise", minimum=1, maximum=10, live=True, used_by=LANE_FIT
        ),
    ] = 2.5
