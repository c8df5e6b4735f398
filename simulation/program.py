"""One simulation process: channels, broker link, signals, the paced loop and the final statistics."""

import logging
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from msgspec import Struct
from rich.console import Console

from lkas.clock import MonotonicClock, RateKeeper
from lkas.integration.shared_memory import ControlChannel, ImageChannel, VehicleChannel
from lkas.integration.zmq.ports import Ports
from lkas.runtime.heartbeat import Heartbeat
from lkas.runtime.run_limit import RunLimit
from simulation.broker_link import BrokerLink
from simulation.runner import Runner
from simulation.status import StatusLine, print_table, statistics, write_json
from simulation.stop import StopSignals
from simulation.world import World, WorldEnded, WorldError

if TYPE_CHECKING:
    from lkas.integration.zmq.messages import Level

log = logging.getLogger(__name__)


class RunOptions(Struct, frozen=True, kw_only=True):
    """How to run a world."""

    instance: str
    ports: Ports | None = None  # of the broker; None: no broadcast
    json: Path | None = None
    duration_s: float | None = None  # of world time; None: unlimited
    heartbeat: Heartbeat = Heartbeat(None)


def run(world: World, options: RunOptions, stop: StopSignals) -> int:
    """Drive until a signal, WorldEnded or the end of the duration, and return the exit code.

    Raises WorldError and RunLimitError (after it has written the statistics so far), SHMError, OSError.
    """
    cv2.setNumThreads(1)
    clock = MonotonicClock()
    with ExitStack() as cleanup:
        cleanup.enter_context(closing(world))
        stop.finish_step = True  # from here on there are resources to release
        images = ImageChannel(
            create=True, width=world.width_px, height=world.height_px, channels=3, instance=options.instance
        )
        cleanup.callback(_remove, images)
        vehicle = VehicleChannel(create=True, instance=options.instance)
        cleanup.callback(_remove, vehicle)
        controls = cleanup.enter_context(closing(ControlChannel(create=False, instance=options.instance)))
        link = _broker_link(options.ports, clock, cleanup)

        def on_event(name: str, level: "Level", text: str) -> None:
            if level != "error":  # the command line prints the error
                log.log(logging.getLevelNamesMapping()[level.upper()], "%s", text)
            if link is not None:
                link.event(name, level, text)

        runner = Runner(world, images=images, vehicle=vehicle, controls=controls, clock=clock, on_event=on_event)
        line = StatusLine(sys.stdout, clock)
        keeper = runner.keeper()
        on_event("start", "info", f"start: {world.name}, {world.width_px} x {world.height_px} px")
        try:
            drive(runner, keeper, stop, options, link, line)
        except WorldEnded as end:
            on_event("end", "info", str(end))
        except WorldError as error:
            on_event("failed", "error", str(error))
            raise
        finally:
            line.close()
            metrics = statistics(runner, lost_s=keeper.lost_cycles * runner.cycle_s)
            print_table(metrics, Console())
            if options.json is not None:
                write_json(options.json, metrics)
    return stop.exit_code


def drive(
    runner: Runner,
    keeper: RateKeeper,
    stop: StopSignals,
    options: RunOptions,
    link: BrokerLink | None,
    line: StatusLine,
) -> None:
    """Run the paced loop. Raises WorldEnded, RunLimitError."""
    duration_s, limit = options.duration_s, RunLimit(options.duration_s, MonotonicClock())
    while stop.number is None and (duration_s is None or runner.driven_s < duration_s):
        options.heartbeat.beat()
        limit.check()
        runner.cycle()
        if link is not None:
            link.serve(runner)
        line.update(runner)
        keeper.wait()


def _broker_link(ports: Ports | None, clock: MonotonicClock, cleanup: ExitStack) -> BrokerLink | None:
    if ports is None:
        return None
    from lkas.integration.zmq.client import SimulationClient

    return BrokerLink(cleanup.enter_context(closing(SimulationClient(ports))), clock)


def _remove(channel: ImageChannel | VehicleChannel) -> None:
    channel.close()
    channel.unlink()
