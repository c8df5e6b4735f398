"""The address of the web page: section `viewer` of the configuration.

`viewer` serves the page there; `lkas demo` starts `viewer` and prints the address.
"""

from typing import Annotated

from lkas.parameters import Section, declare


class ViewerConfig(Section, frozen=True, kw_only=True):
    """Where the page is served, and to how many clients."""

    host: Annotated[str, declare("Address the page is served on; loopback only")] = "127.0.0.1"
    port: Annotated[int, declare("Port the page is served on; 0 takes a free one", minimum=0, maximum=65535)] = 8080
    allowed_hosts: Annotated[
        str, declare("Other names of the page, with commas: what a proxy or tunnel calls it, such as car.example.org")
    ] = ""
    max_clients: Annotated[
        int, declare("Pages and streams served at the same time; more are refused", minimum=1, maximum=1000)
    ] = 64


def page_url(host: str, port: int) -> str:
    """Return the address to open in a browser. `host` is a loopback address."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://localhost:{port}/"
