"""A custom simulator, driven by lkas: a page of road, car and camera that knows lkas by one class only.

    lkas --method cv --broadcast &      # sees and steers
    python examples/own_simulation.py   # prints where the car is; --seconds and --instance as you like

The road is a gentle slalom with two solid lines; the car is a kinematic bicycle; the camera image is drawn by
projecting the lines into it. Everything counts left positive, in metres, radians and seconds.
"""

import argparse
import math

import cv2
import numpy as np

from lkas.integration.shared_memory import SimulationLink

WIDTH, HEIGHT, HFOV_DEG, CAMERA_HEIGHT_M = 640, 480, 70.0, 1.4
TICK_S, TICKS_PER_IMAGE = 0.02, 2
WHEELBASE_M, MAX_STEER_RAD = 2.7, math.radians(35.0)
LANE_WIDTH_M, LINE_WIDTH_M = 3.5, 0.15
FOCAL_PX = WIDTH / 2 / math.tan(math.radians(HFOV_DEG) / 2)
AHEAD_M = 3.0 * 1.02 ** np.arange(180)  # where the lines are sampled, 3 to 100 m ahead of the camera


def road_y_m(x_m):
    """The lane centre: a slalom of 8 m to either side with bends of R = 200 m."""
    return 8.0 * np.sin(x_m / 40.0)


class Car:
    """A kinematic bicycle with a lagging wheel."""

    def __init__(self) -> None:
        self.x_m, self.y_m, self.speed_mps = 0.0, 0.0, 8.0
        self.yaw_rad, self.wheel_rad, self.yaw_rate_radps = math.atan(8.0 / 40.0), 0.0, 0.0

    def drive(self, steering: float, throttle: float, brake: float) -> None:
        self.wheel_rad += (steering * MAX_STEER_RAD - self.wheel_rad) * TICK_S / 0.15
        self.speed_mps = max(0.0, self.speed_mps + (3.0 * throttle - 8.0 * brake - 0.02 * self.speed_mps) * TICK_S)
        self.yaw_rate_radps = self.speed_mps * math.tan(self.wheel_rad) / WHEELBASE_M
        self.yaw_rad += self.yaw_rate_radps * TICK_S
        self.x_m += self.speed_mps * math.cos(self.yaw_rad) * TICK_S
        self.y_m += self.speed_mps * math.sin(self.yaw_rad) * TICK_S

    @property
    def offset_m(self) -> float:
        """Distance from the lane centre, left positive."""
        slope = math.atan(8.0 / 40.0 * math.cos(self.x_m / 40.0))
        return (self.y_m - float(road_y_m(self.x_m))) * math.cos(slope)


def image_of(car: Car, rng: np.random.Generator) -> np.ndarray:
    """What the camera above the car shows, RGB: sky, asphalt with some grain, two white lines."""
    image = np.full((HEIGHT, WIDTH, 3), 95, np.uint8)
    image += rng.integers(0, 12, (HEIGHT, WIDTH, 1), dtype=np.uint8)
    image[: HEIGHT // 2] = (150, 180, 210)
    x_m = car.x_m + AHEAD_M * math.cos(car.yaw_rad)
    for side in (0.5, -0.5):
        edges = []
        for edge_m in (LINE_WIDTH_M / 2, -LINE_WIDTH_M / 2):
            slope = np.arctan(8.0 / 40.0 * np.cos(x_m / 40.0))
            across_m = side * LANE_WIDTH_M + edge_m
            dx_m = x_m - across_m * np.sin(slope) - car.x_m
            dy_m = road_y_m(x_m) + across_m * np.cos(slope) - car.y_m
            ahead_m = np.maximum(dx_m * math.cos(car.yaw_rad) + dy_m * math.sin(car.yaw_rad), 1.0)
            left_m = dy_m * math.cos(car.yaw_rad) - dx_m * math.sin(car.yaw_rad)
            u_px = WIDTH / 2 - 0.5 - FOCAL_PX * left_m / ahead_m
            v_px = HEIGHT / 2 - 0.5 + FOCAL_PX * CAMERA_HEIGHT_M / ahead_m
            edges.append(np.stack([u_px, v_px], axis=1))
        outline = np.concatenate([edges[0], edges[1][::-1]])
        cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], (235, 235, 235), cv2.LINE_AA, 4)
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description="A custom simulator, driven by lkas.")
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated time to drive")
    parser.add_argument("--instance", default=None, help="which lkas, when several run")
    options = parser.parse_args()
    car, rng, offsets_m = Car(), np.random.default_rng(1), []
    with SimulationLink(
        width=WIDTH,
        height=HEIGHT,
        hfov_deg=HFOV_DEG,
        camera_height_m=CAMERA_HEIGHT_M,
        max_steer_deg=math.degrees(MAX_STEER_RAD),
        left_positive=True,
        instance=options.instance,
    ) as link:
        for tick in range(round(options.seconds / TICK_S)):
            image = image_of(car, rng) if tick % TICKS_PER_IMAGE == 0 else None
            control = link.step(
                image,
                speed_mps=car.speed_mps,
                yaw_rate_radps=car.yaw_rate_radps,
                time_s=tick * TICK_S,
                wait=True,  # lock-step: the simulation waits for the command that answers its image
            )
            car.drive(control.steering, control.throttle, control.brake)
            offsets_m.append(car.offset_m)
            if tick % 250 == 0:
                print(f"{tick * TICK_S:5.0f} s  {car.speed_mps:5.1f} m/s  {car.offset_m:+.2f} m  {control.mode}")
    rms_m = math.sqrt(sum(offset_m**2 for offset_m in offsets_m) / len(offsets_m))
    print(f"offset RMS {rms_m:.3f} m, max {max(map(abs, offsets_m)):.3f} m, distance {car.x_m:.0f} m along the road")


if __name__ == "__main__":
    main()
