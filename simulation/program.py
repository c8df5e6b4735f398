"""One simulation process from its world to its statistics: channels, broker link, signals, the paced loop."""

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
from simulation.broker_link import BrokerLink
from simulation.runner import Runner
from simulation.status import StatusLine, print_table, statistics, write_json
from simulation.stop import StopSignals
from simulation.world import World, WorldEnded, WorldError

if TYPE_CHECKING:
    from lkas.integration.zmq.messages import Level

log = logging.getLogger(__name__)


class Settings(Struct, frozen=True, kw_only=True):
    """How to run a world, apart from the world itself."""

    instance: str
    ports: Ports | None = None  # of the broker; None: no broadcast
    json: Path | None = None
    duration_s: float | None = None  # of world time; None: without end


def run(world: World, settings: Settings, stop: StopSignals) -> int:
    """Drive until a signal, the end of the film or of the duration; the exit code.

    Raises WorldError (the statistics so far are written all the same), SHMError, OSError.
    """
    cv2.setNumThreads(1)
    clock = MonotonicClock()
    with ExitStack() as cleanup:
        cleanup.enter_context(closing(world))
        stop.finish_step = True  # from here on there is something to leave behind
        images = ImageChannel(
            create=True, width=world.width_px, height=world.height_px, channels=3, instance=settings.instance
        )
        cleanup.callback(_remove, images)
        vehicle = VehicleChannel(create=True, instance=settings.instance)
        cleanup.callback(_remove, vehicle)
        controls = cleanup.enter_context(closing(ControlChannel(create=False, instance=settings.instance)))
        link = _broker_link(settings.ports, clock, cleanup)

        def on_event(name: str, level: "Level", text: str) -> None:
            if level != "error":  # that is this program's last word, said by its command line
                log.log(logging.getLevelNamesMapping()[level.upper()], "%s", text)
            if link is not None:
                link.event(name, level, text)

        runner = Runner(world, images=images, vehicle=vehicle, controls=controls, clock=clock, on_event=on_event)
        line = StatusLine(sys.stdout, clock)
        keeper = runner.keeper()
        on_event("start", "info", f"start: {world.name}, {world.width_px} x {world.height_px} px")
        try:
            drive(runner, keeper, stop, settings.duration_s, link, line)
        except WorldEnded as end:
            on_event("end", "info", str(end))
        except WorldError as error:
            on_event("failed", "error", str(error))
            raise
        finally:
            line.close()
            figures = statistics(runner, lost_s=keeper.lost_cycles * runner.cycle_s)
            if settings.json is not None:
                write_json(settings.json, figures)
            print_table(figures, Console())
    return stop.exit_code


def drive(
    runner: Runner,
    keeper: RateKeeper,
    stop: StopSignals,
    duration_s: float | None,
    link: BrokerLink | None,
    line: StatusLine,
) -> None:
    """The paced loop. Raises WorldEnded at the end of a film."""
    while stop.number is None and (duration_s is None or runner.driven_s < duration_s):
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
