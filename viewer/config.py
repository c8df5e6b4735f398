"""The configuration section `viewer`. The section `zmq`, shared by all programs, holds the address of the broker."""

from typing import Annotated

from lkas.parameters import Section, declare


class ViewerConfig(Section, frozen=True, kw_only=True):
    """Address, port and client limit of the page."""

    host: Annotated[str, declare("Address of the page; loopback only")] = "127.0.0.1"
    port: Annotated[int, declare("Port of the page; 0 takes a free one", minimum=0, maximum=65535)] = 8080
    max_clients: Annotated[
        int, declare("Maximum number of pages and streams at the same time", minimum=1, maximum=1000)
    ] = 64
