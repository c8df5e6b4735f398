"""The lane in one view of one image: fitted lines, their support, and the camera pose that they imply."""

import math
from dataclasses import dataclass

import msgspec

from lkas.detection.lane_fit.confidence import Agreement, Support
from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.detection.lane_fit.search import LaneGuess
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry

SURE = 0.5  # confidence from which a line may update the calibration
MAX_SCORE = 4.0  # upper bound of LaneEstimate.score: two lines, each certain and fully covered
STRAIGHT_RADPM = 1 / 800  # in sharper bends the lane's direction does not show the camera's yaw


@dataclass(frozen=True, slots=True)
class LineEstimate:
    """A fitted line and the evidence for it."""

    line: FittedLine
    support: Support
    agreement: Agreement
    confidence: float


@dataclass(frozen=True, slots=True)
class LaneEstimate:
    """The lane in one view of one image; without a fit none was found."""

    view: RoadView
    fit: RoadFit | None = None
    guess: LaneGuess | None = None
    lines: tuple[LineEstimate | None, LineEstimate | None] = (None, None)  # left, right
    peaks: Peaks | None = None  # all peaks of the view
    roll_rad: float = 0.0  # of the vehicle body

    @property
    def confidences(self) -> tuple[float, float]:
        """Of the left and the right line; 0 for a missing one."""
        left, right = self.lines
        return left.confidence if left else 0.0, right.confidence if right else 0.0

    @property
    def score(self) -> float:
        """For choosing among views of one image; below MAX_SCORE."""
        return sum(line.confidence + line.support.coverage for line in self.lines if line)

    @property
    def is_sure_lane(self) -> bool:
        return min(self.confidences) > SURE

    @property
    def geometry(self) -> CameraGeometry:
        """The view's camera with the pitch that this frame showed, and the roll of the vehicle."""
        geometry = self.view.geometry
        error_rad = self.fit.pitch_error_rad if self.fit else 0.0
        pitch_rad = geometry.pitch_rad + error_rad
        # The body rolls about a level axis, the mount about its pitched axis: the difference is a yaw.
        return msgspec.structs.replace(
            geometry,
            pitch_rad=pitch_rad,
            roll_rad=geometry.roll_rad + self.roll_rad,
            yaw_rad=geometry.yaw_rad + self.roll_rad * math.sin(pitch_rad),
        )

    @property
    def vanishing_point_px(self) -> tuple[float, float]:
        """The vanishing point of the view, with the pitch that this frame showed."""
        return vanishing_point_px(self.geometry)

    @property
    def lane_vanishing_point_px(self) -> tuple[float, float] | None:
        """Where this frame's lane meets the horizon; None unless both lines were found on a straight enough road."""
        fit = self.fit
        if fit is None or fit.left is None or fit.right is None:
            return None
        if abs(fit.left.coefficients[2]) > STRAIGHT_RADPM:
            return None
        geometry = self.geometry
        heading_rad = math.atan(fit.left.coefficients[1])
        return vanishing_point_px(msgspec.structs.replace(geometry, yaw_rad=geometry.yaw_rad - heading_rad))


def vanishing_point_px(geometry: CameraGeometry) -> tuple[float, float]:
    """(u, v) where lines parallel to the car's x axis meet."""
    return PinholeCamera(geometry).vanishing_point_px
