"""A world or car plugin: created from its name, its ticks checked, its failures named with their place in its file.

A plugin is a class or function FILE.py:NAME whose object has `width_px`, `height_px`, `tick_s` and
`tick(control) -> Tick`. `respawn()`, `close()`, `name`, `session`, `camera` (CameraGeometry), `vehicle` (VehicleFacts)
and `max_steer_rad` are optional; the last three take precedence over the configuration. A tick's frame may be an
(H, W, 3) uint8 RGB array: it is then stamped with the time of the state.
"""

import math
import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import structs

from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, VehicleFacts, VehicleState
from lkas.plugins.guard import PluginError, failure_of
from lkas.plugins.load import load
from lkas.plugins.names import short_name
from simulation.world import Tick, WorldEnded, WorldError

MIN_TICK_S, MAX_TICK_S = 1e-3, 1.0
MIN_SIZE_PX, MAX_SIZE_PX = 16, 8192


class ArrayFrame:
    """A frame that the plugin gave as an array."""

    def __init__(self, frame_id: int, timestamp: float, image: np.ndarray) -> None:
        self.frame_id = frame_id
        self.timestamp = timestamp
        self._image = image

    def render_into(self, image: np.ndarray) -> None:
        np.copyto(image, self._image)


class PluginWorld:
    """World FILE.py:NAME, called with the options as keywords. Raises WorldError, here and from `tick`."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._plugin = name
        try:
            factory = load(name)
        except PluginError as error:
            raise WorldError(str(error)) from error
        self._world = self._call("called with " + (", ".join(options) or "no options"), factory, **options)
        self.name = str(getattr(self._world, "name", short_name(name)))
        self.tick_s = self._number("tick_s", MIN_TICK_S, MAX_TICK_S)
        self.width_px = int(self._number("width_px", MIN_SIZE_PX, MAX_SIZE_PX))
        self.height_px = int(self._number("height_px", MIN_SIZE_PX, MAX_SIZE_PX))
        if not callable(getattr(self._world, "tick", None)):
            raise WorldError(f"{short_name(name)}: has no tick(control); see simulation.world.World")
        session = getattr(self._world, "session", None)
        self.session: int = session if isinstance(session, int) and session > 0 else secrets.randbits(52) + 1
        self._facts = {
            "camera": self._fact("camera", CameraGeometry),
            "vehicle": self._fact("vehicle", VehicleFacts),
            "max_steer_rad": self._fact("max_steer_rad", float),
        }
        self._frame_id = 0
        self._time_s: float | None = None
        self._is_closed = False

    def tick(self, control: ControlMessage | None) -> Tick:
        """Advance the plugin and check its tick. Raises WorldEnded when it does."""
        tick = self._call("tick", self._world.tick, control)
        state = getattr(tick, "state", None)
        if not isinstance(state, VehicleState):
            raise self._wrong("tick().state", "a VehicleState", state)
        if not math.isfinite(state.timestamp) or (self._time_s is not None and state.timestamp < self._time_s):
            raise self._wrong("tick().state.timestamp", f"s, finite and from {self._time_s or 0:g} on", state.timestamp)
        self._time_s = state.timestamp
        return Tick(
            state=self._completed(state),
            truth=getattr(tick, "truth", None),
            frame=self._frame(getattr(tick, "frame", None), state.timestamp),
        )

    def respawn(self) -> None:
        """Put the car back to its start, where the plugin can."""
        respawn = getattr(self._world, "respawn", None)
        if not callable(respawn):
            raise WorldError(f"{self.name}: cannot respawn: it defines no respawn()")
        self._call("respawn", respawn)

    def close(self) -> None:
        """Release the plugin; a second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        close = getattr(self._world, "close", None)
        if callable(close):
            self._call("close", close)

    def _call(self, action: str, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (WorldEnded, WorldError):
            raise
        except Exception as error:
            raise WorldError(str(failure_of(self._plugin, error, action))) from error

    def _completed(self, state: VehicleState) -> VehicleState:
        """Add what the world knows of its camera and its car."""
        facts = {name: value for name, value in self._facts.items() if getattr(state, name) is None}
        return structs.replace(state, tick_s=self.tick_s, **facts)

    def _fact(self, name: str, kind: type) -> Any:
        """Return an optional attribute of the plugin. Raises WorldError when it is of another type."""
        value = getattr(self._world, name, None)
        if value is None or isinstance(value, kind):
            return value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        raise self._wrong(name, f"a {kind.__name__}", value)

    def _frame(self, frame: Any, timestamp: float) -> Any:
        if frame is None:
            return None
        if not isinstance(frame, np.ndarray):
            if not callable(getattr(frame, "render_into", None)):
                raise self._wrong("tick().frame", "an array, or an object with render_into(image)", frame)
            return frame
        shape = (self.height_px, self.width_px, 3)
        if frame.shape != shape or frame.dtype != np.uint8:
            raise self._wrong("tick().frame", f"a uint8 array of shape {shape}", f"{frame.dtype} {frame.shape}")
        self._frame_id += 1
        return ArrayFrame(self._frame_id, timestamp, frame)

    def _number(self, name: str, minimum: float, maximum: float) -> float:
        value = getattr(self._world, name, None)
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self._wrong(name, f"a number from {minimum:g} to {maximum:g}", value)
        return float(value)

    def _wrong(self, what: str, expected: str, found: Any) -> WorldError:
        return WorldError(f"{short_name(self._plugin)}: {what}: expected {expected}, found {found!r:.80}")
