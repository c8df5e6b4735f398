"""A small custom car in thirty lines: a camera that OpenCV opens, a servo and a motor behind two functions.

    simulation --broadcast --backend examples/own_car.py:MyCar --world-option camera_index=0
    lkas --broadcast --config my_car.yaml       # camera, vehicle and lane of this car
    viewer

Replace `set_servo` and `set_motor` by those of your board. A car on a serial line, with a VESC or on CAN is ready-made:
lkas.car.SerialCar, VescCar, CanCar. This process cannot stop the car after its own death: give the board a watchdog.
"""

import math

from lkas.car import Car, CarCommand, OpenCvCamera


def set_servo(share: float) -> None:
    """Steer: -1 is full left, 1 full right. Here would stand your PWM driver's call."""


def set_motor(share: float) -> None:
    """Drive: 0 is off, 1 full throttle, below 0 brakes."""


class MyCar(Car):
    max_steer_rad = math.radians(25.0)  # road-wheel angle at full servo travel

    def __init__(self, camera_index: int = 0) -> None:
        self.name = "my car"
        self._camera = OpenCvCamera(camera_index, 640, 480)
        self.width_px, self.height_px = self._camera.width_px, self._camera.height_px
        super().__init__()

    def image(self):
        return self._camera.take()

    def actuate(self, command: CarCommand) -> None:
        set_servo(command.steering)
        set_motor(command.throttle - command.brake)

    def neutral(self) -> None:
        set_motor(0.0)

    def release(self) -> None:
        self._camera.close()
