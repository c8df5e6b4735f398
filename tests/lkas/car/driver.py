"""Drives a serial car until it is killed, or fails in the way that its standard input names."""

import select
import sys
import time

import numpy as np

from lkas.car import SerialCar
from lkas.integration.shared_memory.messages import ControlMessage


class BlankCamera:
    width_px, height_px = 64, 48

    def take(self) -> tuple[np.ndarray, int] | None:
        return np.zeros((48, 64, 3), np.uint8), time.monotonic_ns()

    def close(self) -> None:
        pass


def main() -> None:
    car = SerialCar(sys.argv[1], camera=BlankCamera())
    control, failure, is_told = None, "", False
    while True:
        if failure != "expire":
            now_ns = time.monotonic_ns()
            control = ControlMessage(
                steering=0.2, throttle=0.3, brake=0.0, publish_ns=now_ns, valid_until=now_ns / 1e9 + 0.2
            )
        if failure == "hang" and not is_told:
            print(time.monotonic_ns(), flush=True)
            time.sleep(2.0)
        if failure == "pull" and not is_told:
            print(time.monotonic_ns(), flush=True)
            car._port.close()
        car.tick(control)
        if failure == "expire" and not is_told:
            print(time.monotonic_ns(), flush=True)
        is_told = bool(failure)
        if not failure and select.select([sys.stdin], [], [], 0.0)[0]:
            failure = sys.stdin.readline().strip()
            if failure == "end":
                car.close()
                return
        time.sleep(0.01)


if __name__ == "__main__":
    main()
