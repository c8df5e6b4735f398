"""What one view of one image showed: the fitted lines, what supports each, and what that says of the camera."""

import math
from dataclasses import dataclass

import msgspec

from lkas.detection.lane_fit.confidence import Agreement, Support
from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.motion import Curvature
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.detection.lane_fit.search import LaneGuess
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry

SURE = 0.5  # confidence from which a line may teach the calibration
MOST_SCORE = 4.0  # no finding reaches it: two lines, each sure and covered all along
STRAIGHT_RADPM = 1 / 800  # in sharper bends the lane does not point where the camera is bolted


@dataclass(frozen=True, slots=True)
class Scene:
    """One view of one image, and what is known before it is searched."""

    view: RoadView
    peaks: Peaks
    before: LaneGuess | None  # where the lines were one frame ago
    lean_rad: float  # of the car, taken out of the peaks; positive lowers the right side
    pitch_sigma_rad: float  # how far this frame's pitch may stray from the view's
    may_change: bool  # whether a bend may begin or end in the view; see fit_road
    sag_sigma_radpm: float  # how the road's vertical curvature strays
    curvature: Curvature | None = None  # what the car feels of the road


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A fitted line and what speaks for it."""

    line: FittedLine
    support: Support
    agreement: Agreement
    confidence: float


@dataclass(frozen=True, slots=True)
class Finding:
    """The lane in one view of one image; without a fit there was none."""

    view: RoadView
    fit: RoadFit | None = None
    guess: LaneGuess | None = None
    lines: tuple[SeenLine | None, SeenLine | None] = (None, None)  # left, right
    peaks: Peaks | None = None  # all ridge tops of the view
    lean_rad: float = 0.0  # of the car

    @property
    def confidences(self) -> tuple[float, float]:
        left, right = self.lines
        return left.confidence if left else 0.0, right.confidence if right else 0.0

    @property
    def score(self) -> float:
        """For choosing between views of one image."""
        return sum(line.confidence + line.support.coverage for line in self.lines if line)

    @property
    def is_sure_lane(self) -> bool:
        return min(self.confidences) > SURE

    @property
    def geometry(self) -> CameraGeometry:
        """The view's camera with the pitch this frame showed, and the car's lean."""
        geometry = self.view.geometry
        error_rad = self.fit.pitch_error_rad if self.fit else 0.0
        pitch_rad = geometry.pitch_rad + error_rad
        # The body turns about the level, the mount's roll about its pitched axis: the rest is a yaw.
        return msgspec.structs.replace(
            geometry,
            pitch_rad=pitch_rad,
            roll_rad=geometry.roll_rad + self.lean_rad,
            yaw_rad=geometry.yaw_rad + self.lean_rad * math.sin(pitch_rad),
        )

    @property
    def aim_px(self) -> tuple[float, float]:
        """The vanishing point of the view, with the pitch this frame showed."""
        return aim_px(self.geometry)

    @property
    def lane_aim_px(self) -> tuple[float, float] | None:
        """Where this frame's lane meets the horizon, when the road is straight enough to tell."""
        fit = self.fit
        if fit is None or fit.left is None or fit.right is None:
            return None
        if abs(fit.left.coefficients[2]) > STRAIGHT_RADPM:
            return None
        geometry = self.geometry
        heading_rad = math.atan(fit.left.coefficients[1])
        return aim_px(msgspec.structs.replace(geometry, yaw_rad=geometry.yaw_rad - heading_rad))


def aim_px(geometry: CameraGeometry) -> tuple[float, float]:
    return PinholeCamera(geometry).vanishing_point_px
