"""A decoded image as a frame of a world."""

import cv2
import numpy as np


class DecodedFrame:
    """One BGR image, delivered as the RGB image that the channels carry."""

    def __init__(self, frame_id: int, timestamp: float, bgr: np.ndarray) -> None:
        self.frame_id = frame_id
        self.timestamp = timestamp
        self._bgr = bgr

    def render_into(self, image: np.ndarray) -> None:
        """Fill an (H, W, 3) uint8 RGB array of the image's size."""
        cv2.cvtColor(self._bgr, cv2.COLOR_BGR2RGB, dst=image)
