"""Injected faults, switched on and off while the server runs."""

from dataclasses import dataclass, fields
from typing import Any

from tests.support.carla_server.layouts import VERSION
from tests.support.carla_server.rpc import CallError


@dataclass
class Faults:
    """Each field is one fault; its default is off."""

    version: str = VERSION  # reported version of the server
    tick_delay_s: float = 0.0  # delay of the world packet of a tick
    is_mute: bool = False  # calls are answered, but no tick ends
    no_images: bool = False  # the camera sends no images
    image_width_px: int = 0  # width of the images instead of the requested one
    refuse: str = ""  # this method fails

    def set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if name not in [field.name for field in fields(self)]:
                raise CallError(f"no fault {name}")
            setattr(self, name, value)
