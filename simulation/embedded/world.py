"""The embedded world: a road from a file, a simulated car with camera and sensors, and the ground truth."""

import logging
import math
import secrets
from pathlib import Path

import numpy as np
from msgspec import Struct

from lkas.config import config_folder
from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, Pose, VehicleState
from lkas.scale import scale_of_car
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.conditions import CONDITIONS
from simulation.config import SimulationConfig
from simulation.embedded.attitude import BodyMotion, pose_on_road
from simulation.embedded.disturbance import Disturbance, Gusts
from simulation.embedded.dynamics import CarParameters, ExternalInputs
from simulation.embedded.frame_transport import FrameTransport
from simulation.embedded.plant import Car
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.view import View
from simulation.embedded.road_gravity import RoadGravity
from simulation.embedded.safety import ControlGate
from simulation.embedded.scenery import Scenery
from simulation.embedded.sensors import Sensors
from simulation.embedded.traffic import Traffic
from simulation.lane_truth import LaneTruth
from simulation.opendrive.parser import read_map
from simulation.opendrive.route_choice import chosen_route
from simulation.world import Tick, Truth, WorldEnded, WorldError

TICK_S = 0.01
START_S_M = 10.0  # along the route; keeps the whole car on an open road
END_MARGIN_M = 5.0  # the world ends so far before the end of an open road

log = logging.getLogger(__name__)


class RouteStart(Struct, frozen=True, kw_only=True):
    """Start pose of the car relative to the lane centre; left positive."""

    s_m: float | None = None  # from the start of the route's stretch; None: START_S_M at the scale of the road
    offset_m: float = 0.0
    heading_rad: float = 0.0


class EmbeddedFrame:
    """The camera image of one tick, rendered on demand."""

    def __init__(self, renderer: Renderer, view: View) -> None:
        self.frame_id, self.timestamp = view.frame_id, view.time_s
        self.view = view
        self._renderer = renderer

    def render_into(self, image: np.ndarray) -> None:
        """Fill an (H, W, 3) uint8 RGB array."""
        self._renderer.render_into(image, self.view)


