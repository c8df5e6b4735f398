"""Cars with a camera and actuators as worlds of `simulation`: a base class, and cars on a serial line, a VESC or CAN.

simulation --broadcast --backend my_car.py:MyCar        # beside `lkas` and `viewer`, as any other world
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lkas.car.camera import CameraSource, OpenCvCamera
    from lkas.car.can_car import CanCar, CommandSignals, StateSignals
    from lkas.car.car import Car, Measurement
    from lkas.car.command import CarCommand, SteeringMap, SteeringWiring
    from lkas.car.serial_car import SerialCar
    from lkas.car.vesc_car import VescCar

__all__ = [
    "CameraSource",
    "CanCar",
    "Car",
    "CarCommand",
    "CommandSignals",
    "Measurement",
    "OpenCvCamera",
    "SerialCar",
    "StateSignals",
    "SteeringMap",
    "SteeringWiring",
    "VescCar",
]

_MODULES = {
    "CameraSource": "camera",
    "CanCar": "can_car",
    "Car": "car",
    "CarCommand": "command",
    "SteeringWiring": "command",
    "CommandSignals": "can_car",
    "Measurement": "car",
    "OpenCvCamera": "camera",
    "SerialCar": "serial_car",
    "StateSignals": "can_car",
    "SteeringMap": "command",
    "VescCar": "vesc_car",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
