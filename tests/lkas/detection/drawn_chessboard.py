"""Images of a chessboard through a known camera and lens, drawn here with OpenCV's projection."""

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 480, 360
MATRIX = np.array([[390.0, 0, 248.0], [0, 390.0, 171.0], [0, 0, 1]])
COEFFICIENTS = np.array([-0.25, 0.08, 0.001, -0.0015])
INNER = (9, 6)
POSES = (  # tilt about x and y, turn about z (rad); position of the board's middle (share of the image), distance
    (0.0, 0.0, 0.0, 0.5, 0.5, 14.0),
    (0.5, 0.0, 0.1, 0.4, 0.4, 15.0),
    (-0.5, 0.2, 0.0, 0.6, 0.6, 15.0),
    (0.1, 0.6, -0.1, 0.35, 0.5, 15.0),
    (0.3, 0.3, 0.0, 0.3, 0.3, 18.0),
    (-0.3, 0.3, 0.1, 0.7, 0.3, 18.0),
    (0.3, -0.3, -0.2, 0.3, 0.7, 18.0),
    (-0.4, -0.4, 0.0, 0.7, 0.7, 18.0),
)


def chessboard(pose, seed=1):
    """(H, W, 3) uint8 RGB; the board's squares are one unit wide, with a white margin."""
    tilt_x, tilt_y, turn, u_share, v_share, distance = pose
    rotation = cv2.Rodrigues(np.array([tilt_x, tilt_y, turn]))[0]
    fine = 2  # pixels are drawn in quarters, so that edges are grey
    v, u = np.mgrid[0 : HEIGHT_PX * fine, 0 : WIDTH_PX * fine]
    pixels = np.stack([(u + 0.5) / fine - 0.5, (v + 0.5) / fine - 0.5], axis=-1).reshape(-1, 1, 2)
    rays = cv2.undistortPoints(pixels.astype(np.float64), MATRIX, COEFFICIENTS).reshape(-1, 2)
    rays = np.column_stack([rays, np.ones(len(rays))]) @ rotation  # in the board's axes
    focal, centre = MATRIX[0, 0], MATRIX[:2, 2]
    middle = np.array([*((np.array([u_share * WIDTH_PX, v_share * HEIGHT_PX]) - centre) / focal), 1.0]) * distance
    eye = -middle @ rotation  # of the board's middle
    with np.errstate(divide="ignore", invalid="ignore"):
        board = eye[:2] - rays[:, :2] * (eye[2] / rays[:, 2])[:, None]
    columns, rows = INNER[0] + 1, INNER[1] + 1
    place = board + np.array([columns / 2, rows / 2])
    on_board = ((place > 0) & (place < (columns, rows))).all(axis=1)
    on_margin = ((place > -1) & (place < (columns + 1, rows + 1))).all(axis=1)
    dark = on_board & (np.floor(place).sum(axis=1) % 2 == 0)
    levels = np.where(dark, 30.0, np.where(on_margin, 225.0, 110.0)).reshape(HEIGHT_PX, fine, WIDTH_PX, fine)
    image = levels.mean(axis=(1, 3)) + np.random.default_rng(seed).normal(0, 2, (HEIGHT_PX, WIDTH_PX))
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
