"""The plant: a single-track model with steering and pedal actuators.

It differs from the controllers' model on purpose. Signs are ISO 8855: x forward, y left, angles counter-clockwise,
steering angles at the road wheel. Integrated with Runge-Kutta 4 at `STEP_S`.
"""

from msgspec import Struct

from simulation.embedded.actuators import Pedals, Steering
from simulation.embedded.dynamics import CALM, CarParameters, ExternalInputs, SingleTrack, integrate

STEP_S = 0.005


class Command(Struct, frozen=True):
    """Inputs of the actuators."""

    steer_rad: float = 0.0  # left positive
    throttle: float = 0.0
    brake: float = 0.0


class CarState(Struct):
    """Motion of the centre of gravity."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    speed_mps: float = 0.0  # along the car
    side_speed_mps: float = 0.0
    yaw_rate_radps: float = 0.0
    steer_rad: float = 0.0  # of the steering; does not include a steering offset
    acceleration_mps2: float = 0.0  # along the car
    lateral_acceleration_mps2: float = 0.0


class Car:
    """One car. `step` advances it by a whole number of `STEP_S`."""

    def __init__(self, parameters: CarParameters, max_steer_rad: float) -> None:
        self.parameters = parameters
        self.max_steer_rad = max_steer_rad
        self._track = SingleTrack(parameters)
        self.place(0.0, 0.0, 0.0, 0.0)

    @property
    def speed_mps(self) -> float:
        return self.state.speed_mps

    def place(self, x_m: float, y_m: float, yaw_rad: float, speed_mps: float) -> None:
        """Set the pose and the speed along the car; all other states become 0."""
        self.state = CarState(x_m=x_m, y_m=y_m, yaw_rad=yaw_rad, speed_mps=speed_mps)
        self._steering = Steering(self.parameters, self.max_steer_rad, STEP_S)
        self._pedals = Pedals(self.parameters, STEP_S)

    def steer_for_curvature(self, curvature_radpm: float, speed_mps: float) -> float:
        """Steady-state steering angle for a curvature; both left positive."""
        p = self.parameters
        return curvature_radpm * (p.wheelbase_m + p.understeer_s2pm * speed_mps**2)

    def curvature_of_steer(self, steer_rad: float, speed_mps: float) -> float:
        """Inverse of `steer_for_curvature`."""
        p = self.parameters
        return steer_rad / (p.wheelbase_m + p.understeer_s2pm * speed_mps**2)

    def brake_for(self, deceleration_mps2: float, speed_mps: float) -> float:
        """Brake pedal (at least 0) that, together with the resistance on a level road, gives this deceleration."""
        return max(0.0, deceleration_mps2 - self._track.resistance_mps2(speed_mps)) / self.parameters.brake_mps2

    def step(self, command: Command, duration_s: float, inputs: ExternalInputs = CALM) -> None:
        """Advance by `duration_s` with constant inputs."""
        for _ in range(round(duration_s / STEP_S)):
            self._step(command, inputs)

    def _step(self, command: Command, inputs: ExternalInputs) -> None:
        state = self.state
        state.steer_rad = self._steering.step(command.steer_rad)
        if self._is_held_at_standstill(command, inputs):
            state.speed_mps = state.side_speed_mps = state.yaw_rate_radps = 0.0
            state.acceleration_mps2 = state.lateral_acceleration_mps2 = 0.0
            self._pedals.release()
            return
        before = state.speed_mps, state.side_speed_mps
        pedal_mps2 = self._pedals.step(command.throttle, command.brake, state.speed_mps)
        motion = (state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.side_speed_mps, state.yaw_rate_radps)
        motion = integrate(self._track, motion, state.steer_rad, pedal_mps2, inputs, STEP_S)
        if motion[3] <= 0.0:
            # Stopped within this step; driving backwards, and sliding on after a spin, are not simulated.
            motion = (*motion[:3], 0.0, 0.0, 0.0)
            before = before[0], 0.0
        state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.side_speed_mps, state.yaw_rate_radps = motion
        turning = state.yaw_rate_radps
        state.acceleration_mps2 = (state.speed_mps - before[0]) / STEP_S - turning * state.side_speed_mps
        state.lateral_acceleration_mps2 = (state.side_speed_mps - before[1]) / STEP_S + turning * state.speed_mps

    def _is_held_at_standstill(self, command: Command, inputs: ExternalInputs) -> bool:
        """Whether the car stands, and brakes and rolling resistance exceed what would move it."""
        p = self.parameters
        driving_mps2 = command.throttle * p.drive_mps2 + inputs.gravity_forward_mps2
        return self.state.speed_mps <= 0.0 and driving_mps2 <= command.brake * p.brake_mps2 + p.rolling_mps2
