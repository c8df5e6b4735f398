"""The HTTP side of the viewer: REST by subject, camera images, health, metrics."""

from starlette.routing import Route

from lkas.integration.client import LKASClient
from viewer.api import events, healthz, instances, live, metrics, openapi, perception
from viewer.api.images import Images
from viewer.api.orders import Orders
from viewer.bridge import Bridge
from viewer.hub import Hub


def routes(bridge: Bridge, hub: Hub, client: LKASClient) -> list[Route]:
    """Return all routes besides the page and its WebSocket."""
    images = Images(bridge, hub)
    endpoints = [
        *perception.endpoints(hub, client),
        *live.endpoints(bridge, hub, client),
        *Orders(bridge, hub).endpoints(),
        *events.endpoints(hub),
        *instances.endpoints(),
    ]
    return [
        healthz.route(bridge, hub),
        *images.routes(),
        metrics.route(bridge, hub, images.tiers),
        events.stream_route(hub),
        *(route for endpoint in endpoints for route in endpoint.routes()),
        *openapi.routes(endpoints),
    ]
