"""A car on a CAN bus, by python-can and the user's own DBC file (cantools); extra `car`.

bus = can.Bus(interface="slcan", channel="/dev/ttyACM0", bitrate=500000)
car = CanCar(bus, "my_car.dbc", camera=..., command=CommandSignals(message="DRIVE", steering="SteerAngle", ...))
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from lkas.car.camera import CameraSource
from lkas.car.car import Car, Measurement
from lkas.car.command import CarCommand, Steering, SteeringMap, SteeringWiring
from lkas.vehicle import CameraConfig, VehicleConfig

STATE_LIMIT_S = 0.5
MAX_MESSAGES = 64  # read in one tick, so that a flood cannot hold the loop
SEND_LIMIT_S = 0.005


class CommandSignals(Struct, frozen=True, kw_only=True):
    """The message to the car and its signals. Steering by `kind` as in SteeringMap; throttle and brake as a share."""

    message: str
    steering: str
    throttle: str
    brake: str
    enable: str | None = None  # a signal that is 1 while the car is driven and 0 in neutral
    kind: Steering = "angle"
    centre: float = 0.0  # of `servo`
    range: float = 1.0


class StateSignals(Struct, frozen=True, kw_only=True):
    """The message from the car and its signals, in m/s, rad/s and rad, left positive. None: there is none."""

    message: str
    speed: str
    yaw_rate: str | None = None
    steering: str | None = None


class CanCar(Car):
    """`bus` is a python-can bus. Raises ValueError for a message or signal that the DBC does not define."""

    def __init__(
        self,
        bus: Any,
        database: str | Path,
        *,
        camera: CameraSource,
        command: CommandSignals,
        state: StateSignals | None = None,
        wiring: SteeringWiring | None = None,
        vehicle: VehicleConfig | None = None,
        camera_config: CameraConfig | None = None,
    ) -> None:
        import cantools

        wiring, vehicle = wiring or SteeringWiring(), vehicle or VehicleConfig()
        self.name = f"CAN {Path(database).name}"
        self.width_px, self.height_px = camera.width_px, camera.height_px
        self.max_steer_rad = math.radians(vehicle.max_steer_deg)
        self.camera = None if camera_config is None else camera_config.geometry(self.width_px, self.height_px)
        loaded: Any = cantools.database.load_file(str(database))
        self._signals, self._state_signals = command, state
        self._command_message = _message(
            loaded, database, command.message, [command.steering, command.throttle, command.brake, command.enable]
        )
        self._state_message = (
            None
            if state is None
            else _message(loaded, database, state.message, [state.speed, state.yaw_rate, state.steering])
        )
        self._steering = SteeringMap(
            max_steer_rad=self.max_steer_rad,
            wheelbase_m=vehicle.wheelbase_m,
            kind=command.kind,
            sign=wiring.sign,
            offset=wiring.centre,
            centre=command.centre,
            range=command.range,
        )
        self._bus, self._camera = bus, camera
        self._last_steer_rad = 0.0
        self._measured: tuple[Measurement, int] | None = None
        self.failed_sends = 0
        super().__init__()

    def image(self) -> tuple[np.ndarray, int] | None:
        return self._camera.take()

    def actuate(self, command: CarCommand) -> None:
        self._last_steer_rad = command.steer_rad
        self._send(command.steer_rad, command.throttle, command.brake, enable=1)

    def neutral(self) -> None:
        self._send(self._last_steer_rad, 0.0, 0.0, enable=0)

    def measure(self) -> Measurement:
        now_ns = self.clock.now_ns()
        for _ in range(MAX_MESSAGES):
            received = self._bus.recv(0.0)
            if received is None:
                break
            if self._state_message is not None and received.arbitration_id == self._state_message.frame_id:
                self._measured = self._decoded(received.data), now_ns
        if self._measured is None or now_ns - self._measured[1] > STATE_LIMIT_S * 1e9:
            return Measurement()
        return self._measured[0]

    def release(self) -> None:
        self._bus.shutdown()
        self._camera.close()

    def _send(self, steer_rad: float, throttle: float, brake: float, *, enable: int) -> None:
        import can

        signals = self._signals
        values: dict[str, float] = {signal.name: 0 for signal in self._command_message.signals}
        values |= {
            signals.steering: self._steering.value(steer_rad),
            signals.throttle: throttle,
            signals.brake: brake,
        }
        if signals.enable is not None:
            values[signals.enable] = enable
        data = self._command_message.encode(values, strict=False)
        message = can.Message(
            arbitration_id=self._command_message.frame_id,
            is_extended_id=self._command_message.is_extended_frame,
            data=data,
        )
        try:
            self._bus.send(message, timeout=SEND_LIMIT_S)
        except (can.CanError, OSError):
            self.failed_sends += 1  # the car's own watchdog stops it

    def _decoded(self, data: bytes) -> Measurement:
        assert self._state_signals is not None
        assert self._state_message is not None
        try:
            values = self._state_message.decode(data, decode_choices=False)
        except Exception:  # a shorter message than the DBC says
            return Measurement()
        wanted = {
            "speed_mps": self._state_signals.speed,
            "yaw_rate_radps": self._state_signals.yaw_rate,
            "steer_rad": self._state_signals.steering,
        }
        return Measurement(**{field: float(values[name]) for field, name in wanted.items() if name is not None})


def _message(database: Any, file: str | Path, name: str, signals: list[str | None]) -> Any:
    names = sorted(message.name for message in database.messages)
    if name not in names:
        raise ValueError(f"{file}: message {name}: expected one of {', '.join(names)}")
    message = database.get_message_by_name(name)
    known = [signal.name for signal in message.signals]
    for signal in signals:
        if signal is not None and signal not in known:
            raise ValueError(f"{file}: message {name}: signal {signal}: expected one of {', '.join(known)}")
    return message
