"""The roles of the other process in the tests of the channels."""

import itertools
import os
import time

from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, SHMWriterExistsError
from lkas.integration.shared_memory.messages import LaneMessage
from tests.support.peer import print_line, wait_for_release

WIDTH, HEIGHT = 320, 200


def write_one_control(frame_id: int, *, unlink: bool = False) -> None:
    channel = ControlChannel(create=True)
    channel.write(steering=0.5, throttle=0.0, brake=0.0, frame_id=frame_id)
    print_line("written")
    wait_for_release()
    channel.close()
    if unlink:
        channel.unlink()


def write_and_fork() -> None:
    """Sends the pid of a child that continues to run."""
    channel = ControlChannel(create=True)
    if os.fork() == 0:
        print_line(os.getpid())
    wait_for_release()
    channel.close()


def open_second_writer() -> None:
    try:
        ControlChannel(create=True)
    except SHMWriterExistsError as error:
        print_line(error.pid)


def die_mid_write(width: int = WIDTH, height: int = HEIGHT) -> None:
    """Publishes one frame, then stops in the middle of the second."""
    channel = ImageChannel(create=True, width=width, height=height)
    with channel.loan(frame_id=1) as image:
        image[:] = 1
    with channel.loan(frame_id=2) as image:
        image[: height // 2] = 2
        print_line("half-way")
        wait_for_release()


def hold_views(count: int = 1) -> None:
    channel = ImageChannel(attach_timeout=120.0)
    views = [channel.view(timeout=120.0) for _ in range(count)]
    for view in views:
        view.__enter__()
        print_line("holding")
    wait_for_release()


def read_controls() -> None:
    """Sends the frame_id of each message; starts before its writer."""
    channel = ControlChannel()
    print_line("ready")
    while True:
        message = channel.read(timeout=120.0)
        print_line(None if message is None else message.frame_id)


def wait_for_control() -> None:
    try:
        print_line("waiting")
        ControlChannel().read(timeout=3600.0)
    except KeyboardInterrupt:
        print_line("interrupted")


def flood_images(width: int = WIDTH, height: int = HEIGHT) -> None:
    """Writes frames filled with the lowest byte of their frame_id, at full speed."""
    channel = ImageChannel(create=True, width=width, height=height, slots=4)
    print_line("writing")
    for frame_id in itertools.count(1):
        with channel.loan(frame_id=frame_id, timestamp=float(frame_id)) as image:
            image[:] = frame_id & 0xFF


def flood_detections() -> None:
    """Writes detections whose every value is the frame_id."""
    channel = DetectionChannel(create=True, slots=2)
    print_line("writing")
    for frame_id in itertools.count(1):
        figure = float(frame_id)
        lane = LaneMessage(figure, figure, figure, figure, figure)
        channel.write(lane, lane, frame_id=frame_id, timestamp=figure, capture_ns=frame_id, processing_time_ms=figure)


def write_controls_slowly(count: int) -> None:
    channel = ControlChannel(create=True)
    print_line("writing")
    for frame_id in range(1, count + 1):
        time.sleep(0.02)
        channel.write(steering=0.0, throttle=0.0, brake=0.0, frame_id=frame_id)
    wait_for_release()


def race_to_write(slots: int) -> None:
    """Sends its own pid when it is the writer, else the pid of the writer; runs until it is killed."""
    print_line("ready")
    wait_for_release()
    try:
        channel = ControlChannel(create=True, slots=slots)
        channel.write(steering=0.0, throttle=0.0, brake=0.0, frame_id=os.getpid())
        print_line(os.getpid())
    except SHMWriterExistsError as error:
        print_line(f"lost to {error.pid}")
    time.sleep(3600.0)
