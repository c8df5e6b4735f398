"""The embedded world's car and camera as a CARLA vehicle: CARLA's signs and origin outside, ISO 8855 inside.

The embedded world takes the pose of the car and the camera at its start, so a car that is moved, or gets a camera,
continues in a new embedded world at its pose.
"""

import math
from pathlib import Path

import cv2
import numpy as np

from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import TICK_S, EmbeddedWorld, RouteStart
from simulation.opendrive.routes import Route
from simulation.world import Tick, WorldEnded
from tests.support.carla_server.actors import Actor
from tests.support.carla_server.layouts import ZERO, Motion, Transform

MAX_STEER_DEG = 70.0  # of most of CARLA's cars
STEERING_CURVE = (0.0, 1.0), (20.0, 0.9), (60.0, 0.8), (120.0, 0.7)  # km/h, ratio of the wheel angle to the command
WHEELBASE_M, CG_TO_REAR_AXLE_M = 2.7, 1.45  # of the embedded world's car
ORIGIN_TO_REAR_AXLE_M = 1.25  # the actor's origin is the middle of its box, not its centre of gravity
CG_AHEAD_M = CG_TO_REAR_AXLE_M - ORIGIN_TO_REAR_AXLE_M
TRACK_M, WHEEL_RADIUS_M = 1.6, 0.35
CAMERA_RATE_HZ = 1 / TICK_S  # an image is available at every tick
SEED = 1


