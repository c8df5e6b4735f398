"""A car with a VESC: its servo output steers, its motor drives and brakes by current.

Set the VESC's own timeout (App Settings, General, Timeout) to 80 ms: it stops the motor when this program dies or the
cable is pulled. As delivered it waits for a second.
"""

import math

import numpy as np

from lkas.car.camera import CameraSource
from lkas.car.car import Car, Measurement
from lkas.car.command import CarCommand, SteeringMap, SteeringWiring
from lkas.car.serial_port import SerialPort
from lkas.car.vesc_frames import FrameSplitter, MotorValues, get_values, motor_values, set_brake, set_current, set_servo
from lkas.vehicle import CameraConfig, VehicleConfig

VALUES_LIMIT_S = 0.5


class VescCar(Car):
    """`port` such as /dev/ttyACM0. The car's speed is `erpm * mps_per_erpm`. Raises OSError, ValueError.

    `servo_centre` and `servo_range` are the position at which the wheels stand straight and the way to the largest
    angle, of the servo's 0 to 1; currents are those of full throttle and full brake, in ampere.
    """

    def __init__(
        self,
        port: str,
        *,
        camera: CameraSource,
        mps_per_erpm: float,
        full_throttle_a: float = 20.0,
        full_brake_a: float = 20.0,
        servo_centre: float = 0.5,
        servo_range: float = 0.35,
        wiring: SteeringWiring | None = None,
        vehicle: VehicleConfig | None = None,
        camera_config: CameraConfig | None = None,
    ) -> None:
        wiring, vehicle = wiring or SteeringWiring(), vehicle or VehicleConfig()
        self.name = f"VESC {port}"
        self.width_px, self.height_px = camera.width_px, camera.height_px
        self.max_steer_rad = math.radians(vehicle.max_steer_deg)
        self.camera = None if camera_config is None else camera_config.geometry(self.width_px, self.height_px)
        self._wheelbase_m = vehicle.wheelbase_m
        self._steering = SteeringMap(
            max_steer_rad=self.max_steer_rad,
            wheelbase_m=vehicle.wheelbase_m,
            kind="servo",
            sign=wiring.sign,
            offset=wiring.centre,
            centre=servo_centre,
            range=servo_range,
        )
        self._mps_per_erpm = mps_per_erpm
        self._full_throttle_a, self._full_brake_a = full_throttle_a, full_brake_a
        self._camera, self._port, self._splitter = camera, SerialPort(port), FrameSplitter()
        self._values: tuple[MotorValues, int] | None = None
        super().__init__()

    def image(self) -> tuple[np.ndarray, int] | None:
        return self._camera.take()

    def actuate(self, command: CarCommand) -> None:
        position = min(1.0, max(0.0, self._steering.value(command.steer_rad)))
        is_braking = command.brake > 0
        motor = (
            set_brake(command.brake * self._full_brake_a)
            if is_braking
            else set_current(command.throttle * self._full_throttle_a)
        )
        self._port.write(set_servo(position) + motor)

    def neutral(self) -> None:
        self._port.write(set_current(0.0))

    def measure(self) -> Measurement:
        now_ns = self.clock.now_ns()
        for payload in self._splitter.feed(self._port.read()):
            values = motor_values(payload)
            if values is not None:
                self._values = values, now_ns
        self._port.write(get_values())
        if self._values is None or now_ns - self._values[1] > VALUES_LIMIT_S * 1e9:
            return Measurement()
        return Measurement(speed_mps=max(0.0, self._values[0].erpm * self._mps_per_erpm))

    def release(self) -> None:
        self._port.close()
        self._camera.close()