class EmbeddedWorld:
    """A world that is deterministic: the same seed and controls give the same states and pixels."""

    name = "embedded"
    tick_s = TICK_S

    def __init__(
        self,
        simulation: SimulationConfig,
        camera: CameraConfig,
        vehicle: VehicleConfig,
        start: RouteStart | None = None,
    ) -> None:
        self.session = secrets.randbelow(2**53 - 1) + 1
        self.width_px, self.height_px = camera.width_px, camera.height_px
        road_map = read_map(built_in_map() if simulation.map is None else Path(simulation.map))
        self.route = chosen_route(road_map, simulation.route, simulation.seed)
        self._end_margin_m = END_MARGIN_M * road_map.scale.length
        self._start = start or RouteStart()
        self._start_m = START_S_M * road_map.scale.length if self._start.s_m is None else self._start.s_m
        if self.drive_length_m <= 0.0:
            raise WorldError(
                f"{road_map.path}: its route is {self.route.stretch.length_m:.1f} m long; too short to drive "
                f"from {self._start_m:g} m on"
            )
        self._start_speed_mps = simulation.start_speed_mps
        self._frame_period_s = 1 / camera.rate_hz
        self._geometry: CameraGeometry = camera.pinhole()
        condition = CONDITIONS[simulation.condition]
        start_m = self.route.stretch.start_m + self._start_m
        self._scenery = Scenery(
            self.route,
            start_m,
            lambda drawn: Renderer(
                drawn,
                self._geometry,
                camera.width_px,
                camera.height_px,
                simulation.seed,
                condition,
                self.route.curve.pose(start_m)[2],
            ),
        )
        car_scale = scale_of_car(vehicle.wheelbase_m)
        self._body = BodyMotion(simulation.seed, car_scale)
        self._traffic = Traffic(self.route, simulation.seed) if condition.traffic else None
        parameters = CarParameters().scaled(car_scale)
        self._car = Car(parameters, math.radians(vehicle.max_steer_deg))
        self.lane_truth = LaneTruth(self.route, parameters.cg_to_front_m, parameters.cg_to_rear_m, vehicle.width_m)
        self._sensors = Sensors(simulation.seed, TICK_S, car_scale)
        self._road_gravity = RoadGravity(self.route)
        self._gusts = Gusts(simulation.gusts_mps, simulation.seed, TICK_S)
        self._frame_transport: FrameTransport[EmbeddedFrame] = FrameTransport(
            simulation.frame_delay_s, simulation.frame_drop_ratio, simulation.seed
        )
        self.disturbance = Disturbance(
            side_wind_mps=simulation.side_wind_mps,
            steering_offset_deg=simulation.steering_offset_deg,
            friction_ratio=simulation.friction_ratio,
        )
        self._gate = ControlGate(self._car, self.session)
        self._ticks = 0
        self._frame_id = 0
        self._frames_due = 0
        self._distance_m = 0.0
        self.respawn()

    def tick(self, control: ControlMessage | None) -> Tick:
        """Advance by `tick_s`. Raises WorldEnded at the end of an open route."""
        before_s = self._ticks * TICK_S
        inputs = self._external_inputs()
        self._car.step(self._gate.command(control, before_s), TICK_S, inputs)
        self._ticks += 1
        now_s = self._ticks * TICK_S
        car = self._car.state
        truth = self._truth(now_s, Pose(x_m=car.x_m, y_m=car.y_m, z_m=0.0, yaw_rad=wrap_rad(car.yaw_rad)))
        if not self.route.is_closed and self._s_m > self.route.stretch.end_m - self._end_margin_m:
            stretch, path = self.route.stretch, self.route.road_map.path
            raise WorldEnded(f"{path}: the route ends here, {stretch.end_reason}, after {stretch.length_m:.0f} m")
        pose = pose_on_road(self.route, self._s_m, car.x_m, car.y_m, car.yaw_rad)
        self._body.step(car, inputs, TICK_S)
        if self._traffic is not None:
            self._traffic.step(self._s_m, car.speed_mps, TICK_S)
        self._scenery.move_to(self._s_m)
        frame = self._frame_transport.step(self._capture(now_s, pose), now_s)
        return Tick(state=self._vehicle_state(now_s, pose, inputs), truth=truth, frame=frame)

    @property
    def renderer(self) -> Renderer:
        """The renderer of the roads around the car."""
        return self._scenery.renderer

    @property
    def drive_length_m(self) -> float:
        """Distance from the start to the end of an open route, or one lap of a closed one."""
        stretch = self.route.stretch
        return stretch.length_m if self.route.is_closed else stretch.length_m - self._start_m - self._end_margin_m

    def respawn(self) -> None:
        """Reset the car to its start. World time, frame ids and the distance travelled continue."""
        start, curve = self._start, self.route.curve
        self._s_m = self.route.stretch.start_m + self._start_m
        x, y = curve.to_world(self._s_m, start.offset_m)
        self._car.place(x, y, curve.pose(self._s_m)[2] + start.heading_rad, self._start_speed_mps)
        self._gate.reset()
        self._frame_transport.clear()
        self._body.reset()

    def close(self) -> None:
        """Do nothing: the world holds no resources."""

    def _external_inputs(self) -> ExternalInputs:
        """External inputs of the vehicle model at this tick."""
        disturbance = self.disturbance
        forward_mps2, left_mps2, normal_mps2 = self._road_gravity.gravity_mps2(self._s_m, self._car.state.yaw_rad)
        return ExternalInputs(
            gravity_forward_mps2=forward_mps2,
            gravity_left_mps2=left_mps2,
            gravity_normal_mps2=normal_mps2,
            side_wind_mps=disturbance.side_wind_mps + self._gusts.step(),
            steering_offset_rad=math.radians(disturbance.steering_offset_deg),
            friction_ratio=disturbance.friction_ratio,
        )

    def _capture(self, now_s: float, pose: Pose) -> EmbeddedFrame | None:
        if now_s < self._frames_due * self._frame_period_s - 1e-9:
            return None
        self._frames_due = math.floor(now_s / self._frame_period_s + 1e-9) + 1
        self._frame_id += 1
        body = self._body
        vehicles = self._traffic.vehicles() if self._traffic is not None else ()
        return EmbeddedFrame(self.renderer, View(pose, self._frame_id, now_s, body.pitch_rad, body.roll_rad, vehicles))

    def _vehicle_state(self, now_s: float, pose: Pose, inputs: ExternalInputs) -> VehicleState:
        readings = self._sensors.read(self._car.state, inputs)
        return VehicleState(
            session=self.session,
            frame_id=self._frame_id,
            timestamp=now_s,
            speed_mps=readings.speed_mps,
            yaw_rate_radps=readings.yaw_rate_radps,
            steering_angle_rad=readings.steer_rad,
            pose=pose,
            acceleration_mps2=readings.acceleration_mps2,
            lateral_acceleration_mps2=readings.lateral_acceleration_mps2,
            max_steer_rad=self._car.max_steer_rad,
            rate=1.0,
            tick_s=TICK_S,
            camera=self._geometry,
        )

    def _truth(self, now_s: float, pose: Pose) -> Truth:
        car = self._car.state
        self._distance_m += math.hypot(car.speed_mps, car.side_speed_mps) * TICK_S
        self._s_m, truth = self.lane_truth.at(
            pose,
            self._s_m,
            timestamp=now_s,
            distance_m=self._distance_m,
            speed_mps=car.speed_mps,
            lateral_acceleration_mps2=car.lateral_acceleration_mps2,
        )
        return truth


def built_in_map() -> Path:
    """Return the file of the loop that comes with this project."""
    return config_folder() / "maps" / "loop.xodr"
