"""The connection between the runner and the broker: actions and their replies, status and events."""

import logging
from typing import TYPE_CHECKING

from lkas.clock import Clock
from lkas.runtime.status import StatusTimer
from simulation.runner import ActionError, Runner

if TYPE_CHECKING:
    from lkas.integration.zmq.client import SimulationClient
    from lkas.integration.zmq.messages import Level

log = logging.getLogger(__name__)


class BrokerLink:
    """Serves one `SimulationClient`; no method blocks."""

    def __init__(self, client: "SimulationClient", clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._status_timer = StatusTimer()

    def serve(self, runner: Runner) -> None:
        """Execute the received actions, reply to each, and send the status when it is due."""
        for action in self._client.poll():
            try:
                runner.act(action.name)
            except ActionError as error:
                log.warning("refused: %s", error)
                self._client.reply(action, False, str(error))
            else:
                self._client.reply(action, True)
        now_ns = self._clock.now_ns()
        if self._status_timer.is_due(now_ns):
            self._client.send_status(
                state=runner.status,
                rate_hz=runner.frame_rate.rate_hz(now_ns),
                age_ms=runner.frame_rate.age_ms(now_ns),
                latency_ms=runner.latency.percentiles(),
            )

    def event(self, name: str, level: "Level", text: str) -> None:
        """Send an event to all subscribers."""
        self._client.send_event(name, level, text)
