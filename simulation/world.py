"""The interface of a world: fixed ticks, frames when they are due, and truth where it is known."""

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState

if TYPE_CHECKING:  # the command line imports this module and loads no numpy
    import numpy as np


class WorldFrame(Protocol):
    """A frame exposed at this tick; it is rendered straight into shared memory."""

    frame_id: int
    timestamp: float  # s, world time of the exposure

    def render_into(self, image: "np.ndarray") -> None:
        """Fill a C-contiguous (H, W, 3) uint8 RGB array. May be called until the next tick."""
        ...


class Truth(Struct, frozen=True, kw_only=True):
    """The true state of the car in its lane; left positive. Never derived from a detector."""

    timestamp: float
    distance_m: float  # travelled since the start
    offset_m: float  # ego origin relative to the lane centre
    heading_error_rad: float  # heading relative to the lane's tangent
    curvature_radpm: float  # of the lane centre at the ego origin
    lane_width_m: float
    margin_left_m: float  # from the left tyres' outer edge to the line's inner edge; negative beyond the line
    margin_right_m: float
    speed_mps: float
    lateral_acceleration_mps2: float


class Tick(Struct, frozen=True, kw_only=True):
    """The result of one tick."""

    state: VehicleState
    truth: Truth | None = None  # None: this world has no truth
    frame: WorldFrame | None = None  # None: no frame is due


class World(Protocol):
    """One world. `tick` advances it by `tick_s`; it never sleeps and never reads a clock."""

    name: str
    session: int  # random, new for each world object
    tick_s: float
    width_px: int
    height_px: int

    def tick(self, control: ControlMessage | None) -> Tick:
        """Apply the newest control (None: no control yet) and advance. Raises WorldEnded, WorldUnavailable."""
        ...

    def respawn(self) -> None:
        """Put the car back to its start, with its start speed. World time and frame ids go on. Raises WorldError."""
        ...

    def close(self) -> None:
        """Release all resources. A second call does nothing."""
        ...


class WorldError(Exception):
    """A world cannot be built or run; the text names the cause and what to do."""


class WorldUnreachable(WorldError):
    """No server answers where the world should be; the text says where and what to do."""


class WorldUnavailable(WorldError):
    """The world cannot advance now, but may later: its server is gone or does not answer. Tick again later."""


class WorldEnded(Exception):
    """The end of the video or of the route; not an error."""
