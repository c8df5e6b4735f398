"""Processes of test_damage.py: one writes a channel until SIGTERM, one reads it until its stdin closes.

damage_roles.py write|read KIND INSTANCE
"""

import select
import signal
import sys
import time

import numpy as np

from lkas.integration import shared_memory
from lkas.integration.shared_memory import SHMError
from lkas.integration.shared_memory.messages import TimelineMessage, TracksMessage, VehicleState

READ_TIMEOUT_S = 0.05
LATE_S = 1.0  # beyond the timeout; a read that hangs takes for ever, a busy machine some tenths


def write(kind: str, instance: str) -> int:
    is_stopping = False

    def stop(*_: object) -> None:
        nonlocal is_stopping
        is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    size = {"width": 64, "height": 48} if kind == "ImageChannel" else {}
    channel = getattr(shared_memory, kind)(create=True, instance=instance, **size)
    image = np.zeros((48, 64, 3), np.uint8)
    writes = {
        "ImageChannel": lambda: channel.write(image, frame_id=1),
        "ControlChannel": lambda: channel.write(steering=0.0, throttle=0.0, brake=0.0),
        "DetectionChannel": lambda: channel.write(None, None),
        "VehicleChannel": lambda: channel.write(VehicleState(speed_mps=1.0)),
        "TracksChannel": lambda: channel.write_message(TracksMessage()),
        "TimelineChannel": lambda: channel.write_message(TimelineMessage()),
    }
    writes[kind]()
    print("ready", flush=True)
    while not is_stopping:
        writes[kind]()
        time.sleep(0.0005)
    channel.close()
    channel.unlink()
    return 0


def read(kind: str, instance: str) -> int:
    channel = getattr(shared_memory, kind)(instance=instance)
    count = late = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        began_s = time.monotonic()
        try:
            count += channel.read(timeout=READ_TIMEOUT_S) is not None
            if kind == "ImageChannel":
                with channel.view() as message:
                    count += message is not None and int(message.image[0, 0, 0]) >= 0
        except (SHMError, ValueError):
            time.sleep(0.001)
        late += time.monotonic() - began_s > READ_TIMEOUT_S + LATE_S
    print(count, late)
    return 0


if __name__ == "__main__":
    raise SystemExit({"write": write, "read": read}[sys.argv[1]](*sys.argv[2:]))
