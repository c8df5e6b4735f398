"""Finding out how the camera stands: the vanishing point of one image, and its estimate over a film."""
