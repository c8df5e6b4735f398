"""What the commands that talk to a running broker share: one message, or one answered request."""

import time
from typing import TYPE_CHECKING, Any

from lkas.cli.settings import configured_ports, fail, load_settings
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_UNREACHABLE

if TYPE_CHECKING:
    from lkas.integration.zmq.client import BrokerClient
    from lkas.integration.zmq.messages import Ack

WAIT_S = 3.0


def connect(config: str | None, assignments: list[str] | None, *topics: str) -> "BrokerClient":
    """A client of the configured broker, subscribed to `topics`."""
    from lkas.integration.zmq.client import BrokerClient

    return BrokerClient(configured_ports(load_settings(config, assignments)), topics=topics)


def newest(config: str | None, assignments: list[str] | None, topic: str) -> dict[str, Any]:
    """The first message of this topic, or exit code 3."""
    client = connect(config, assignments, topic)
    deadline_s = time.monotonic() + WAIT_S
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            message = client.poll(left_s).get(topic)
            if message is not None:
                return message
    finally:
        client.close()
    fail(
        f"no broker answered within {WAIT_S:g} s; is `lkas --broadcast` or `lkas demo` running, and is zmq.port_base "
        "the same? `lkas doctor` looks at what there is without a broker",
        EXIT_UNREACHABLE,
    )


def check(client: "BrokerClient", ack: "Ack", what: str) -> None:
    """Exit with the reason unless the request was granted; `what` it is about is said once."""
    if not ack.ok:
        reason = ack.error or "refused"
        text = reason if reason.startswith(what) else f"{what}: {reason}"
        fail(text, EXIT_FAILED if client.has_answered else EXIT_UNREACHABLE)
