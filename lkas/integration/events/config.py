"""Section `events` of the configuration."""

from typing import Annotated

from lkas.parameters import Section, declare


class EventsConfig(Section, frozen=True, kw_only=True):
    """Read by the broker's process."""

    notify: Annotated[bool, declare("Send what happens (departures, faults) to desktop pages, through events.sock")] = (
        False
    )
