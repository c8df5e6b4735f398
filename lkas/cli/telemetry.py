"""Shared by the commands that talk to a running broker: read one message, or check one reply."""

import time
from typing import TYPE_CHECKING, Any

from lkas.cli.settings import configured_ports, fail, load_settings
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE

if TYPE_CHECKING:
    from lkas.integration.zmq.client import BrokerClient
    from lkas.integration.zmq.messages import Ack

TIMEOUT_S = 3.0


def connect(config: str | None, assignments: list[str] | None, *topics: str) -> "BrokerClient":
    """Return a client of the configured broker, subscribed to `topics`."""
    from lkas.integration.zmq.client import BrokerClient

    return BrokerClient(configured_ports(load_settings(config, assignments)), topics=topics)


def newest(config: str | None, assignments: list[str] | None, topic: str) -> dict[str, Any]:
    """Return the first message of this topic. Exits with code 3 when none arrives in time."""
    client = connect(config, assignments, topic)
    deadline_s = time.monotonic() + TIMEOUT_S
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            message = client.poll(left_s).get(topic)
            if message is not None:
                return message
    finally:
        client.close()
    fail(
        f"no broker answered within {TIMEOUT_S:g} s; is `lkas --broadcast` or `lkas demo` running, and is "
        "zmq.port_base the same? `lkas doctor` works without a broker",
        EXIT_UNREACHABLE,
    )


def check(client: "BrokerClient", ack: "Ack", what: str) -> None:
    """Exit with the reason when a request was refused. `what` names its subject, once."""
    if not ack.ok:
        reason = ack.error or "refused"
        text = reason if reason.startswith(what) else f"{what}: {reason}"
        fail(text, EXIT_FAILED if client.has_answered else EXIT_UNREACHABLE)
