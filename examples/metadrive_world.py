"""MetaDrive 0.3.0.1 as a world for `simulation`: its roads and its Bullet car, seen by a camera placed here.

    make foreign                                   # once: MetaDrive in build/foreign, and a drive of 2 km per method
    build/foreign/bin/simulation eval --world examples/metadrive_world.py:MetaDrive --method cv,hybrid

MetaDrive's plane has y to the right; everything here is in the scene graph below it, whose y is to the left.
"""

import math
from itertools import pairwise

import metadrive_rendering as rendering  # first: it configures Panda3D
from metadrive import MetaDriveEnv
from metadrive.utils.coordinates_shift import metadrive_position

from lkas.integration.shared_memory.messages import Pose, VehicleFacts, VehicleState
from lkas.vehicle import CameraConfig
from simulation.world import Tick, Truth, WorldEnded

TICK_S = 0.02  # the step of MetaDrive's physics
TICKS_PER_IMAGE = 2
LINE_WIDTH_M = 0.15
SETTLING_TICKS = 60  # of the springs, before the first tick
START_M = 5.0
UNDRAWN_M = 60.0  # before the end of the last road: nothing is drawn beyond it
EXPIRED_BRAKE = 0.5


class MetaDrive:
    """One road of MetaDrive: `blocks` are its letters (S straight, C curve), `seed` chooses their shapes."""

    name = "metadrive"
    width_px, height_px, tick_s = 640, 480, TICK_S

    def __init__(self, blocks="SCSCSC", seed=1, lanes=3, lane=1, lane_width_m=3.5, start_speed_mps=8.0):
        self._env = MetaDriveEnv(
            {
                "use_render": False,
                "image_observation": True,
                "start_seed": seed,
                "environment_num": 1,
                "map_config": {
                    "type": "block_sequence",
                    "config": blocks,
                    "lane_num": lanes,
                    "lane_width": lane_width_m,
                    "exit_length": 50,
                },
                "traffic_density": 0.0,
                "window_size": (64, 64),
                "show_skybox": False,
                "show_logo": False,
                "show_fps": False,
                "show_interface": False,
                "interface_panel": [],
                "multi_thread_render": False,
                "decision_repeat": 1,
                "physics_world_step_size": TICK_S,
                "random_lane_width": False,
                "random_lane_num": False,
                "disable_model_compression": True,
                "vehicle_config": {
                    "image_source": "main_camera",
                    "show_navi_mark": False,
                    "spawn_lane_index": (">", ">>", lane),
                    "lidar": {"num_lasers": 0, "distance": 0},
                    "rgb_camera": (8, 8),
                },
            }
        )
        self._env.reset()
        self._engine, self._car = self._env.engine, self._env.vehicle
        self._start_speed_mps = start_speed_mps
        self._road = self._lanes_of_number(lane)
        placement = CameraConfig(width_px=self.width_px, height_px=self.height_px)
        self.camera = placement.geometry()
        self._camera = rendering.Camera(self._env, self._car.origin, placement)
        car = self._car
        self.max_steer_rad = math.radians(car.max_steering)
        self.vehicle = VehicleFacts(
            wheelbase_m=car.FRONT_WHEELBASE + car.REAR_WHEELBASE,
            cg_to_rear_axle_m=car.REAR_WHEELBASE,
            width_m=2 * car.LATERAL_TIRE_TO_CENTER + car.TIRE_WIDTH,
            steering_delay_s=0.0,
            steering_lag_s=0.0,  # its wheels jump to the commanded angle
        )
        self._ticks, self._distance_m = 0, 0.0
        self._put_to_start()

    def respawn(self):
        """Back to the start; time goes on."""
        self._put_to_start()

    def tick(self, control):
        """Apply a command for one step of the physics. Raises WorldEnded at the end of the road."""
        steering, pedal = 0.0, 0.0
        now_s = self._ticks * TICK_S
        if control is not None and control.valid_until >= now_s:
            steering, pedal = -control.steering, control.throttle - control.brake  # MetaDrive: left is positive
        elif control is not None:
            steering, pedal = self._car.steering, -EXPIRED_BRAKE
        self._step(steering, pedal)
        self._ticks += 1
        before, self._place = self._place, self._current_place()
        self._distance_m += math.dist(before[:2], self._place[:2])
        truth = self._truth()
        frame = self._camera.image() if self._ticks % TICKS_PER_IMAGE == 0 else None
        return Tick(state=self._state(), truth=truth, frame=frame)

    def close(self):
        """Release MetaDrive's engine, of which a process can have one at a time."""
        self._env.close()

    def _put_to_start(self):
        for _ in range(SETTLING_TICKS):
            self._step(0.0, 0.0)
        first, car = self._road[0], self._car
        car.set_position(first.position(START_M, 0.0))
        car.set_heading_theta(first.heading_theta_at(START_M))
        car.set_velocity(list(first.heading_at(START_M)), self._start_speed_mps)
        self._camera.place()
        self._place = self._current_place()

    def _step(self, steering, pedal):
        engine = self._engine
        engine.before_step({"default_agent": [steering, pedal]})
        for manager in engine.managers.values():
            manager.step()
        engine.step_physics_world()
        engine.after_step()

    def _lanes_of_number(self, number):
        """The lanes of this number, from the right to the left, along the route of the car."""
        graph, checkpoints = self._env.current_map.road_network.graph, self._car.navigation.checkpoints
        groups = [graph[start][end] for start, end in pairwise(checkpoints)]
        return [group[min(number, len(group) - 1)] for group in groups]

    def _current_place(self):
        """Return x, y, z (m) and yaw (rad) in the scene graph."""
        position = self._car.origin.getPos(self._engine.render)
        return (*position, math.radians(self._car.origin.getHpr(self._engine.render)[0] + 90))

    def _velocity(self):
        """Return the speed ahead and to the left (m/s), and the yaw rate (rad/s)."""
        x_mps, y_mps, _ = self._car.body.getLinearVelocity()
        cos, sin = math.cos(self._place[3]), math.sin(self._place[3])
        return x_mps * cos + y_mps * sin, y_mps * cos - x_mps * sin, self._car.body.getAngularVelocity()[2]

    def _state(self):
        x_m, y_m, z_m, yaw_rad = self._place
        ahead_mps, _, yaw_rate_radps = self._velocity()
        return VehicleState(
            timestamp=self._ticks * TICK_S,
            speed_mps=ahead_mps,
            yaw_rate_radps=yaw_rate_radps,
            steering_angle_rad=self._car.steering * self.max_steer_rad,
            pose=Pose(x_m=x_m, y_m=y_m, z_m=z_m, yaw_rad=yaw_rad),
        )

    def _lane_here(self):
        """Return the lane of the road below the car, the distance along it and the offset, right positive."""
        place = metadrive_position(self._car.origin.getPos(self._engine.render))
        found = [(lane, *lane.local_coordinates(place)) for lane in self._road]
        reached = [(lane, along_m, right_m) for lane, along_m, right_m in found if -1.0 <= along_m < lane.length]
        if not reached:
            raise WorldEnded("the car is beyond the end of the road")
        return min(reached, key=lambda entry: abs(entry[2]))

    def _truth(self):
        lane, along_m, right_m = self._lane_here()
        if lane is self._road[-1] and along_m > lane.length - UNDRAWN_M:
            raise WorldEnded("the road is over")
        x_m, y_m, _, yaw_rad = self._place
        facts, width_m = self.vehicle, lane.width_at(along_m)
        rights_m = []
        for ahead_m in (facts.wheelbase_m - facts.cg_to_rear_axle_m, -facts.cg_to_rear_axle_m):
            axle = x_m + ahead_m * math.cos(yaw_rad), -(y_m + ahead_m * math.sin(yaw_rad))
            rights_m.append(lane.local_coordinates(axle)[1])
        free_m = (width_m - LINE_WIDTH_M - facts.width_m) / 2
        radius_m = getattr(lane, "radius", 0.0)
        ahead_mps, left_mps, yaw_rate_radps = self._velocity()
        return Truth(
            timestamp=self._ticks * TICK_S,
            distance_m=self._distance_m,
            offset_m=-right_m,
            heading_error_rad=math.remainder(yaw_rad + lane.heading_theta_at(along_m), math.tau),
            curvature_radpm=-lane.direction / radius_m if radius_m else 0.0,
            lane_width_m=width_m,
            margin_left_m=free_m + min(rights_m),
            margin_right_m=free_m - max(rights_m),
            speed_mps=math.hypot(ahead_mps, left_mps),
            lateral_acceleration_mps2=ahead_mps * yaw_rate_radps,
        )
