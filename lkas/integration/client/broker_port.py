"""Serves LKASClients beside a running `lkas`: it answers commands and writes the status file.

`CONFIG_UPDATE` sets parameters by their full names, {"detection.canny_low": 60.0}; `PING` does nothing; any other name
is an action, in lower or upper case. As on the broker's ports, a positive answer means: checked, and sent to the
process that executes it.
"""

import logging
import os
import time
from typing import Protocol

import msgspec

from lkas import __version__
from lkas.integration.client.receiver import CommandReceiver
from lkas.integration.client.status import Status, write_status
from lkas.integration.zmq.messages import Ack, ActionRequest, ParameterRequest, Value
from lkas.parameters import ParameterError

logger = logging.getLogger(__name__)


class RequestHandler(Protocol):
    """What executes the commands: a broker."""

    def submit_action(self, request: ActionRequest) -> Ack:
        """Request an action. Returns the first answer."""
        ...

    def check_parameter(self, request: ParameterRequest) -> None:
        """Raise ParameterError for an unknown parameter or a value that is not allowed."""
        ...

    def submit_parameter(self, request: ParameterRequest) -> Ack:
        """Request a parameter change. Returns the first answer."""
        ...


class ClientPort:
    """Receives the commands of LKASClients. Raises SHMError when there is no memory for its inbox."""

    def __init__(self, handler: RequestHandler, instance: str | None = None) -> None:
        self._handler = handler
        self._instance = instance
        self._receiver = CommandReceiver(instance)
        self._started_ns = time.monotonic_ns()
        self._status_problem: int | str | None = None

    def poll(self) -> None:
        """Answer the commands that have arrived. Never blocks."""
        self._receiver.poll(self._execute)

    def write_status(self, state: str) -> None:
        """Write the status file with a new heartbeat. To be called at least twice a second."""
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
            problem = error.errno or str(error)  # with a number, the text may name another temporary file each time
            if problem != self._status_problem:
                self._status_problem = problem
                logger.warning("no status file: %s", error)
        else:
            self._status_problem = None

    def close(self) -> None:
        """Receive no more commands and write the status "stopped"."""
        self._receiver.close()
        self.write_status("stopped")

    def _execute(self, command: ActionRequest) -> Ack:
        if command.action == "PING":
            return Ack(request_id="", ok=True, applied=True)
        if command.action == "CONFIG_UPDATE":
            return self._update(command.params)
        return self._handler.submit_action(msgspec.structs.replace(command, action=command.action.lower()))

    def _update(self, params: dict[str, Value]) -> Ack:
        """Set all parameters, or none when one of them is not allowed."""
        requests = []
        for key, value in params.items():
            category, _, name = key.partition(".")
            requests.append(ParameterRequest(category=category, name=name, value=value))
        try:
            for request in requests:
                self._handler.check_parameter(request)
        except ParameterError as error:
            return Ack(request_id="", ok=False, error=str(error))
        acks = [self._handler.submit_parameter(request) for request in requests]
        return next((ack for ack in acks if not ack.ok), Ack(request_id="", ok=True))
