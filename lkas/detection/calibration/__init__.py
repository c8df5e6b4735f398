"""Estimating the camera: pose from vanishing points of an image or a video, lens from chessboard images."""
