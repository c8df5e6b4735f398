"""The web server: its routes and its shutdown, which takes at most a second."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles

from lkas.integration.client import LKASClient
from lkas.integration.zmq.ports import Ports
from lkas.page import ViewerConfig
from lkas.runtime.exit_codes import exit_code_of_signal
from lkas.runtime.heartbeat import HEARTBEAT_PERIOD_NS, Heartbeat
from lkas.runtime.stop_signals import stop_signals
from viewer.api import routes as api_routes
from viewer.api.problem import problem_response
from viewer.bridge import Bridge
from viewer.hub import Hub
from viewer.listener import url_of
from viewer.local_frames import LocalFrames
from viewer.page_socket import PageSockets
from viewer.security import Guard
from viewer.wire import MAX_INBOUND_BYTES

STATIC = Path(__file__).parent / "static"
GRACEFUL_SHUTDOWN_S = 1
ABORT_AFTER_S = 0.4  # a client that does not read never closes its connection


def application(bridge: Bridge, hub: Hub, client: LKASClient, allowed_hosts: str = "") -> Starlette:
    """The ASGI application with all routes."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(bridge.run()), asyncio.create_task(LocalFrames(bridge, hub, client).run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            client.close()

    return Starlette(
        routes=[
            *api_routes(bridge, hub, client),
            WebSocketRoute("/ws", PageSockets(bridge, hub).serve),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[Middleware(Guard, allowed_hosts=allowed_hosts)],
        exception_handlers={HTTPException: _problem},
        lifespan=lifespan,
    )


async def _problem(request: Request, error: Exception) -> Response:
    """Return what the routing refuses (no such path, another method) like every other error."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return problem_response(error.status_code, f"{request.method} {request.url.path}: {error.detail}", headers)


def run(
    listener: socket.socket,
    ports: Ports,
    *,
    configuration: ViewerConfig,
    on_serving: Callable[[str], None],
    heartbeat: Heartbeat | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM and return the exit code. `on_serving` receives the URL at the start."""
    return asyncio.run(_serve(listener, ports, configuration, on_serving, heartbeat or Heartbeat(None)))


async def _serve(
    listener: socket.socket,
    ports: Ports,
    configuration: ViewerConfig,
    on_serving: Callable[[str], None],
    heartbeat: Heartbeat,
) -> int:
    hub = Hub(configuration.max_clients)
    server = _Server(
        uvicorn.Config(
            application(Bridge(ports, hub), hub, LKASClient(), configuration.allowed_hosts),
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # JPEG does not get smaller and the CPU time is 25 times as high
            ws_max_size=MAX_INBOUND_BYTES,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
        )
    )
    exit_code = 0

    def stop(number: int) -> None:
        nonlocal exit_code
        exit_code = exit_code_of_signal(number)
        hub.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stop, number)
    url = url_of(listener)
    server.on_serving = lambda: on_serving(url)
    beating = asyncio.create_task(_beat(heartbeat))
    await server.serve(sockets=[listener])
    beating.cancel()
    return exit_code


async def _beat(heartbeat: Heartbeat) -> None:
    while heartbeat.beat():
        await asyncio.sleep(HEARTBEAT_PERIOD_NS / 1e9)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (the exit code needs our own); no client can delay its shutdown."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.on_serving: Callable[[], None] = lambda: None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_serving()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(ABORT_AFTER_S, self._abort_connections)
        await super().shutdown(sockets)

    def _abort_connections(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
