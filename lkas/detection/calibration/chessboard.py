"""Field of view, optical centre and distortion of a camera from images of a flat chessboard (Zhang's method, 2000)."""

import math
from collections import Counter

import cv2
import numpy as np
from msgspec import Struct

MIN_IMAGES = 3
# Square pixels, as in CameraGeometry, and two radial coefficients: a third one would fit the noise of a few images.
FLAGS = cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_FIX_K3
SUBPIXEL_WINDOW_PX = (7, 7)
SUBPIXEL_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)


class CalibrationError(ValueError):
    """Images that do not determine the camera; the text says what is missing."""


class Board(Struct, frozen=True):
    """One image with the chessboard's inner corners, (N, 2) px, row by row."""

    name: str
    size_px: tuple[int, int]
    corners: np.ndarray


class CameraFit(Struct, frozen=True):
    """A fitted camera. Sigmas are standard deviations estimated from the residuals."""

    size_px: tuple[int, int]
    focal_px: float
    focal_sigma_px: float
    cx_px: float
    cy_px: float
    k1: float
    k2: float
    k1_sigma: float
    k2_sigma: float
    p1: float
    p2: float
    rms_px: float  # of all corners
    rms_by_name: dict[str, float]
    normals: np.ndarray  # (boards, 3), of each board, in the axes of the camera (x right, y down, z ahead)

    @property
    def hfov_deg(self) -> float:
        return 2 * math.degrees(math.atan(self.size_px[0] / 2 / self.focal_px))

    def settings(self) -> dict[str, float]:
        """The keys of section `camera` that the fit determines."""
        width_px, height_px = self.size_px
        known = {"hfov_deg": self.hfov_deg, "k1": self.k1, "k2": self.k2, "p1": self.p1, "p2": self.p2}
        centre = {"cx_ratio": (self.cx_px + 0.5) / width_px, "cy_ratio": (self.cy_px + 0.5) / height_px}
        rounded = {name: round(value, 6) for name, value in {**known, **centre}.items()}
        return {"width_px": width_px, "height_px": height_px, **rounded}


def find_corners(image: np.ndarray, pattern: tuple[int, int]) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB -> (N, 2) px of the `pattern` = (columns, rows) inner corners; None unless all are found."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    found, corners = cv2.findChessboardCornersSB(grey, pattern, flags=cv2.CALIB_CB_ACCURACY)
    if not found:
        found, corners = cv2.findChessboardCorners(grey, pattern)
        if not found:
            return None
        corners = cv2.cornerSubPix(grey, corners, SUBPIXEL_WINDOW_PX, (-1, -1), SUBPIXEL_STOP)
    return corners.reshape(-1, 2).astype(np.float32)


def same_size(boards: list[Board]) -> tuple[list[Board], list[Board]]:
    """(boards of the most common image size, the others)."""
    sizes = Counter(board.size_px for board in boards)
    most_common_size = sizes.most_common(1)[0][0] if sizes else None
    return [b for b in boards if b.size_px == most_common_size], [b for b in boards if b.size_px != most_common_size]


def fit_camera(boards: list[Board], pattern: tuple[int, int]) -> CameraFit:
    """Fit one camera to boards of one image size. Raises CalibrationError."""
    if len(boards) < MIN_IMAGES:
        raise CalibrationError(
            f"a chessboard of {pattern[0]}x{pattern[1]} inner corners was found in {len(boards)} images; at least "
            f"{MIN_IMAGES} are needed, and ten from different sides, out to the edges of the image, are better"
        )
    size_px = boards[0].size_px
    columns, rows = pattern
    # The square's size moves and scales the board, not the camera.
    square = np.array([(column, row, 0) for row in range(rows) for column in range(columns)], np.float32)
    start = np.array([[size_px[0], 0, size_px[0] / 2], [0, size_px[0], size_px[1] / 2], [0, 0, 1]], float)
    corners = [board.corners.reshape(-1, 1, 2) for board in boards]
    rms_px, matrix, lens, rotations, _, sigmas, _, by_board = cv2.calibrateCameraExtended(
        [square] * len(boards), corners, size_px, start, np.zeros(5), flags=FLAGS
    )
    focal_px = float(matrix[0, 0])
    if not (math.isfinite(rms_px) and 0.1 < focal_px / size_px[0] < 20):
        raise CalibrationError(
            f"these images do not determine the camera (focal length {focal_px:.0f} px): show the board from more sides"
        )
    k1, k2, p1, p2 = lens.ravel()[:4].tolist()
    return CameraFit(
        size_px=size_px,
        focal_px=focal_px,
        focal_sigma_px=float(sigmas[1, 0]),  # of fy, to which fx is tied
        cx_px=float(matrix[0, 2]),
        cy_px=float(matrix[1, 2]),
        k1=k1,
        k2=k2,
        k1_sigma=float(sigmas[4, 0]),
        k2_sigma=float(sigmas[5, 0]),
        p1=p1,
        p2=p2,
        rms_px=float(rms_px),
        rms_by_name={board.name: float(rms) for board, rms in zip(boards, by_board.ravel(), strict=True)},
        normals=np.array([cv2.Rodrigues(rotation)[0][:, 2] for rotation in rotations]),
    )
