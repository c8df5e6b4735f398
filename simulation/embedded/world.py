"""The embedded world: a road from a file, a car on it, its camera and sensors, and the truth about all of it."""

import logging
import math
import secrets
from importlib import resources
from pathlib import Path

import numpy as np
from msgspec import Struct

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, Pose, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.plant import Car, CarParameters
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.safety import ControlGate
from simulation.embedded.sensors import Sensors
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import chosen_route
from simulation.world import Tick, Truth, WorldEnded, WorldError

TICK_S = 0.01
START_S_M = 10.0  # along the route; on an open road the whole car then stands on it
END_MARGIN_M = 5.0  # before the end of an open road

log = logging.getLogger(__name__)


class Start(Struct, frozen=True, kw_only=True):
    """Where on its route the car begins, against the lane centre; left positive."""

    s_m: float = START_S_M
    offset_m: float = 0.0
    heading_rad: float = 0.0


class EmbeddedFrame:
    """The camera's view at one tick."""

    def __init__(self, renderer: Renderer, frame_id: int, timestamp: float, pose: Pose) -> None:
        self.frame_id, self.timestamp = frame_id, timestamp
        self._renderer, self._pose = renderer, pose

    def render_into(self, image: np.ndarray) -> None:
        """Fill an (H, W, 3) uint8 RGB array."""
        self._renderer.render_into(image, self._pose.x_m, self._pose.y_m, self._pose.yaw_rad, self.frame_id)


class EmbeddedWorld:
    """Deterministic: the same seed and the same controls give the same states and the same pixels."""

    name = "embedded"
    tick_s = TICK_S

    def __init__(
        self, simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig, start: Start | None = None
    ) -> None:
        self.session = secrets.randbelow(2**53 - 1) + 1
        self.width_px, self.height_px = camera.width_px, camera.height_px
        road_map = read_map(built_in_map() if simulation.map is None else Path(simulation.map))
        if (warning := road_map.flat_warning) is not None:
            log.warning("%s: %s", road_map.path, warning)
        self.route = chosen_route(road_map, simulation.route, simulation.seed)
        self._start = start or Start()
        if self.route.length_m < self._start.s_m + END_MARGIN_M:
            raise WorldError(
                f"{road_map.path}: its way is {self.route.length_m:.1f} m long; too short to drive "
                f"from {self._start.s_m:g} m on"
            )
        self._start_speed_mps = simulation.start_speed_mps
        self._frame_period_s = 1 / camera.rate_hz
        self._geometry: CameraGeometry = camera.geometry()
        self._renderer = Renderer(road_map, self._geometry, camera.width_px, camera.height_px, simulation.seed)
        parameters = CarParameters()
        self._car = Car(parameters, math.radians(vehicle.max_steer_deg))
        self._corners_m = [
            (ahead, left)
            for ahead in (parameters.cg_to_front_m, -parameters.cg_to_rear_m)
            for left in (vehicle.width_m / 2, -vehicle.width_m / 2)
        ]
        self._sensors = Sensors(simulation.seed)
        self._gate = ControlGate(self._car, self.session)
        self._ticks = 0
        self._frame_id = 0
        self._frames_due = 0
        self._distance_m = 0.0
        self.respawn()

    def tick(self, control: ControlMessage | None) -> Tick:
        """Advance by `tick_s`. Raises WorldEnded at the end of a road that does not close."""
        before_s = self._ticks * TICK_S
        self._car.step(self._gate.command(control, before_s), TICK_S)
        self._ticks += 1
        now_s = self._ticks * TICK_S
        truth = self._truth(now_s)
        if not self.route.is_closed and self._s_m > self.route.length_m - END_MARGIN_M:
            raise WorldEnded(f"{self.route.road_map.path}: the road ends here, {self._s_m:.0f} m after its start")
        car = self._car.state
        pose = Pose(x_m=car.x_m, y_m=car.y_m, z_m=0.0, yaw_rad=wrap_rad(car.yaw_rad))
        frame = self._frame(now_s, pose)
        return Tick(state=self._vehicle_state(now_s, pose), truth=truth, frame=frame)

    def respawn(self) -> None:
        """Put the car back to its start. World time, frame ids and the distance driven go on."""
        start, curve = self._start, self.route.curve
        x, y = curve.to_world(start.s_m, start.offset_m)
        self._car.place(x, y, curve.pose(start.s_m)[2] + start.heading_rad, self._start_speed_mps)
        self._gate.reset()
        self._s_m = start.s_m

    def close(self) -> None:
        """There is nothing to release."""

    def _frame(self, now_s: float, pose: Pose) -> EmbeddedFrame | None:
        if now_s < self._frames_due * self._frame_period_s - 1e-9:
            return None
        self._frames_due = math.floor(now_s / self._frame_period_s + 1e-9) + 1
        self._frame_id += 1
        return EmbeddedFrame(self._renderer, self._frame_id, now_s, pose)

    def _vehicle_state(self, now_s: float, pose: Pose) -> VehicleState:
        readings = self._sensors.read(self._car.state)
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

    def _truth(self, now_s: float) -> Truth:
        """Where the car is in the lane of its route; also beyond that lane's borders, also beside the road."""
        car, curve = self._car.state, self.route.curve
        self._distance_m += math.hypot(car.speed_mps, car.side_speed_mps) * TICK_S
        self._s_m, offset_m = curve.to_lane(car.x_m, car.y_m, self._s_m)
        _, _, heading, curvature = curve.pose(self._s_m)
        margin_left_m = margin_right_m = math.inf
        cos, sin = math.cos(car.yaw_rad), math.sin(car.yaw_rad)
        for ahead, left in self._corners_m:
            x, y = car.x_m + ahead * cos - left * sin, car.y_m + ahead * sin + left * cos
            s_m, t_m = curve.to_lane(x, y, self._s_m + ahead)
            lane = self.route.lane_at(s_m)
            margin_left_m = min(margin_left_m, lane.left_line_m - t_m)
            margin_right_m = min(margin_right_m, t_m - lane.right_line_m)
        return Truth(
            timestamp=now_s,
            distance_m=self._distance_m,
            offset_m=offset_m,
            heading_error_rad=wrap_rad(car.yaw_rad - heading),
            curvature_radpm=curvature,
            lane_width_m=self.route.lane_at(self._s_m).width_m,
            margin_left_m=margin_left_m,
            margin_right_m=margin_right_m,
            speed_mps=car.speed_mps,
            lateral_acceleration_mps2=car.lateral_acceleration_mps2,
        )


def built_in_map() -> Path:
    """The loop that comes with this project: from the installed package, or from the checkout beside it."""
    return Path(str(resources.files("lkas.configs"))) / "maps" / "loop.xodr"
