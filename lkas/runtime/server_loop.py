"""The loop of every server process: read the inputs, step, write the outputs, report to the broker, poll its requests.

A server has no I/O and no loop of its own, which keeps replay and tests simple; its channels have no logic.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from lkas.clock import Clock
from lkas.health import Level, Percentiles
from lkas.runtime.child import Child
from lkas.runtime.status import ProcessStatus, StatusTimer

InputsT = TypeVar("InputsT")
InputsT_co = TypeVar("InputsT_co", covariant=True)
InputsT_contra = TypeVar("InputsT_contra", contravariant=True)
MessageT = TypeVar("MessageT")
MessageT_co = TypeVar("MessageT_co", covariant=True)
MessageT_contra = TypeVar("MessageT_contra", contravariant=True)

logger = logging.getLogger(__name__)


class ServerEvent(Protocol):
    """An event for the log and for viewers. `text` is one sentence."""

    @property
    def name(self) -> str: ...

    @property
    def level(self) -> Level: ...

    @property
    def text(self) -> str: ...


class Server(Protocol[InputsT_contra, MessageT_co]):
    """Turns input messages into output messages."""

    @property
    def wait_s(self) -> float:
        """The longest time to wait for inputs before the next step."""
        ...

    def step(self, inputs: InputsT_contra) -> Iterable[MessageT_co]:
        """Process the inputs. Yield each message as soon as it can be written."""
        ...

    def take_events(self) -> Iterable[ServerEvent]:
        """Return the events since the last call."""
        ...

    def status(self) -> ProcessStatus: ...


class ServerChannels(Protocol[InputsT_co, MessageT_contra]):
    """Reads the inputs of a server and writes its messages."""

    def read(self, timeout_s: float) -> AbstractContextManager[InputsT_co]:
        """Wait up to `timeout_s` for new inputs. They are valid within the context."""
        ...

    def write(self, message: MessageT_contra) -> None: ...


class BrokerEndpoint(Protocol):
    """The connection of a server to the broker. No call blocks."""

    def poll(self) -> None:
        """Handle the requests that have arrived."""
        ...

    def send_status(
        self,
        state: str,
        rate_hz: float | None = None,
        age_ms: float | None = None,
        latency_ms: Mapping[str, Percentiles] | None = None,
    ) -> None: ...

    def send_event(self, name: str, level: Level, text: str) -> None: ...


def run(
    child: Child,
    server: Server[InputsT, MessageT],
    channels: ServerChannels[InputsT, MessageT],
    endpoint: BrokerEndpoint | None,
    clock: Clock,
) -> None:
    """Serve until the child is to stop. `endpoint` is None without a broker."""
    timer = StatusTimer()
    while not child.stopping:
        child.heartbeat()
        with channels.read(server.wait_s) as inputs:
            for message in server.step(inputs):
                channels.write(message)
        for event in server.take_events():
            logger.log(logging.INFO if event.level == "info" else logging.WARNING, "%s", event.text)
            if endpoint is not None:
                endpoint.send_event(event.name, event.level, event.text)
        if endpoint is None:
            continue
        if timer.is_due(clock.now_ns()):
            status = server.status()
            endpoint.send_status(status.state, status.rate_hz, status.age_ms, status.latency_ms)
        endpoint.poll()
