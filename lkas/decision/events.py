"""Events that decision reports: changes of mode, warnings, controller failures."""

from typing import Literal

from msgspec import Struct

Level = Literal["info", "warning", "error"]


class DecisionEvent(Struct, frozen=True, kw_only=True):
    """One event: a name, a level (info, warning, error) and one sentence."""

    name: str
    level: Level
    text: str
