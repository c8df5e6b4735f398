"""What LKASClient finds beside a running `lkas`: somebody who answers commands, and a status file.

`CONFIG_UPDATE` sets parameters by their full names, {"detection.canny_low": 60.0}; `PING` does nothing; any other name
is an action, in lower or upper case. True at the client means what an ack on the broker's ports means: checked, and
on its way to the process that it concerns.
"""

import logging
import os
import time

import msgspec

from lkas import __version__
from lkas.integration.client.receiver import CommandReceiver
from lkas.integration.client.status import Status, write_status
from lkas.integration.zmq.broker import LKASBroker
from lkas.integration.zmq.messages import Ack, ActionRequest, ParameterRequest, Value
from lkas.parameters import ParameterError

logger = logging.getLogger(__name__)


class ClientPort:
    """Belongs to a broker. Raises SHMError when there is no room for its inbox."""

    def __init__(self, broker: LKASBroker, instance: str | None = None) -> None:
        self._broker = broker
        self._instance = instance
        self._receiver = CommandReceiver(instance)
        self._started_ns = time.monotonic_ns()
        self._trouble: str | None = None

    def poll(self) -> None:
        """Answer the commands that wait; never blocks."""
        self._receiver.poll(self._carry_out)

    def write_status(self, state: str) -> None:
        """Say in the status file that all is going on; to be called at least twice a second."""
        status = Status(
            name="lkas",
            pid=os.getpid(),
            state=state[:1000],
            started_ns=self._started_ns,
            heartbeat_ns=time.monotonic_ns(),
            versions={"program": __version__},
        )
        try:
            write_status(status, self._instance)
        except OSError as error:  # a full disk must not end the broker
            if str(error) != self._trouble:
                self._trouble = str(error)
                logger.warning("no status file: %s", error)

    def close(self) -> None:
        self._receiver.close()
        self.write_status("stopped")

    def _carry_out(self, command: ActionRequest) -> Ack:
        if command.action == "PING":
            return Ack(request_id="", ok=True, applied=True)
        if command.action == "CONFIG_UPDATE":
            return self._update(command.params)
        return self._broker.submit_action(msgspec.structs.replace(command, action=command.action.lower()))

    def _update(self, params: dict[str, Value]) -> Ack:
        """All of them, or none and why not."""
        requests = []
        for key, value in params.items():
            category, _, name = key.partition(".")
            requests.append(ParameterRequest(category=category, name=name, value=value))
        try:
            for request in requests:
                self._broker.check_parameter(request)
        except ParameterError as error:
            return Ack(request_id="", ok=False, error=str(error))
        acks = [self._broker.submit_parameter(request) for request in requests]
        return next((ack for ack in acks if not ack.ok), Ack(request_id="", ok=True))
