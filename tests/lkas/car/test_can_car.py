"""A car on a CAN bus with a DBC of its own; the bus is python-can's virtual one."""

import time

import can
import cantools
import pytest

from lkas.car import CanCar, CommandSignals, StateSignals
from lkas.integration.shared_memory.messages import ControlMessage
from tests.lkas.car.driver import BlankCamera

DBC = """\
VERSION ""
NS_ :
BS_:
BU_: PC CAR
BO_ 256 DRIVE: 8 PC
 SG_ Angle : 0|16@1- (0.0001,0) [-1|1] "rad" CAR
 SG_ Throttle : 16|8@1+ (0.01,0) [0|1] "" CAR
 SG_ Brake : 24|8@1+ (0.01,0) [0|1] "" CAR
 SG_ Enable : 32|1@1+ (1,0) [0|1] "" CAR
BO_ 512 STATE: 8 CAR
 SG_ Speed : 0|16@1+ (0.001,0) [0|60] "m/s" PC
 SG_ YawRate : 16|16@1- (0.0001,0) [-3|3] "rad/s" PC
"""
COMMAND = CommandSignals(message="DRIVE", steering="Angle", throttle="Throttle", brake="Brake", enable="Enable")
STATE = StateSignals(message="STATE", speed="Speed", yaw_rate="YawRate")


@pytest.fixture
def dbc(tmp_path):
    file = tmp_path / "car.dbc"
    file.write_text(DBC)
    return file


@pytest.fixture
def bus(request):
    bus = can.Bus(interface="virtual", channel=request.node.name)
    yield bus
    bus.shutdown()


def test_commands_and_states_go_over_the_bus(dbc, bus, request):
    database = cantools.database.load_file(str(dbc))
    car = CanCar(
        can.Bus(interface="virtual", channel=request.node.name),
        dbc,
        camera=BlankCamera(),
        command=COMMAND,
        state=STATE,
    )
    try:
        data = database.encode_message("STATE", {"Speed": 1.5, "YawRate": -0.25})
        bus.send(can.Message(arbitration_id=512, is_extended_id=False, data=data))
        now_s = time.monotonic()
        state = car.tick(ControlMessage(steering=0.5, throttle=0.3, brake=0.0, valid_until=now_s + 1.0)).state
        assert (state.speed_mps, state.yaw_rate_radps) == (pytest.approx(1.5), pytest.approx(-0.25))
        sent = database.decode_message("DRIVE", bus.recv(5.0).data)
        assert sent["Angle"] == pytest.approx(-0.5 * car.max_steer_rad, abs=1e-4)
        assert (sent["Throttle"], sent["Enable"]) == (pytest.approx(0.3), 1)
        car.tick(None)
        neutral = database.decode_message("DRIVE", bus.recv(5.0).data)
        assert (neutral["Throttle"], neutral["Enable"]) == (0, 0)
        assert neutral["Angle"] == sent["Angle"], "the steering stays as it is"
    finally:
        car.close()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"message": "DRIVEN"}, "message DRIVEN: expected one of DRIVE, STATE"),
        ({"steering": "Angel"}, "signal Angel: expected one of Angle, Throttle, Brake, Enable"),
    ],
)
def test_what_the_dbc_does_not_define_is_refused_with_what_it_does(dbc, bus, change, text):
    wanted = {"message": "DRIVE", "steering": "Angle", "throttle": "Throttle", "brake": "Brake"} | change
    with pytest.raises(ValueError, match=text):
        CanCar(bus, dbc, camera=BlankCamera(), command=CommandSignals(**wanted))
