"""The section `viewer`. Where the broker is stands in section `zmq`, which all programs share."""

from typing import Annotated

from lkas.parameters import Section, declare


class ViewerConfig(Section, frozen=True, kw_only=True):
    """Where the page is served, and to how many."""

    host: Annotated[str, declare("Address the page is served on; loopback only")] = "127.0.0.1"
    port: Annotated[int, declare("Port the page is served on; 0 takes a free one", minimum=0, maximum=65535)] = 8080
    max_clients: Annotated[
        int, declare("Pages and streams served at the same time; one more is told so", minimum=1, maximum=1000)
    ] = 64
