"""Messages whose writer gave no stamps."""

import pytest

from lkas.integration.shared_memory import ControlChannel, DetectionChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.integration.shared_memory.stamps import VehicleStamps, is_unstamped, stamped, stamped_control


def test_a_write_without_stamps_is_recognised(opened):
    writer, reader = opened(DetectionChannel, create=True), opened(DetectionChannel)
    reader.latest()
    writer.write(None, None, frame_id=7)
    message = reader.read(timeout=5)
    assert is_unstamped(message)
    read = stamped(message, 12.5, 99)
    assert (read.timestamp, read.session, read.frame_id) == (12.5, 99, 7)


@pytest.mark.parametrize("stamps", [{"timestamp": 3.0}, {"session": 5}, {"timestamp": 3.0, "session": 5}])
def test_a_write_with_stamps_keeps_them(opened, stamps):
    writer, reader = opened(DetectionChannel, create=True), opened(DetectionChannel)
    reader.latest()
    writer.write(None, None, **stamps)
    message = reader.read(timeout=5)
    assert not is_unstamped(message)
    assert stamped(message, 12.5, 99).timestamp == message.timestamp
    assert stamped(message, 12.5, 99).session == stamps.get("session", 99)


def test_an_unstamped_command_is_valid_from_its_reading_on(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    reader.latest()
    writer.write(steering=0.1, throttle=0.2, brake=0.0)
    read = stamped_control(reader.read(timeout=5), 40.0, 3)
    assert (read.timestamp, read.session) == (40.0, 3)
    assert read.valid_until == pytest.approx(40.2)


def test_a_stamped_command_keeps_its_validity():
    control = ControlMessage(
        steering=0.0, throttle=0.0, brake=0.0, session=3, timestamp=1.0, capture_ns=7, valid_until=1.1
    )
    assert stamped_control(control, 40.0, 3) == control


def test_states_without_stamps_live_in_monotonic_time(opened):
    writer, reader = opened(VehicleChannel, create=True), opened(VehicleChannel)
    stamps, reader_stamps = VehicleStamps(), []
    reader.latest()
    for speed_mps in (1.0, 2.0, 3.0):
        writer.write(VehicleState(speed_mps=speed_mps))
        reader_stamps.append(stamps.complete(reader.read(timeout=5)))
    assert reader_stamps[0].timestamp == 0.0  # a simulated clock may begin so
    assert reader_stamps[1].timestamp == reader_stamps[1].publish_ns / 1e9
    assert reader_stamps[2].timestamp > reader_stamps[1].timestamp


def test_a_simulated_clock_that_starts_at_zero_is_believed():
    stamps = VehicleStamps()
    times = [stamps.complete(VehicleState(timestamp=0.1 * n, sequence=n)).timestamp for n in range(4)]
    assert times == [0.1 * n for n in range(4)]
