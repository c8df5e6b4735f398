"""CARLA as a world: ticks the server, steers the car, publishes the camera, and reconnects after a server loss."""

import atexit
import math
import secrets

from lkas.frames import steering_from_left_rad
from lkas.integration.shared_memory.messages import ControlMessage, Pose, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.camera import CarlaFrame, camera_geometry
from simulation.carla.car import SteeredCar
from simulation.carla.config import CarlaConfig
from simulation.carla.connection import ServerLost
from simulation.carla.convert import Motion, motion_of, pose_of, vehicle_control
from simulation.carla.drive import Drive, TickResult
from simulation.carla.steering_check import SteeringCheck
from simulation.config import SimulationConfig
from simulation.embedded.safety import ControlGate
from simulation.lane_truth import LaneTruth
from simulation.opendrive.routes import Route
from simulation.world import Tick, Truth, WorldEnded, WorldUnavailable, WorldUnreachable

END_MARGIN_M = 5.0  # of the last position before the end of an open route


class CarlaWorld:
    """One tick is one step of the server and one frame. World time counts ticks and continues over reconnections.

    A reconnection starts a new session with the car at its start.
    """

    name = "carla"

    def __init__(
        self, simulation: SimulationConfig, config: CarlaConfig, camera: CameraConfig, vehicle: VehicleConfig
    ) -> None:
        self.width_px, self.height_px = camera.width_px, camera.height_px
        self.tick_s = 1 / camera.rate_hz
        self._simulation, self._config = simulation, config
        self._camera, self._vehicle = camera, vehicle
        self._geometry = camera_geometry(camera)
        self._ticks = 0
        self._distance_m = 0.0
        self._s_m = 0.0  # along the route
        self._drive: Drive | None = None
        try:
            self._connect()
        except ServerLost as lost:
            raise WorldUnreachable(f"CARLA: {lost}") from lost
        atexit.register(self.close)

    @property
    def route(self) -> Route | None:
        """The route that truth refers to; None: our reader cannot read this map."""
        return None if self._lane_truth is None else self._lane_truth.route

    def tick(self, control: ControlMessage | None) -> Tick:
        """Advance the server by `tick_s`. Raises WorldUnavailable without a server, WorldEnded at the route's end."""
        try:
            if self._drive is None:
                self._connect()
            assert self._drive is not None
            return self._advance(self._drive, control)
        except WorldUnreachable as gone:
            raise WorldUnavailable(f"CARLA: waiting for the server on {self._address}") from gone
        except ServerLost as lost:
            self._disconnect()
            raise WorldUnavailable(f"CARLA: {lost}; reconnecting to {self._address}") from lost

    def respawn(self) -> None:
        """Put the car back to its start. World time, frame ids and the travelled distance continue."""
        if self._drive is not None:
            try:
                self._drive.respawn()
            except ServerLost as lost:
                raise WorldUnavailable(f"CARLA: {lost}") from lost
            self._reset()

    def close(self) -> None:
        """Restore the server's previous state. A second call does nothing."""
        atexit.unregister(self.close)
        self._disconnect()

    @property
    def _address(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    def _connect(self) -> None:
        self._drive = drive = Drive(self._simulation, self._config, self._camera, self._vehicle)
        self.session = secrets.randbits(52) + 1
        self._car = SteeredCar(drive.physics)
        self._gate = ControlGate(self._car, self.session)
        self._steering_check = SteeringCheck(drive.physics.wheelbase_m, self.tick_s)
        rear_m = self._vehicle.cg_to_rear_axle_m
        front_m = drive.physics.wheelbase_m - rear_m
        self._lane_truth = (
            None if drive.route is None else LaneTruth(drive.route, front_m, rear_m, self._vehicle.width_m)
        )
        self._reset()

    def _reset(self) -> None:
        assert self._drive is not None
        self._gate.reset()
        self._car.speed_mps = self._simulation.start_speed_mps
        if self.route is not None:
            pose = pose_of(self._drive.start, self._drive.physics.ahead_m)
            self._s_m = self.route.curve.nearest_s_m(pose.x_m, pose.y_m)

    def _disconnect(self) -> None:
        drive, self._drive = self._drive, None
        if drive is not None:
            drive.close()

    def _advance(self, drive: Drive, control: ControlMessage | None) -> Tick:
        command = self._gate.command(control, self._ticks * self.tick_s)
        steering = steering_from_left_rad(command.steer_rad, self._car.max_steer_rad)
        result = drive.tick(vehicle_control(steering, command.throttle, command.brake))
        self._ticks += 1
        now_s = self._ticks * self.tick_s
        actor = result.actor
        transform = actor.get_transform()
        pose = pose_of(transform, drive.physics.ahead_m)
        motion = motion_of(transform, actor.get_velocity(), actor.get_angular_velocity(), actor.get_acceleration())
        self._car.speed_mps = motion.speed_mps
        if not self._config.autopilot:
            self._steering_check.add(command.steer_rad, motion)
        self._distance_m += math.hypot(motion.speed_mps, motion.side_speed_mps) * self.tick_s
        return Tick(
            state=self._state(now_s, pose, motion, result),
            truth=self._truth_at(now_s, pose, motion),
            frame=CarlaFrame(result.image, self._ticks, now_s),
        )

    def _state(self, now_s: float, pose: Pose, motion: Motion, result: TickResult) -> VehicleState:
        return VehicleState(
            session=self.session,
            frame_id=self._ticks,
            timestamp=now_s,
            speed_mps=motion.speed_mps,
            yaw_rate_radps=motion.yaw_rate_radps,
            steering_angle_rad=result.steer_rad,
            pose=pose,
            acceleration_mps2=motion.acceleration_mps2,
            lateral_acceleration_mps2=motion.lateral_acceleration_mps2,
            max_steer_rad=None if self._config.autopilot else self._car.max_steer_rad,
            tick_s=self.tick_s,
            camera=self._geometry,
        )

    def _truth_at(self, now_s: float, pose: Pose, motion: Motion) -> Truth | None:
        if self._lane_truth is None:
            return None
        route = self._lane_truth.route
        self._s_m, truth = self._lane_truth.at(
            pose,
            self._s_m,
            timestamp=now_s,
            distance_m=self._distance_m,
            speed_mps=motion.speed_mps,
            lateral_acceleration_mps2=motion.lateral_acceleration_mps2,
        )
        start_m, end_m, end_reason = route.stretch
        if not route.is_closed and self._s_m > end_m - END_MARGIN_M:
            raise WorldEnded(f"{route.road_map.path}: the route ends here, {end_reason}, after {end_m - start_m:.0f} m")
        return truth
