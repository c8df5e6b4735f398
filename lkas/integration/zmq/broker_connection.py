"""The two sockets between a process and the broker: reports out, instructions in. No call blocks."""

import logging
import os
from collections.abc import Iterator, Mapping

import zmq

from lkas.health import Percentiles
from lkas.integration.zmq.messages import (
    MAX_INBOUND_BYTES,
    EventReport,
    Instruction,
    Level,
    MalformedMessageError,
    Report,
    StatusReport,
    decode_instruction,
    encode,
)
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.sockets import connect

logger = logging.getLogger(__name__)

INSTRUCTIONS_PER_POLL = 256
LINGER_MS = 100  # for the last event of a process that terminates


class BrokerConnection:
    """Sends reports on one socket and receives instructions on the other."""

    def __init__(self, process: str, topic: str, ports: Ports, instructions_endpoint: str) -> None:
        self.process = process
        context = zmq.Context.instance()
        self._reports = connect(context, zmq.PUSH, ports.from_processes, LINGER_MS)
        self._instructions = connect(context, zmq.SUB, instructions_endpoint, 0)
        self._instructions.setsockopt(zmq.MAXMSGSIZE, MAX_INBOUND_BYTES)
        self._instructions.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self._topic = topic.encode()
        self._has_warned = False

    def instructions(self) -> Iterator[Instruction]:
        """Yield the instructions that have arrived for this topic (a subscription also matches longer topics)."""
        for _ in range(INSTRUCTIONS_PER_POLL):
            try:
                parts = self._instructions.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(parts) != 2 or parts[0] != self._topic:
                continue
            try:
                yield decode_instruction(parts[1])
            except MalformedMessageError as error:
                if not self._has_warned:
                    self._has_warned = True
                    logger.warning("instruction of the broker dropped: %s (further ones are not logged)", error)

    def report(self, report: Report) -> bool:
        """Send a report. Returns False when no broker is connected."""
        try:
            self._reports.send(encode(report), zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def status(
        self,
        state: str,
        rate_hz: float | None,
        age_ms: float | None,
        latency_ms: Mapping[str, Percentiles] | None,
        category: str | None = None,
        revision: int = 0,
    ) -> None:
        self.report(
            StatusReport(
                process=self.process,
                pid=os.getpid(),
                state=state,
                rate_hz=rate_hz,
                age_ms=age_ms,
                latency_ms=dict(latency_ms or {}),
                category=category,
                revision=revision,
            )
        )

    def event(self, name: str, level: Level, text: str) -> bool:
        """Send an event. Returns False when no broker is connected."""
        return self.report(EventReport(process=self.process, name=name, level=level, text=text[:1000]))

    def close(self) -> None:
        self._reports.close()
        self._instructions.close()
