"""Waits sleep, end in time, and let other threads and signals run."""

import signal
import threading
import time

import numpy as np
import pytest

from lkas.integration.shared_memory import ControlChannel, ImageChannel, SHMError, VehicleChannel, wait_any
from lkas.integration.shared_memory.messages import VehicleState

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
PATIENCE_S = 120.0


def in_thread(action):
    """Start `action` in a thread; return a function that waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(action()), daemon=True)
    thread.start()

    def finish():
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        return results[0]

    return finish


def test_a_wait_returns_what_another_process_writes(peer, opened):
    reader = opened(ControlChannel)
    peer("write_controls_slowly", count=5)
    frame_ids = []
    while not frame_ids or frame_ids[-1] < 5:
        frame_ids.append(reader.read(timeout=PATIENCE_S).frame_id)
    assert frame_ids == sorted(set(frame_ids))


@pytest.mark.parametrize("has_writer", [True, False])
def test_a_wait_without_message_uses_no_cpu(opened, has_writer):
    if has_writer:
        opened(ControlChannel, create=True).write(**NEUTRAL)
    reader = opened(ControlChannel)
    reader.read()
    started_s = time.thread_time()
    assert reader.read(timeout=0.5) is None
    assert wait_any([reader, opened(VehicleChannel)], 0.3) == []
    assert time.thread_time() - started_s < 0.2


@pytest.mark.parametrize("timeout", [0, 0.0, -1.0, float("nan")])
def test_a_timeout_of_zero_or_less_is_a_poll(opened, timeout):
    reader = opened(ControlChannel)
    assert reader.read(timeout) is None
    assert wait_any([reader], timeout) == []


def test_timeout_is_the_only_argument(opened):
    reader = opened(ControlChannel)
    for arguments, options in (((1, 2), {}), ((), {"wait": 1}), ((0.1,), {"timeout": 0.1})):
        with pytest.raises(TypeError, match="timeout"):
            reader.read(*arguments, **options)
    with pytest.raises(TypeError):
        reader.read(timeout="soon")


def test_a_view_waits(opened):
    writer, reader = opened(ImageChannel, create=True, width=4, height=4), opened(ImageChannel)

    def seen():
        with reader.view(timeout=PATIENCE_S) as message:
            return int(message.image[0, 0, 0])

    finish = in_thread(seen)
    writer.write(np.full((4, 4, 3), 6, np.uint8))
    assert finish() == 6
    with reader.view(timeout=0.01) as message:
        assert message is None


def test_polling_before_sleeping_works(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel, spin_us=2000.0)
    assert reader.read(timeout=0.01) is None
    finish = in_thread(lambda: reader.read(timeout=PATIENCE_S).frame_id)
    writer.write(**NEUTRAL, frame_id=2)
    assert finish() == 2


def test_wait_any_names_those_with_something_new(opened):
    control, vehicle = opened(ControlChannel, create=True), opened(VehicleChannel, create=True)
    readers = [opened(ControlChannel), opened(VehicleChannel), opened(ImageChannel)]
    assert wait_any(readers, 0.01) == []
    finish = in_thread(lambda: wait_any(readers, PATIENCE_S))
    vehicle.write(VehicleState(speed_mps=1.0))
    assert finish() == [readers[1]]
    control.write(**NEUTRAL)
    assert wait_any(readers, PATIENCE_S) == readers[:2]
    for reader in readers:
        reader.read()
    assert wait_any(readers, 0.0) == []


def test_wait_any_sees_a_writer_appear(opened):
    reader = opened(ControlChannel)
    finish = in_thread(lambda: wait_any([reader], PATIENCE_S))
    opened(ControlChannel, create=True).write(**NEUTRAL)
    assert finish() == [reader]


@pytest.mark.parametrize("channels", [[], [None], ["camera_feed"]])
def test_wait_any_needs_channels(channels):
    with pytest.raises((TypeError, ValueError), match="channel"):
        wait_any(channels, 0.0)


def test_wait_any_needs_readers(opened):
    with pytest.raises(SHMError, match="opened for writing"):
        wait_any([opened(ControlChannel, create=True)], 0.0)


@pytest.mark.parametrize("has_writer", [True, False])
@pytest.mark.parametrize(
    "wait", [lambda reader: reader.read(timeout=3600.0), lambda reader: wait_any([reader], 3600.0)]
)
def test_close_ends_a_wait_in_another_thread(opened, has_writer, wait):
    if has_writer:
        opened(ControlChannel, create=True)
    reader = opened(ControlChannel)
    reader.read()
    has_started = threading.Event()

    def waits():
        has_started.set()
        try:
            return wait(reader)
        except SHMError as error:  # closed before the wait began
            return str(error)

    finish = in_thread(waits)
    has_started.wait(PATIENCE_S)
    reader.close()
    assert finish() in (None, [], f"{reader.path}: this channel is closed")


@pytest.mark.parametrize("has_writer", [True, False])
def test_ctrl_c_ends_a_wait(peer, opened, has_writer):
    if has_writer:
        opened(ControlChannel, create=True)
    process = peer("wait_for_control")
    assert process.line() == "waiting"
    process.signal(signal.SIGINT)
    assert process.line() == "interrupted"
    assert process.wait() == 0


def test_a_signal_handler_runs_within_a_wait(opened):
    opened(ControlChannel, create=True)
    reader = opened(ControlChannel)

    def ring(number, stack):
        raise InterruptedError

    def wait():
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # it fires before the read, if this thread is delayed here
        reader.read(timeout=3600.0)

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(InterruptedError):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
