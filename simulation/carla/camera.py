"""The RGB camera: a pinhole camera whose images are matched to ticks by their frame number."""

from collections import deque
from threading import Condition

import carla
import cv2
import numpy as np
from msgspec import structs

from lkas.integration.shared_memory.messages import CameraGeometry
from lkas.vehicle import CameraConfig
from simulation.carla.connection import ServerLost

BLUEPRINT = "sensor.camera.rgb"
MAX_QUEUED_IMAGES = 8  # the oldest is dropped first
FIRST_IMAGE_TICKS, FIRST_IMAGE_S = 30, 0.1  # listen() takes effect with a delay
# Attributes that would distort the image relative to the published geometry; set where the server has them.
PINHOLE = {"lens_k": "0", "lens_kcube": "0", "motion_blur_intensity": "0", "chromatic_aberration_intensity": "0"}


def camera_blueprint(library: carla.BlueprintLibrary, camera: CameraConfig, role_name: str) -> carla.ActorBlueprint:
    """Return the blueprint of a camera with one image per tick (a sensor_tick above 0 drifts against the step)."""
    blueprint = library.find(BLUEPRINT)
    attributes = {
        "image_size_x": str(camera.width_px),
        "image_size_y": str(camera.height_px),
        "fov": f"{camera.hfov_deg:g}",
        "sensor_tick": "0.0",
        "role_name": role_name,
        **PINHOLE,
    }
    for name, value in attributes.items():
        if blueprint.has_attribute(name):
            blueprint.set_attribute(name, value)
    return blueprint


def camera_geometry(camera: CameraConfig) -> CameraGeometry:
    """Return the camera geometry: CARLA's optical axis is the image centre, and its lens has no distortion."""
    return structs.replace(camera, cx_ratio=0.5, cy_ratio=0.5).pinhole()


class ImageQueue:
    """Passes images from the library's thread to the loop, and errors too: the library only prints exceptions."""

    def __init__(self, width_px: int, height_px: int, timeout_s: float) -> None:
        self._size = width_px, height_px
        self._timeout_s = timeout_s
        self._images: deque[carla.Image] = deque(maxlen=MAX_QUEUED_IMAGES)
        self._arrived = Condition()
        self._failure: Exception | None = None

    def put(self, image: carla.Image) -> None:
        """Add an image; the callback of the sensor."""
        with self._arrived:
            try:
                self._check(image)
                self._images.append(image)
            except Exception as error:  # raised in the loop by `take`
                self._failure = error
            self._arrived.notify()

    def has_image(self) -> bool:
        """Wait up to `FIRST_IMAGE_S` and return whether an image has arrived. Raises ServerLost."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._failure is not None or bool(self._images), FIRST_IMAGE_S)
            self._raise_failure()
            return bool(self._images)

    def take(self, frame: int) -> carla.Image:
        """Wait for the image of one frame and return it; drop older ones. Raises ServerLost."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._failure is not None or self._has(frame), self._timeout_s)
            self._raise_failure()
            while self._images:
                image = self._images.popleft()
                if image.frame == frame:
                    return image
        raise ServerLost(f"the camera sent no image of frame {frame} within {self._timeout_s:g} s")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise ServerLost(f"the camera's callback failed: {self._failure}") from self._failure

    def _has(self, frame: int) -> bool:
        return any(image.frame >= frame for image in self._images)

    def _check(self, image: carla.Image) -> None:
        if (image.width, image.height) != self._size:
            width_px, height_px = self._size
            raise ValueError(f"{image.width} x {image.height} px, expected {width_px} x {height_px} px")


class CarlaFrame:
    """One image of the camera."""

    def __init__(self, image: carla.Image, frame_id: int, timestamp: float) -> None:
        self.frame_id, self.timestamp = frame_id, timestamp
        self._image = image

    def render_into(self, image: np.ndarray) -> None:
        """Fill an (H, W, 3) uint8 RGB array from the library's BGRA bytes."""
        bgra = np.frombuffer(self._image.raw_data, np.uint8).reshape(self._image.height, self._image.width, 4)
        cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGB, dst=image)
