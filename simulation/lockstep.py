"""Lock-step: runs a world and one decision function in one process, without channels and clocks."""

from collections import deque
from collections.abc import Callable

import numpy as np

from lkas.integration.shared_memory.messages import ControlMessage, ImageMessage, VehicleState
from simulation.world import Tick, World, WorldEnded

Decide = Callable[[float, ImageMessage | None, VehicleState], ControlMessage | None]


def lockstep(
    world: World,
    decide: Decide,
    duration_s: float,
    on_tick: Callable[[Tick, ControlMessage | None], None] | None = None,
    *,
    latency_s: float = 0.0,
    render: bool = True,
    is_over: Callable[[], bool] | None = None,
) -> None:
    """Drive for `duration_s` of world time, until WorldEnded or until `is_over` returns True, as fast as possible.

    After each tick `decide(now_s, frame, state)` may return a control; `frame` is None at ticks without an exposure.
    The control is applied from the first tick that starts `latency_s` of world time or more after the decision.
    `on_tick(tick, control)` receives each tick and the control that was applied to it. `render=False` passes no
    frames, for drivers that need none. Monotonic stamps are world time in nanoseconds.
    """
    pending: deque[tuple[float, ControlMessage]] = deque()
    control: ControlMessage | None = None
    for _ in range(round(duration_s / world.tick_s)):
        try:
            tick = world.tick(control)
        except WorldEnded:
            return
        if on_tick is not None:
            on_tick(tick, control)
        if is_over is not None and is_over():
            return
        now_s = tick.state.timestamp
        decided = decide(now_s, _rendered(world, tick) if render else None, tick.state)
        if decided is not None:
            pending.append((now_s + latency_s, decided))
        while pending and pending[0][0] <= now_s + 1e-9:
            control = pending.popleft()[1]


def _rendered(world: World, tick: Tick) -> ImageMessage | None:
    frame = tick.frame
    if frame is None:
        return None
    image = np.empty((world.height_px, world.width_px, 3), np.uint8)
    frame.render_into(image)
    stamp_ns = round(frame.timestamp * 1e9)
    return ImageMessage(
        image=image,
        session=world.session,
        frame_id=frame.frame_id,
        timestamp=frame.timestamp,
        capture_ns=stamp_ns,
        publish_ns=stamp_ns,
    )
