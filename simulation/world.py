"""What a world is: fixed ticks, frames when they are due, and truth where it is known."""

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from lkas.integration.shared_memory.messages import ControlMessage, VehicleState

if TYPE_CHECKING:  # the command line names worlds without loading numpy
    import numpy as np


class Frame(Protocol):
    """A frame that was exposed at this tick and can be drawn straight into shared memory."""

    frame_id: int
    timestamp: float  # s, world time of the exposure

    def render_into(self, image: "np.ndarray") -> None:
        """Fill an (H, W, 3) uint8 RGB array. Valid until the next tick."""
        ...


class Truth(Struct, frozen=True, kw_only=True):
    """What the world knows of the car and its lane; left positive. Never derived from a detector."""

    timestamp: float
    distance_m: float  # driven since the start
    offset_m: float  # ego origin left of the lane centre
    heading_error_rad: float  # car against the lane's tangent
    curvature_radpm: float  # of the lane centre here
    lane_width_m: float
    margin_left_m: float  # from the left tyres' outer edge to the line's inner edge; negative: beyond it
    margin_right_m: float
    speed_mps: float
    lateral_acceleration_mps2: float


class Tick(Struct, frozen=True, kw_only=True):
    """What one tick brought."""

    state: VehicleState
    truth: Truth | None = None
    frame: Frame | None = None


class World(Protocol):
    """One world. `tick` advances it by `tick_s`; it never sleeps and never reads a clock."""

    name: str
    session: int  # random, new with every world object
    tick_s: float
    width_px: int
    height_px: int

    def tick(self, control: ControlMessage | None) -> Tick:
        """Apply the newest control (None: there never was one) and advance. Raises WorldEnded, WorldAway."""
        ...

    def respawn(self) -> None:
        """Put the car back to where it started, standing or rolling as it did then."""
        ...

    def close(self) -> None:
        """Release everything; called once, on every way out."""
        ...


class WorldError(Exception):
    """A world that can not be built or run; the text names the thing and what to do."""


class WorldUnreachable(WorldError):
    """Nobody answers where the world should be; the text says where and what to do."""


class WorldAway(WorldError):
    """The world can not go on now, but may again: its server is gone or does not answer. Tick again later."""


class WorldEnded(Exception):
    """The film is over: nothing is wrong, there is just nothing more."""
