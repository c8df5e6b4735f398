"""The configured car and camera: sections `camera` and `vehicle`, shared by all programs."""

import math
from typing import Annotated

import msgspec

from lkas.integration.shared_memory.messages import CameraGeometry
from lkas.parameters import Section, declare


class CameraConfig(Section, frozen=True, kw_only=True):
    """The camera, placed in the ego frame (origin: the ground below the centre of gravity)."""

    width_px: Annotated[int, declare("Image width", unit="px", minimum=64, maximum=4096)] = 800
    height_px: Annotated[int, declare("Image height", unit="px", minimum=64, maximum=4096)] = 600
    rate_hz: Annotated[float, declare("Frames per second of world time", unit="Hz", minimum=1, maximum=100)] = 30.0
    hfov_deg: Annotated[float, declare("Horizontal field of view", unit="deg", minimum=10, maximum=150)] = 70.0
    height_m: Annotated[float, declare("Height above the ground", unit="m", minimum=0.03, maximum=5)] = 1.4
    pitch_deg: Annotated[float, declare("Pitch, positive looks down", unit="deg", minimum=-30, maximum=45)] = 4.0
    yaw_deg: Annotated[float, declare("Yaw, positive looks left", unit="deg", minimum=-45, maximum=45)] = 0.0
    roll_deg: Annotated[float, declare("Roll, positive leans right", unit="deg", minimum=-45, maximum=45)] = 0.0
    x_m: Annotated[float, declare("Distance ahead of the ego origin", unit="m", minimum=-5, maximum=5)] = 0.6
    y_m: Annotated[float, declare("Distance left of the ego origin", unit="m", minimum=-2, maximum=2)] = 0.0
    cx_ratio: Annotated[
        float, declare("Optical centre, column as a share of the image width", minimum=0.2, maximum=0.8)
    ] = 0.5
    cy_ratio: Annotated[
        float, declare("Optical centre, row as a share of the image height", minimum=0.2, maximum=0.8)
    ] = 0.5
    k1: Annotated[float, declare("Lens: radial distortion of r²", minimum=-2, maximum=2)] = 0.0
    k2: Annotated[float, declare("Lens: radial distortion of r⁴", minimum=-5, maximum=5)] = 0.0
    p1: Annotated[float, declare("Lens: tangential distortion, down", minimum=-0.5, maximum=0.5)] = 0.0
    p2: Annotated[float, declare("Lens: tangential distortion, right", minimum=-0.5, maximum=0.5)] = 0.0
    k3: Annotated[float, declare("Lens: radial distortion of r⁶", minimum=-5, maximum=5)] = 0.0

    def geometry(self, width_px: int | None = None, height_px: int | None = None) -> CameraGeometry:
        """Return the geometry for images of this size, by default of the configured size."""
        width_px, height_px = width_px or self.width_px, height_px or self.height_px
        return msgspec.structs.replace(
            self.pinhole(width_px, height_px), k1=self.k1, k2=self.k2, p1=self.p1, p2=self.p2, k3=self.k3
        )

    def pinhole(self, width_px: int | None = None, height_px: int | None = None) -> CameraGeometry:
        """Return the geometry without distortion: what a renderer draws."""
        width_px, height_px = width_px or self.width_px, height_px or self.height_px
        return CameraGeometry(
            focal_px=width_px / 2 / math.tan(math.radians(self.hfov_deg) / 2),
            cx_px=self.cx_ratio * width_px - 0.5,
            cy_px=self.cy_ratio * height_px - 0.5,
            height_m=self.height_m,
            pitch_rad=math.radians(self.pitch_deg),
            yaw_rad=math.radians(self.yaw_deg),
            roll_rad=math.radians(self.roll_deg),
            x_m=self.x_m,
            y_m=self.y_m,
        )


class VehicleConfig(Section, frozen=True, kw_only=True):
    """The dimensions of the car and the steering response that a controller assumes."""

    wheelbase_m: Annotated[float, declare("Distance between the axles", unit="m", minimum=0.05, maximum=10)] = 2.7
    cg_to_rear_axle_m: Annotated[
        float, declare("Centre of gravity ahead of the rear axle", unit="m", minimum=0.02, maximum=8)
    ] = 1.45
    width_m: Annotated[float, declare("Width over the tyres' outer edges", unit="m", minimum=0.03, maximum=3)] = 1.85
    max_steer_deg: Annotated[float, declare("Road-wheel angle of steering = 1", unit="deg", minimum=1, maximum=80)] = (
        35.0
    )
    steering_delay_s: Annotated[
        float, declare("Assumed dead time from command to wheel", unit="s", minimum=0, maximum=1)
    ] = 0.06
    steering_lag_s: Annotated[
        float, declare("Assumed first-order lag of the wheel", unit="s", minimum=0, maximum=2)
    ] = 0.15