class EmbeddedCar:
    """A vehicle actor that drives in the embedded world. Beyond the end of its road it coasts straight on."""

    def __init__(self, actor: Actor, world_map: str, route: Route) -> None:
        self.actor = actor
        self._map, self._route = world_map, route
        self._camera = CameraConfig(width_px=64, height_px=64, rate_hz=CAMERA_RATE_HZ)  # until one is mounted
        self._world: EmbeddedWorld | None = None
        self._started: tuple[RouteStart, float] | None = None  # start and speed of the current world
        self._is_moved = True  # takes effect at the next step
        self._speed_mps = 0.0
        self._tick: Tick | None = None

    def place(self, transform: Transform) -> None:
        """Move the car; it keeps its speed."""
        self.actor.transform = transform
        self._is_moved = True

    def set_speed(self, speed_mps: float) -> None:
        self._speed_mps = speed_mps
        self._is_moved = True

    def mount(self, camera: Actor) -> None:
        """Use this camera from now on."""
        attributes, t = camera.attributes, camera.transform
        self._camera = CameraConfig(
            width_px=int(attributes["image_size_x"]),
            height_px=int(attributes["image_size_y"]),
            rate_hz=CAMERA_RATE_HZ,
            hfov_deg=float(attributes["fov"]),
            height_m=t.z_m,
            pitch_deg=-t.pitch_deg,
            yaw_deg=-t.yaw_deg,
            roll_deg=t.roll_deg,
            x_m=t.x_m - CG_AHEAD_M,
            y_m=-t.y_m,
        )
        self._world, self._is_moved = None, True

    def advance(self, duration_s: float) -> None:
        """Drive in steps of the embedded world."""
        world = self._placed_world()
        throttle, steer, brake = self.actor.control[:3]
        speeds_kmh, ratios = zip(*STEERING_CURVE, strict=True)
        ratio = float(np.interp(self._speed_mps * 3.6, speeds_kmh, ratios))
        control = ControlMessage(steering=steer * ratio, throttle=throttle, brake=brake, valid_until=math.inf)
        for _ in range(round(duration_s / TICK_S)):
            try:
                tick = world.tick(control)
            except WorldEnded:
                self._coast()
            else:
                self._take(tick)

    @property
    def wheel_steer_deg(self) -> float:
        """Angle of the front wheels, positive to the right."""
        return 0.0 if self._tick is None else -math.degrees(self._tick.state.steering_angle_rad or 0.0)

    def image(self) -> np.ndarray | None:
        """Return the camera image now, (H, W, 4) BGRA."""
        if self._tick is None or self._tick.frame is None:
            return None
        rgb = np.empty((self._camera.height_px, self._camera.width_px, 3), np.uint8)
        self._tick.frame.render_into(rgb)
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA)

    def wheels_cm(self) -> list[tuple[float, float, float]]:
        """Return the centres of the wheels in the world in cm: front left, front right, rear left, rear right."""
        rear_m, half_m = -ORIGIN_TO_REAR_AXLE_M, TRACK_M / 2
        places = [(ahead, side) for ahead in (rear_m + WHEELBASE_M, rear_m) for side in (-half_m, half_m)]
        transform = self.actor.transform
        return [tuple(100 * axis for axis in transform.placed(x, y, WHEEL_RADIUS_M)) for x, y in places]  # type: ignore[misc]

    def _start(self) -> RouteStart:
        x_m, right_m, _ = self.actor.transform.placed(CG_AHEAD_M, 0.0)
        curve = self._route.curve
        s_m, offset_m = curve.to_lane(x_m, -right_m, curve.nearest_s_m(x_m, -right_m))
        heading_rad = -math.radians(self.actor.transform.yaw_deg) - curve.pose(s_m)[2]
        return RouteStart(
            s_m=s_m - self._route.stretch.start_m, offset_m=offset_m, heading_rad=math.remainder(heading_rad, math.tau)
        )

    def _placed_world(self) -> EmbeddedWorld:
        """Return a world with the car at its pose; a new one unless the car is at the start of the current world."""
        if self._world is None or self._is_moved:
            start = self._start(), self._speed_mps
            if self._world is not None and start == self._started:
                self._world.respawn()
            else:
                simulation = SimulationConfig(map=self._map, seed=SEED, start_speed_mps=self._speed_mps)
                steering = VehicleConfig(max_steer_deg=MAX_STEER_DEG)
                self._world = EmbeddedWorld(simulation, self._camera, steering, start[0])
            self._started, self._is_moved = start, False
        return self._world

    def _coast(self) -> None:
        """Move the actor on with its last velocity."""
        x_mps, y_mps, _ = self.actor.motion.velocity
        here = self.actor.transform
        self.actor.transform = here._replace(x_m=here.x_m + x_mps * TICK_S, y_m=here.y_m + y_mps * TICK_S)

    def _take(self, tick: Tick) -> None:
        """Copy the world's newest state to the actor, in CARLA's frame."""
        state, truth = tick.state, tick.truth
        assert state.pose is not None
        assert truth is not None
        pose, yaw_deg = state.pose, -math.degrees(state.pose.yaw_rad)
        turn = -math.degrees(pose.pitch_rad), yaw_deg, math.degrees(pose.roll_rad)
        at_cg = Transform(pose.x_m, -pose.y_m, pose.z_m, *turn)
        here = Transform(*at_cg.placed(-CG_AHEAD_M, 0.0, CG_AHEAD_M * math.tan(pose.pitch_rad)), *turn)
        before = self.actor.transform
        turned = Transform(yaw_deg=yaw_deg)
        moved = (here.x_m - before.x_m) / TICK_S, (here.y_m - before.y_m) / TICK_S, 0.0
        self.actor.motion = Motion(
            velocity=ZERO if truth.speed_mps == 0.0 else moved,
            angular_velocity=(0.0, 0.0, -math.degrees(state.yaw_rate_radps or 0.0)),
            acceleration=turned.placed(state.acceleration_mps2 or 0.0, -truth.lateral_acceleration_mps2),
        )
        self.actor.transform = here
        self._speed_mps = truth.speed_mps
        self._tick = tick


def route_of(map_file: Path) -> Route:
    """Return the route that an embedded world drives on this map."""
    camera = CameraConfig(width_px=64, height_px=64)  # its images are not used
    return EmbeddedWorld(SimulationConfig(map=str(map_file)), camera, VehicleConfig()).route
