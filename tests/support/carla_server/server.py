"""The complete server: calls and streams in one loop, with additional calls for tests."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.carla_server.calls import Calls
from tests.support.carla_server.episode import Episode
from tests.support.carla_server.faults import Faults
from tests.support.carla_server.rpc import RpcServer
from tests.support.carla_server.streaming import StreamServer

STATE, SET_FAULTS, DESTROY_CARS = "stub_state", "stub_set_faults", "stub_destroy_cars"  # calls that no CARLA server has


async def serve(
    port: int, maps: dict[str, Path], faults: Faults, lifetime_s: float, on_ready: Callable[[int], None]
) -> None:
    """Run for at most `lifetime_s`. `on_ready` receives the port of the calls; the first map is loaded."""
    streams = StreamServer()
    episode = Episode(next(iter(maps.values())), streams, faults)
    with tempfile.TemporaryDirectory(prefix="carla-stub-") as folder:
        methods = Calls(episode, streams, faults, maps).methods(Path(folder))
        server = RpcServer(methods)
        methods[STATE] = lambda: _state(episode, server)
        methods[SET_FAULTS] = faults.set
        methods[DESTROY_CARS] = lambda: _destroy_cars(episode)
        await streams.start()
        on_ready(await server.start(port))
        free_running = asyncio.create_task(episode.run_free())
        done, _ = await asyncio.wait([free_running], timeout=lifetime_s)
        for task in done:
            task.result()  # it only ends with an error
        free_running.cancel()


def _state(episode: Episode, server: RpcServer) -> dict[str, Any]:
    return {
        "frame": episode.frame,
        "map": episode.map_name,
        "is_synchronous": episode.is_synchronous,
        "settings": episode.settings,
        "weather": episode.weather,
        "spectator": episode.actors.spectator.transform.record,
        "actors": [[actor.id, actor.blueprint] for actor in episode.actors if actor is not episode.actors.spectator],
        "roles": [actor.attributes.get("role_name") for actor in episode.actors],
        "controls": [actor.control for actor in episode.actors if actor.is_car],
        "poses": [actor.transform.record for actor in episode.actors if actor.is_car],
        "calls": dict(server.counts),
        "newest_calls": list(server.newest),
    }


def _destroy_cars(episode: Episode) -> None:
    """Destroy all cars, as another client would."""
    for actor in list(episode.actors):
        if actor.is_car:
            episode.destroy(actor.id)
