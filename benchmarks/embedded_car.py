"""The embedded world's car on the roads of the test bench: its tyres, load transfer, steering and pedals."""

from dataclasses import dataclass

from lkas.integration.shared_memory.messages import ControlMessage
from simulation.embedded.dynamics import CarParameters
from simulation.embedded.plant import STEP_S, Car, Command
from tests.lkas.decision.plant import MAX_STEER_RAD, TICK_S, Plant


@dataclass
class EmbeddedCar(Plant):
    """Like Plant; of its options only those of the steering are used."""

    def __post_init__(self) -> None:
        parameters = CarParameters(steering_dead_time_s=self.dead_time_s, steering_lag_s=self.lag_s)
        self._car = Car(parameters, MAX_STEER_RAD)
        self._car.place(0.0, 0.0, 0.0, self.speed_mps)

    def tick(self, control: ControlMessage | None) -> None:
        """Advance by TICK_S with the steps of the embedded world."""
        command = Command()
        if control is not None:
            command = Command(-control.steering * MAX_STEER_RAD, control.throttle, control.brake)
        for _ in range(round(TICK_S / STEP_S)):
            self._car.step(command, STEP_S)
            state = self._car.state
            self.speed_mps, self.lateral_mps = state.speed_mps, state.side_speed_mps
            self.yaw_rate_radps, self.wheel_rad = state.yaw_rate_radps, state.steer_rad
            self.acceleration_mps2, self.lateral_mps2 = state.acceleration_mps2, state.lateral_acceleration_mps2
            self._move(STEP_S)
