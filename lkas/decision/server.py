"""The process `decision`: moves messages between the channels and a DecisionServer.

It wakes up for each detection and each vehicle state, and writes a command every time. Without either it still writes
twenty commands a second, so that the world and the viewers know it is alive. Ten times a second it writes the timeline,
its prediction for the next three seconds.
"""

# ruff: noqa: E402 - threads are limited before numpy is imported
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.threads import use_one_thread

use_one_thread()  # before numpy is imported: small matrices in many threads occupy a core each

from lkas.clock import MonotonicClock
from lkas.config import Configuration
from lkas.decision.broker_requests import connect
from lkas.decision.cycle import DecisionInputs, DecisionServer
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    TimelineChannel,
    VehicleChannel,
    wait_any,
)
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.shared_memory.messages import ControlMessage, TimelineMessage
from lkas.integration.shared_memory.ownership import open_if_free, retry_until_free
from lkas.integration.zmq.ports import ZmqConfig
from lkas.plugins.guard import PluginError
from lkas.runtime.child import Child
from lkas.runtime.server_loop import run
from lkas.vehicle import CameraConfig, VehicleConfig

SECTIONS = {"camera": CameraConfig, "vehicle": VehicleConfig, "decision": DecisionParameters, "zmq": ZmqConfig}

logger = logging.getLogger(__name__)


class DecisionChannels:
    """The channels of the process. `timelines` is None when another process writes that channel."""

    def __init__(
        self,
        detections: DetectionChannel,
        vehicles: VehicleChannel,
        controls: ControlChannel,
        timelines: TimelineChannel | None,
    ) -> None:
        self._detections, self._vehicles = detections, vehicles
        self._controls, self._timelines = controls, timelines
        self._written = [controls] if timelines is None else [controls, timelines]
        self._has_read = False

    @contextmanager
    def read(self, timeout_s: float) -> Iterator[DecisionInputs]:
        """Wait up to `timeout_s` for a new message. The first call does not wait."""
        if self._has_read:
            wait_any([self._detections, self._vehicles], timeout_s)
            yield DecisionInputs(self._detections.read(), self._vehicles.read())
        else:  # the world may be paused: its last state counts
            self._has_read = True
            vehicle = self._vehicles.latest()
            yield DecisionInputs(self._detections.read(), self._vehicles.read() or vehicle)

    def write(self, message: ControlMessage | TimelineMessage) -> None:
        if isinstance(message, ControlMessage):
            self._controls.write_message(message)
        elif self._timelines is not None:
            self._timelines.write_message(message)

    def unlink(self) -> None:
        """Remove the channels that this process writes."""
        for channel in self._written:
            channel.unlink()

    def close(self) -> None:
        for channel in (self._detections, self._vehicles, *self._written):
            channel.close()


def main() -> int:
    """Run as a child of `lkas` and return the exit code."""
    child = Child.from_environment()
    configuration = child.configuration(SECTIONS)
    try:
        keeper = LaneKeeper(configuration["decision"], configuration["vehicle"], configuration["camera"])
    except PluginError as error:
        logger.error("%s", error, exc_info=error.origin)
        return EXIT_USAGE
    try:
        return _serve(child, keeper, configuration)
    except SHMError as error:
        logger.error("%s", error)
        return EXIT_FAILED


def _serve(child: Child, keeper: LaneKeeper, configuration: Configuration) -> int:
    taken = retry_until_free(lambda: (_last_control(), ControlChannel(create=True)), child.keeps_running)
    if taken is None:
        return 0
    last, controls = taken
    if last is not None:
        keeper.restore(last)
    timelines = open_if_free(TimelineChannel)
    channels = DecisionChannels(DetectionChannel(), VehicleChannel(), controls, timelines)
    client = connect(configuration["zmq"], configuration["decision"], keeper) if child.broadcast else None
    clock = MonotonicClock()
    try:
        server = DecisionServer(keeper, clock, with_timeline=timelines is not None)
        run(child, server, channels, client, clock)
        channels.unlink()
    finally:
        channels.close()
        if client is not None:
            client.close()
    return 0


def _last_control() -> ControlMessage | None:
    """Return the last command of the previous decision process."""
    reader = ControlChannel()
    try:
        return reader.latest()
    finally:
        reader.close()


if __name__ == "__main__":
    raise SystemExit(main())
