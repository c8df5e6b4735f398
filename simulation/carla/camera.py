"""The RGB camera: a plain pinhole, and its images matched to ticks by their frame number."""

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
QUEUE = 8  # images; what nobody fetched is dropped, oldest first
FIRST_IMAGE_TICKS, FIRST_IMAGE_S = 30, 0.1  # listening takes effect some time after it was asked for
# Everything that would make the picture another one than the published geometry says; where the server knows it.
PINHOLE = {"lens_k": "0", "lens_kcube": "0", "motion_blur_intensity": "0", "chromatic_aberration_intensity": "0"}


def camera_blueprint(library: carla.BlueprintLibrary, camera: CameraConfig, role_name: str) -> carla.ActorBlueprint:
    """Of an image each tick: a sensor_tick of its own drifts against the fixed step."""
    blueprint = library.find(BLUEPRINT)
    wanted = {
        "image_size_x": str(camera.width_px),
        "image_size_y": str(camera.height_px),
        "fov": f"{camera.hfov_deg:g}",
        "sensor_tick": "0.0",
        "role_name": role_name,
        **PINHOLE,
    }
    for name, value in wanted.items():
        if blueprint.has_attribute(name):
            blueprint.set_attribute(name, value)
    return blueprint


def camera_geometry(camera: CameraConfig) -> CameraGeometry:
    """What the pictures show: CARLA's optical axis is the middle of the image, and its lens bends nothing."""
    return structs.replace(camera, cx_ratio=0.5, cy_ratio=0.5).pinhole()


class ImageQueue:
    """Filled by a thread of the library, where an exception would be printed and forgotten; read by the loop."""

    def __init__(self, width_px: int, height_px: int, timeout_s: float) -> None:
        self._size = width_px, height_px
        self._timeout_s = timeout_s
        self._images: deque[carla.Image] = deque(maxlen=QUEUE)
        self._arrived = Condition()
        self._failure: Exception | None = None

    def put(self, image: carla.Image) -> None:
        """The sensor's callback."""
        with self._arrived:
            try:
                self._check(image)
                self._images.append(image)
            except Exception as error:  # the loop is told by `take`
                self._failure = error
            self._arrived.notify()

    def has_begun(self) -> bool:
        """Whether there was an image; waits a little for it. Raises ServerLost."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._failure is not None or bool(self._images), FIRST_IMAGE_S)
            self._raise_failure()
            return bool(self._images)

    def take(self, frame: int) -> carla.Image:
        """The image of one frame; older ones are dropped. Raises ServerLost."""
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
