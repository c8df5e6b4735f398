"""A car on a serial line: a microcontroller that drives servo and motor, with the line protocol of `lines`.

    class MyCar(SerialCar):
        def __init__(self):
            super().__init__("/dev/ttyACM0", camera=OpenCvCamera(0, 640, 480))

The microcontroller's side is examples/car/microcontroller.c.
"""

import math

import numpy as np

from lkas.car.camera import CameraSource
from lkas.car.car import Car, Measurement
from lkas.car.command import CarCommand, SteeringMap, SteeringWiring
from lkas.car.lines import CommandLine, LineSplitter, NeutralLine, StateLine, decode
from lkas.car.serial_port import SerialPort
from lkas.vehicle import CameraConfig, VehicleConfig

STATE_LIMIT_S = 0.5  # an older state line says nothing about now


class SerialCar(Car):
    """`port` such as /dev/ttyACM0. Raises OSError when it is not there, ValueError for a rate that does not exist."""

    def __init__(
        self,
        port: str,
        *,
        camera: CameraSource,
        baud: int = 115200,
        wiring: SteeringWiring | None = None,
        vehicle: VehicleConfig | None = None,
        camera_config: CameraConfig | None = None,
    ) -> None:
        wiring, vehicle = wiring or SteeringWiring(), vehicle or VehicleConfig()
        self.name = f"serial car {port}"
        self.width_px, self.height_px = camera.width_px, camera.height_px
        self.max_steer_rad = math.radians(vehicle.max_steer_deg)
        self.camera = None if camera_config is None else camera_config.geometry(self.width_px, self.height_px)
        self._steering = SteeringMap(
            max_steer_rad=self.max_steer_rad,
            wheelbase_m=vehicle.wheelbase_m,
            sign=wiring.sign,
            offset=wiring.centre,
        )
        self._camera, self._port, self._splitter = camera, SerialPort(port, baud), LineSplitter()
        self._sequence = 0
        self._state: tuple[StateLine, int] | None = None
        self.ignored_lines = 0  # that were damaged
        super().__init__()

    def image(self) -> tuple[np.ndarray, int] | None:
        return self._camera.take()

    def actuate(self, command: CarCommand) -> None:
        self._sequence += 1
        steering = self._steering.share(command.steer_rad)
        line = CommandLine(sequence=self._sequence, steering=steering, throttle=command.throttle, brake=command.brake)
        self._port.write(line.encode())

    def neutral(self) -> None:
        self._sequence += 1
        self._port.write(NeutralLine(sequence=self._sequence).encode())

    def measure(self) -> Measurement:
        for text in self._splitter.feed(self._port.read()):
            line = decode(text)
            if isinstance(line, StateLine):
                self._state = line, self.clock.now_ns()
            else:
                self.ignored_lines += 1
        if self._state is None or self.clock.now_ns() - self._state[1] > STATE_LIMIT_S * 1e9:
            return Measurement()
        line = self._state[0]
        share = None if line.steering is None else self._steering.sign * (line.steering - self._steering.offset)
        return Measurement(
            speed_mps=line.speed_mps,
            yaw_rate_radps=line.yaw_rate_radps,
            steer_rad=None if share is None else -share * self.max_steer_rad,
        )

    def release(self) -> None:
        self._port.close()
        self._camera.close()
