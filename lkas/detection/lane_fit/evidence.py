"""What a method contributes to the lane fit: marking points in views of an image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks


@dataclass(frozen=True, slots=True)
class ViewEvidence:
    """Marking points in one view of an image. Valid until the view samples another image."""

    peaks: Peaks
    faint_peaks: Callable[[], Peaks | None]  # the fainter points too; None: the method has no fainter ones


InView = Callable[[RoadView], ViewEvidence]  # of one image, in any view that fits it


class Evidence(Protocol):
    """Finds marking points. It keeps nothing of an image: what it needs again lives in the function it returns."""

    def of_image(self, image: np.ndarray, ridge_threshold: float) -> InView:
        """(H, W, 3) uint8 RGB -> its marking points, view by view. Several views of one image may be asked for."""
        ...
