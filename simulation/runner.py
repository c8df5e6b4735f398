"""Runs a world between its channels in real time: newest control in, vehicle state and frame out."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lkas.clock import Clock, RateKeeper
from lkas.health import LatencyTable, RateMeter
from lkas.integration.shared_memory.errors import SHMBufferFullError
from lkas.integration.shared_memory.messages import ControlMessage, VehicleState
from lkas.integration.shared_memory.stamps import is_unstamped, stamped_control
from simulation.refusals import Refusals, refusal_of, sentence
from simulation.score import DriveScore
from simulation.world import Tick, World, WorldError, WorldFrame, WorldUnavailable

if TYPE_CHECKING:
    from lkas.integration.shared_memory.channels import ControlChannel, ImageChannel, VehicleChannel
    from lkas.integration.zmq.messages import Level

CYCLE_S = 0.0125  # approximate period in which controls and actions are read, also when the world ticks more slowly
KEEP_ALIVE_S = 0.1  # period of the vehicle state of a paused world
RATE_WINDOW_S = 1.0
RETRY_S = 1.0  # period of the retries while the world is unavailable
ACTIONS = ("pause", "resume", "respawn")

EventSink = Callable[[str, "Level", str], None]  # name, level, text


class ActionError(Exception):
    """The action is unknown, or this world cannot execute it; the text says which and why."""


class Runner:
    """Reads controls, ticks the world, writes vehicle states and frames, and keeps the score."""

    def __init__(
        self,
        world: World,
        *,
        images: "ImageChannel",
        vehicle: "VehicleChannel",
        controls: "ControlChannel",
        clock: Clock,
        on_event: EventSink,
    ) -> None:
        self.world = world
        self.score = DriveScore()
        self.frame_rate = RateMeter()
        self.latency = LatencyTable()
        self.paused = False
        self.dropped_frames = 0  # frames that were due while no slot was free
        self.tick: Tick | None = None  # the newest
        self.control: ControlMessage | None = None  # the newest of this session
        self._images = images
        self._vehicle = vehicle
        self._controls = controls
        self._clock = clock
        self._on_event = on_event
        self._cycles_per_tick = max(1, round(world.tick_s / CYCLE_S))
        self._cycles_to_tick = 0
        self._rate = _WorldRate()
        self._state_ns = 0
        self._start_s = 0.0
        self._is_unavailable = False
        self._retry_ns = 0
        self._refusals = Refusals()

    @property
    def cycle_s(self) -> float:
        """Period of `cycle` in real time."""
        return self.world.tick_s / self._cycles_per_tick

    @property
    def driven_s(self) -> float:
        """World time since the start of the first tick."""
        return 0.0 if self.tick is None else self.tick.state.timestamp - self._start_s

    @property
    def control_in_force(self) -> ControlMessage | None:
        """The newest control, if the world is running and the control is still valid."""
        if self._is_stopped or self.tick is None or self.control is None:
            return None
        return self.control if self.control.valid_until >= self.tick.state.timestamp else None

    @property
    def _is_stopped(self) -> bool:
        return self.paused or self._is_unavailable

    @property
    def status(self) -> str:
        """The state of the world in words, for a status line."""
        if self._is_unavailable:
            return "waiting for the world"
        if self.paused:
            return "paused"
        return "running" if self.control_in_force else "waiting for control"

    def keeper(self) -> RateKeeper:
        """Return the rate keeper that paces `cycle` in real time."""
        return RateKeeper(1 / self.cycle_s, self._clock)

    def cycle(self) -> None:
        """Run one cycle of the paced loop: `step` when a tick is due, a repeated vehicle state while it is stopped."""
        if self.paused or (self._is_unavailable and self._clock.now_ns() < self._retry_ns):
            self._take_control()
            self._keep_alive()
        elif self._cycles_to_tick > 0:
            self._cycles_to_tick -= 1
            self._take_control()
        else:
            self._cycles_to_tick = self._cycles_per_tick - 1
            self.step()

    def step(self) -> None:
        """Run one tick: newest control in, vehicle state out, then the frame if one is due. Raises WorldEnded.

        While the world is unavailable it is handled like a paused one, and the tick is retried later.
        """
        self._take_control()
        try:
            tick = self.world.tick(self.control)
        except WorldUnavailable as unavailable:
            self._wait_for_world(unavailable)
            return
        now_ns = self._clock.now_ns()
        if self._is_unavailable:
            self._is_unavailable = False
            self._rate.restart()
            self._on_event("back", "info", f"back: {self.world.name}")
        if self.tick is None:
            self._start_s = tick.state.timestamp - self.world.tick_s
        self.tick = tick
        self._write_state(tick.state, now_ns, self._rate.update(tick.state.timestamp, now_ns))
        self.score.add_tick(tick, self.control)
        if tick.frame is not None:
            self._publish(tick.frame, tick.state, now_ns)

    def act(self, name: str) -> None:
        """Execute one of ACTIONS. Raises ActionError."""
        match name:
            case "pause":
                if not self.paused:
                    self.paused = True
                    self._state_ns = 0
                    self._keep_alive()
            case "resume":
                if self.paused:
                    self.paused = False
                    self._rate.restart()
            case "respawn":
                try:
                    self.world.respawn()
                except WorldError as error:
                    raise ActionError(str(error)) from error
            case _:
                raise ActionError(f"{name}: no such action of the simulation; known are {', '.join(ACTIONS)}")
        self._on_event(name, "info", f"{name}: {self.world.name}")

    def _take_control(self) -> None:
        control = self._controls.read()
        if control is None:
            return
        now_s = None if self.tick is None else self.tick.state.timestamp
        cause = refusal_of(control, self.world.session, now_s, self.world.tick_s)
        if self._refusals.update(cause, self._clock.now_ns()):
            self._on_event("refused", "warning", sentence(cause or "", self._controls.stats.writer_pid))
        if cause is not None or (now_s is None and is_unstamped(control)):
            return
        if now_s is not None:
            control = stamped_control(control, now_s, self.world.session)
            if control.timestamp > now_s:  # up to a tick ahead counts as now
                control = msgspec.structs.replace(control, timestamp=now_s)
        self.control = control
        self.score.add_control(control)

    def _publish(self, frame: WorldFrame, state: VehicleState, now_ns: int) -> None:
        # Exposed at this tick, or earlier by the difference of the stamps (a live camera).
        capture_ns = now_ns - round((state.timestamp - frame.timestamp) * 1e9)
        try:
            with self._images.loan(
                frame_id=frame.frame_id, timestamp=frame.timestamp, capture_ns=capture_ns, session=self.world.session
            ) as image:
                frame.render_into(image)
        except SHMBufferFullError:
            self.dropped_frames += 1
            return
        published_ns = self._clock.now_ns()
        self.latency.add("render", (published_ns - now_ns) / 1e6)
        self.frame_rate.tick(published_ns)
        self.score.add_frame(self.world.session, frame.frame_id, frame.timestamp)

    def _wait_for_world(self, unavailable: WorldUnavailable) -> None:
        if not self._is_unavailable:
            self._on_event("away", "warning", str(unavailable))
        self._is_unavailable = True
        self._retry_ns = self._clock.now_ns() + round(RETRY_S * 1e9)
        self._keep_alive()

    def _keep_alive(self) -> None:
        now_ns = self._clock.now_ns()
        if self.tick is not None and now_ns - self._state_ns >= KEEP_ALIVE_S * 1e9:
            self._write_state(self.tick.state, now_ns, rate=0.0)

    def _write_state(self, state: VehicleState, now_ns: int, rate: float) -> None:
        self._state_ns = now_ns
        self._vehicle.write(
            msgspec.structs.replace(
                state,
                session=self.world.session,
                capture_ns=now_ns,
                paused=self._is_stopped,
                rate=rate,
                tick_s=self.world.tick_s,
            )
        )


class _WorldRate:
    """Measures world seconds per real second over about the last second; 1 during the first second."""

    def __init__(self) -> None:
        self._rate = 1.0
        self._start: tuple[float, int] | None = None  # world s, monotonic ns

    def update(self, world_s: float, now_ns: int) -> float:
        if self._start is None:
            self._start = (world_s, now_ns)
        start_s, start_ns = self._start
        elapsed_s = (now_ns - start_ns) / 1e9
        if elapsed_s >= RATE_WINDOW_S:
            self._rate = (world_s - start_s) / elapsed_s
            self._start = (world_s, now_ns)
        return self._rate

    def restart(self) -> None:
        self._start = None
