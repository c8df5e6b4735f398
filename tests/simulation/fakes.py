"""Fakes for tests: a scripted world, and channels that record their messages."""

from contextlib import contextmanager

import numpy as np

from lkas.clock import FakeClock
from lkas.integration.shared_memory.errors import SHMBufferFullError
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, VehicleState
from simulation.runner import Runner
from simulation.world import Tick, Truth, WorldEnded, WorldUnavailable

SESSION = 77


class FakeFrame:
    def __init__(self, frame_id, timestamp, clock=None, render_s=0.0):
        self.frame_id, self.timestamp = frame_id, timestamp
        self._clock, self._render_s = clock, render_s

    def render_into(self, image):
        image[:] = self.frame_id % 256
        if self._clock is not None:
            self._clock.advance(self._render_s)


class FakeWorld:
    """Straight road at 20 m/s, a frame every third tick; `tick_cost_s` of real time per tick, `render_s` per frame."""

    def __init__(self, clock=None, *, tick_s=0.01, tick_cost_s=0.0, render_s=0.0, ticks=None):
        self.name, self.session, self.tick_s = "fake", SESSION, tick_s
        self.width_px, self.height_px = 64, 48
        self.controls = []
        self.respawns = 0
        self.closed = False
        self.unavailable: str | None = None  # reason, if it cannot be ticked
        self._clock, self._tick_cost_s, self._render_s, self._ticks = clock, tick_cost_s, render_s, ticks

    def tick(self, control):
        if self.unavailable is not None:
            raise WorldUnavailable(self.unavailable)
        if len(self.controls) == self._ticks:
            raise WorldEnded("fake is over")
        if self._clock is not None:
            self._clock.advance(self._tick_cost_s)
        self.controls.append(control)
        count = len(self.controls)
        now_s = count * self.tick_s
        frame = FakeFrame(count // 3, now_s, self._clock, self._render_s) if count % 3 == 0 else None
        state = VehicleState(session=self.session, timestamp=now_s, speed_mps=20.0, tick_s=self.tick_s)
        return Tick(state=state, truth=truth(now_s), frame=frame)

    def respawn(self):
        self.respawns += 1

    def close(self):
        self.closed = True


class FakeImages:
    def __init__(self, world):
        self.frames = []
        self._shape = (world.height_px, world.width_px, 3)
        self.is_full = False

    @contextmanager
    def loan(self, **stamps):
        if self.is_full:
            raise SHMBufferFullError("no free slot")
        image = np.zeros(self._shape, np.uint8)
        yield image
        self.frames.append((stamps, image))


class FakeVehicle:
    def __init__(self, clock):
        self.states = []
        self.written_ns = []
        self._clock = clock

    def write(self, state):
        self.states.append(state)
        self.written_ns.append(self._clock.now_ns())
        return True


class FakeControls:
    """Keeps the newest control until it is read, like the channel."""

    def __init__(self):
        self.newest = None

    def write(self, message):
        self.newest = message

    def read(self):
        message, self.newest = self.newest, None
        return message


class Bench:
    """A runner with a fake clock, a fake world and fake channels."""

    def __init__(self, world=None, **changes):
        self.clock = FakeClock(1_000_000_000)
        self.world = FakeWorld(self.clock, **changes) if world is None else world
        self.images, self.vehicle, self.controls = FakeImages(self.world), FakeVehicle(self.clock), FakeControls()
        self.events = []
        self.runner = Runner(
            self.world,
            images=self.images,
            vehicle=self.vehicle,
            controls=self.controls,
            clock=self.clock,
            on_event=lambda name, level, text: self.events.append(name),
        )
        self.keeper = self.runner.keeper()

    def run(self, seconds):
        end_ns = self.clock.now_ns() + round(seconds * 1e9)
        while self.clock.now_ns() < end_ns:
            self.runner.cycle()
            self.keeper.wait()


def truth(timestamp, *, distance_m=None, offset_m=0.0, curvature_radpm=0.0, margin_m=0.8):
    return Truth(
        timestamp=timestamp,
        distance_m=20.0 * timestamp if distance_m is None else distance_m,
        offset_m=offset_m,
        heading_error_rad=0.0,
        curvature_radpm=curvature_radpm,
        lane_width_m=3.5,
        margin_left_m=margin_m,
        margin_right_m=margin_m,
        speed_mps=20.0,
        lateral_acceleration_mps2=0.0,
    )


def control(steering=0.0, *, session=SESSION, frame_id=0, valid_until=1e9, mode=ControlMode.LANE_KEEPING):
    return ControlMessage(
        steering=steering,
        throttle=0.2,
        brake=0.0,
        mode=mode,
        session=session,
        frame_id=frame_id,
        valid_until=valid_until,
    )
